/** What is wrong with a value, in words that say what to write instead. Values are never shown. */

import type * as z from 'zod/mini'
import { nearest } from '../core/nearest.ts'
import type { ConfigProblem, LineAt } from './read-yaml.ts'

export type Issue = z.core.$ZodIssue

/** What is wrong with `value` and where; `schema` is the JSON Schema of the whole file. */
export function toProblems(
  issue: Issue,
  value: unknown,
  lineAt: LineAt,
  schema: unknown,
): ConfigProblem[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key].join('.'),
      line: lineAt([...issue.path, key]),
      message: describeUnknownKey(key, path, schema),
    }))
  }
  return [
    {
      path: path.join('.'),
      line: lineAt(issue.path),
      message: describeIssue(issue, valueAt(value, issue.path)),
    },
  ]
}

function describeUnknownKey(key: string, path: readonly string[], schema: unknown): string {
  const known = Object.keys(member(schemaAt(schema, path), 'properties') ?? {})
  const near = nearest(key, known)
  return near === undefined
    ? `unknown key; known keys here: ${known.join(', ')}`
    : `unknown key; did you mean "${near}"?`
}

/**
 * What the schema says in our own words stays; all else is said by describeIssue. Without this, zod
 * would say it in the words of a locale, when another package of the process has loaded one.
 */
export const NO_WORDS = { error: () => 'Invalid input' }

function describeIssue(issue: Issue, value: unknown): string {
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

/** The JSON Schema type of the value at a path; undefined where the schema knows none. */
export function expectedType(root: unknown, path: readonly string[]): string | undefined {
  const type = member(schemaAt(root, path), 'type')
  return typeof type === 'string' ? type : undefined
}

export function schemaAt(root: unknown, path: readonly string[]): unknown {
  let schema = root
  for (const key of path) {
    schema =
      member(member(schema, 'properties'), key) ??
      member(schema, 'items') ??
      member(schema, 'additionalProperties')
  }
  return schema
}

export function member(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((inner: unknown, key) => member(inner, key), value)
}
