/** What a value of the chart is, from which values.yaml, its schema and its table are made. */

export type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json }

/** A JSON Schema; only the members that are used here are known. */
export interface Schema {
  readonly type?: string
  readonly enum?: readonly Json[]
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly propertyNames?: Schema
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly description?: string
  readonly [other: string]: unknown
}

export interface Value {
  readonly kind: 'value'
  readonly about: string
  readonly fallback: Json
  readonly schema: Schema
}

export interface Section {
  readonly kind: 'section'
  readonly about: string
  readonly members: Values
}

export type Values = Readonly<Record<string, Value | Section>>

export const value = (fallback: Json, about: string, schema: Schema): Value => ({
  kind: 'value',
  about,
  fallback,
  schema,
})

export const section = (about: string, members: Values): Section => ({
  kind: 'section',
  about,
  members,
})

export const flag = (fallback: boolean, about: string): Value =>
  value(fallback, about, { type: 'boolean' })

export const text = (fallback: string, about: string, schema: Schema = {}): Value =>
  value(fallback, about, { type: 'string', ...schema })

/** Names that Kubernetes gives to most things. */
export const DNS_LABEL: Schema = {
  type: 'string',
  pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$',
}

/** A name, or nothing for the default that `about` says. */
export const optionalName = (about: string): Value =>
  text('', about, { pattern: '^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$' })

export const namespaces = (about: string): Value =>
  value([], about, { type: 'array', items: DNS_LABEL, uniqueItems: true })

/** Labels and annotations: Kubernetes takes nothing but text as their values. */
export const texts = (fallback: Readonly<Record<string, string>>, about: string): Value =>
  value(fallback, about, { type: 'object', additionalProperties: { type: 'string' } })

/** Part of an object of Kubernetes, whose schema is its own. */
export const anything = (about: string): Value =>
  value({}, about, { type: 'object', additionalProperties: true })

/** As Prometheus writes durations. */
export const promDuration = (fallback: string, about: string): Value =>
  text(fallback, about, { pattern: '^[0-9]+(ms|s|m|h)$' })
