/** The schema of sidelight.yaml as a value of the chart, so that Helm refuses what the program would. */

import { configJsonSchema } from '../../../src/config/schema.ts'
import type { Schema } from './value.ts'

/**
 * Without `required` at the top: an empty mapping stands for no configuration, and the template asks for
 * `upstreams` as soon as there is one.
 */
export function configValueSchema(): Schema {
  const { type, properties, additionalProperties } = configJsonSchema()
  const text = JSON.stringify({ type, properties, additionalProperties })
  return JSON.parse(text, (_, member: unknown) => (isSchema(member) ? forHelm(member) : member))
}

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The same in words of which Helm's errors name the right place. */
function forHelm({ propertyNames, additionalProperties, ...schema }: Schema): Schema {
  const names = propertyNames?.pattern
  if (typeof additionalProperties === 'object' && names !== undefined) {
    return {
      ...schema,
      patternProperties: { [names]: additionalProperties },
      additionalProperties: false,
    }
  }
  return {
    ...schema,
    ...(propertyNames === undefined ? {} : { propertyNames }),
    ...(additionalProperties === undefined ? {} : { additionalProperties }),
    ...(typeof schema.pattern === 'string' ? { pattern: withCharacters(schema.pattern) } : {}),
  }
}

/** Helm's regular expressions know no `\u0080`, but the character itself. */
const withCharacters = (pattern: string): string =>
  pattern.replaceAll(/\\u([0-9a-f]{4})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
