/** What is wrong with a value, in words that say what to write instead. Values are never shown. */

import type * as z from 'zod/mini'
import { nearest } from './nearest.ts'
import { configJsonSchema } from './schema.ts'

export type Issue = z.core.$ZodIssue

export function describeUnknownKey(key: string, path: readonly string[]): string {
  const known = knownKeys(path)
  const near = nearest(key, known)
  return near === undefined
    ? `unknown key; known keys here: ${known.join(', ')}`
    : `unknown key; did you mean "${near}"?`
}

export function describeIssue(issue: Issue, value: unknown): string {
  if (value === undefined && issue.code === 'invalid_type') return 'missing; this key is required'
  if (issue.code === 'invalid_value')
    return `expected one of ${issue.values.map(String).join(', ')}`
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? 'invalid name'
  // Zod's own words say nothing; those that the schema gives do.
  if (issue.message !== '' && issue.message !== 'Invalid input') return issue.message
  return describeByKind(issue)
}

function describeByKind(issue: Issue): string {
  if (issue.code === 'invalid_union') return describeUnion(issue)
  if (issue.code === 'invalid_type') return `expected ${article(issue.expected)}`
  return issue.code === 'too_small' ? `expected at least ${String(issue.minimum)}` : 'invalid value'
}

function describeUnion(issue: Extract<Issue, { code: 'invalid_union' }>): string {
  const messages = issue.errors
    .flat()
    .map((inner) =>
      inner.code === 'invalid_value' ? inner.values.map(String).join(', ') : inner.message,
    )
  return messages.length === 0 ? 'invalid value' : messages.toReversed().join(', or ')
}

function article(type: string): string {
  if (type === 'record' || type === 'object') return 'a mapping of keys to values'
  if (type === 'array') return 'a list'
  return type === 'int' ? 'a whole number' : `a ${type}`
}

/** The keys that the schema knows at a path. */
function knownKeys(path: readonly string[]): readonly string[] {
  return Object.keys(member(schemaAt(path), 'properties') ?? {})
}

/** The JSON Schema type of the value at a path; undefined where the schema knows none. */
export function expectedType(path: readonly string[]): string | undefined {
  const type = member(schemaAt(path), 'type')
  return typeof type === 'string' ? type : undefined
}

function schemaAt(path: readonly string[]): unknown {
  let schema: unknown = configJsonSchema()
  for (const key of path) {
    schema = member(member(schema, 'properties'), key) ?? member(schema, 'additionalProperties')
  }
  return schema
}

export function member(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((inner: unknown, key) => member(inner, key), value)
}
