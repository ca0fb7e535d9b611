/**
 * Reads a declarative configuration of OpenTelemetry (`OTEL_CONFIG_FILE`): YAML, references to the
 * environment, one strict schema. Values are never shown: one of them may be a secret.
 *
 * OpenTelemetry's own package for it was not taken: it names no lines, takes YAML with faults, reads
 * the environment itself, and lets pass what we cannot honour, for half a megabyte of code.
 */

import { isMap, isScalar, isSeq, parse, Scalar } from 'yaml'
import * as z from 'zod/mini'
import { NO_WORDS, expectedType, schemaAt, toProblems, member } from './describe-issue.ts'
import { otelSchema, type OtelFile } from './otel-schema.ts'
import { readYaml, type Invalid, type LineAt } from './read-yaml.ts'

export type OtelFileResult =
  | { readonly kind: 'file'; readonly file: OtelFile; readonly lineAt: LineAt }
  | Invalid

type Env = Readonly<Record<string, string | undefined>>

export function parseOtelFile(source: string, env: Env): OtelFileResult {
  const schema = z.toJSONSchema(otelSchema, { io: 'input', unrepresentable: 'any' })
  const read = readYaml(source, (contents, report) =>
    substitute(contents, [], { env, schema, report }),
  )
  if (read.kind === 'invalid') return read
  const value = withoutNulls(read.value ?? {}, schema)
  const result = otelSchema.safeParse(value, NO_WORDS)
  if (result.success) return { kind: 'file', file: result.data, lineAt: read.lineAt }
  const { issues } = result.error
  return {
    kind: 'invalid',
    problems: issues.flatMap((issue) => toProblems(issue, value, read.lineAt, schema)),
  }
}

interface Substitution {
  readonly env: Env
  /** JSON Schema of the file. */
  readonly schema: unknown
  readonly report: (path: string, offset: number | undefined, message: string) => void
}

/**
 * Replaces `${NAME}`, `${env:NAME}` and `${NAME:-default}` in values, and `$$` by `$`; what is not set is
 * empty (OpenTelemetry specification, "Environment variable substitution"). Names of keys stay.
 */
function substitute(node: unknown, path: readonly string[], how: Substitution): void {
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      substitute(value, [...path, isScalar(key) ? String(key.value) : '?'], how)
    }
  } else if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) {
      substitute(item, [...path, String(index)], how)
    }
  } else if (isScalar(node)) {
    substituteText(node, path, how)
  }
}

function substituteText(node: Scalar, path: readonly string[], how: Substitution): void {
  if (typeof node.value !== 'string') return
  const text = replaceReferences(node.value, how.env)
  if (text === node.value) return
  if (text === undefined) {
    const message = 'expected ${NAME} or ${NAME:-default}; write $$ for a literal $'
    how.report(path.join('.'), node.range?.[0], message)
    return
  }
  const plain = node.type === Scalar.PLAIN
  node.value = plain ? resolve(text, expectedType(how.schema, path) === 'string') : text
}

/** Undefined when something between braces is no reference. */
function replaceReferences(text: string, env: Env): string | undefined {
  let wrong = false
  const replaced = text.replaceAll(
    /\$\$|\$\{([^}\n]*)\}/g,
    (_match: string, inner: string | undefined) => {
      if (inner === undefined) return '$'
      const reference = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/.exec(inner)
      const [, name, otherwise = ''] = reference ?? []
      if (name === undefined) {
        wrong = true
        return ''
      }
      const value = env[name] ?? ''
      return value === '' ? otherwise : value
    },
  )
  return wrong ? undefined : replaced
}

/** What was not in quotes is a number, a truth value or nothing if it looks like one. */
function resolve(text: string, isText: boolean): string | number | boolean | null {
  if (text === '') return null
  if (isText) return text
  try {
    const value: unknown = parse(text)
    return typeof value === 'number' || typeof value === 'boolean' || value === null ? value : text
  } catch {
    return text
  }
}

/**
 * In this format null stands for a default: a mapping such as `console:` is an empty one, and other keys
 * are as good as absent.
 */
function withoutNulls(value: unknown, schema: unknown): unknown {
  if (Array.isArray(value)) {
    const items = schemaAt(schema, ['0'])
    return value.map((item: unknown) => withoutNulls(item, items))
  }
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const about = schemaAt(schema, [key])
    if (inner !== null) return [[key, withoutNulls(inner, about)] as const]
    const type = member(about, 'type')
    if (type === 'object') return [[key, {}] as const]
    return type === undefined ? [[key, null] as const] : []
  })
  return Object.fromEntries(members)
}
