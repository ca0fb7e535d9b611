/**
 * Reads a configuration file: YAML (so JSON too), `${NAME}` references, one strict schema.
 *
 * Every problem names its place in the file, what was expected and, for an unknown key, the nearest
 * known one. Values are never shown: one of them may be a secret.
 */

import type * as z from 'zod/mini'
import { LineCounter, isMap, isScalar, isNode, isSeq, parseDocument, type Document } from 'yaml'
import { configJsonSchema, configSchema, type Config } from './schema.ts'
import { nearest } from './nearest.ts'

export interface ConfigProblem {
  /** Path of keys such as `upstreams.weather.url`; empty for the file as a whole. */
  readonly path: string
  /** 1-based; undefined when the configuration came from flags. */
  readonly line: number | undefined
  readonly message: string
}

export type ConfigResult =
  | { readonly kind: 'config'; readonly config: Config }
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigProblem[] }

export type Env = Readonly<Record<string, string | undefined>>

/** Most aliases that a file may expand to, against files that explode when they are read. */
const ALIASES_MAX = 100

export function parseConfig(source: string, env: Env): ConfigResult {
  const lines = new LineCounter()
  const document = parseDocument(source, {
    lineCounter: lines,
    uniqueKeys: true,
    prettyErrors: false,
  })
  const lineOf = (offset: number | undefined): number | undefined =>
    offset === undefined ? undefined : lines.linePos(offset).line
  if (document.errors.length > 0) {
    return invalid(
      document.errors.map((error) => ({
        path: '',
        line: lineOf(error.pos[0]),
        message: describeYamlError(error.code, error.message),
      })),
    )
  }
  const problems: ConfigProblem[] = []
  expandEnv(document.contents, [], env, (path, offset, message) =>
    problems.push({ path, line: lineOf(offset), message }),
  )
  if (problems.length > 0) return invalid(problems)
  const at = (path: readonly PropertyKey[]): number | undefined => lineOf(offsetOf(document, path))
  return validateConfig(document.toJS({ maxAliasCount: ALIASES_MAX }) ?? {}, at)
}

/** Checks a configuration that is already a value, such as one made from flags. */
export function validateConfig(
  value: unknown,
  lineAt: (path: readonly PropertyKey[]) => number | undefined = () => undefined,
): ConfigResult {
  const result = configSchema.safeParse(value)
  if (!result.success) {
    return invalid(result.error.issues.flatMap((issue) => toProblems(issue, value, lineAt)))
  }
  const clash = findPathClash(result.data)
  return clash === undefined ? { kind: 'config', config: result.data } : invalid([clash])
}

function invalid(problems: readonly ConfigProblem[]): ConfigResult {
  return { kind: 'invalid', problems }
}

/** One line per problem: `file:line  path: message`. */
export function formatProblems(file: string, problems: readonly ConfigProblem[]): string {
  return problems
    .map(({ path, line, message }) => {
      const place = line === undefined ? file : `${file}:${line}`
      return path === '' ? `${place}: ${message}` : `${place}: ${path}: ${message}`
    })
    .join('\n')
}

function describeYamlError(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'this key stands here twice; keep one'
  return `this is not valid YAML: ${message.split('\n', 1)[0] ?? code}`
}

type Report = (path: string, offset: number | undefined, message: string) => void

function expandEnv(node: unknown, path: readonly string[], env: Env, report: Report): void {
  if (isMap(node)) {
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '?'
      expandEnv(pair.value, [...path, key], env, report)
    }
  } else if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) {
      expandEnv(item, [...path, String(index)], env, report)
    }
  } else if (isScalar(node) && typeof node.value === 'string' && node.value.includes('$')) {
    node.value = expandText(node.value, env, (name) =>
      report(
        path.join('.'),
        node.range?.[0],
        `the environment variable ${name} is not set; set it, or give a default as in \${${name}:-value}`,
      ),
    )
  }
}

/** `${NAME}`, `${NAME:-default}`, and `$${` for a literal `${`. */
function expandText(text: string, env: Env, missing: (name: string) => void): string {
  return text.replaceAll(
    /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
    (match, name: string | undefined, otherwise: string | undefined) => {
      if (name === undefined) return match.slice(1)
      const value = env[name]
      if (value !== undefined && value !== '') return value
      if (otherwise === undefined) missing(name)
      return otherwise ?? ''
    },
  )
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true)
    const offset = isNode(node) ? node.range?.[0] : undefined
    if (offset !== undefined) return offset
  }
  return undefined
}

type Issue = z.core.$ZodIssue

function toProblems(
  issue: Issue,
  value: unknown,
  lineAt: (path: readonly PropertyKey[]) => number | undefined,
): ConfigProblem[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key].join('.'),
      line: lineAt([...issue.path, key]),
      message: unknownKey(key, knownKeys(path)),
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

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known)
  return near === undefined
    ? `unknown key; known keys here: ${known.join(', ')}`
    : `unknown key; did you mean "${near}"?`
}

function describeIssue(issue: Issue, value: unknown): string {
  if (value === undefined && issue.code === 'invalid_type') return 'missing; this key is required'
  if (issue.code === 'invalid_value')
    return `expected one of ${issue.values.map(String).join(', ')}`
  if (issue.code === 'invalid_union') return describeUnion(issue)
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? 'invalid name'
  if (issue.message !== '' && issue.message !== 'Invalid input') return issue.message
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
  let schema: unknown = configJsonSchema()
  for (const key of path) {
    schema = member(member(schema, 'properties'), key) ?? member(schema, 'additionalProperties')
  }
  return Object.keys(member(schema, 'properties') ?? {})
}

function member(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((inner: unknown, key) => member(inner, key), value)
}

/** Two upstreams may not claim one path, nor may one claim the path that another has by its name. */
function findPathClash(config: Config): ConfigProblem | undefined {
  const owners = new Map(Object.keys(config.upstreams).map((name) => [`/${name}/mcp`, name]))
  for (const [name, { path }] of Object.entries(config.upstreams)) {
    if (path === undefined) continue
    const owner = owners.get(path)
    if (owner !== undefined && owner !== name) {
      const message = `"${path}" is already the path of upstream "${owner}"`
      return { path: `upstreams.${name}.path`, line: undefined, message }
    }
    owners.set(path, name)
  }
  return undefined
}
