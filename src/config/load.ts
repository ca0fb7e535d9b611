/**
 * Reads a configuration file: YAML (so JSON too), `${NAME}` references, one strict schema.
 *
 * Every problem names its place in the file, what was expected and, for an unknown key, the nearest
 * known one. Values are never shown: one of them may be a secret.
 */

import { isMap, isNode, isScalar, LineCounter, parseDocument, type Document } from 'yaml'
import {
  describeIssue,
  describeUnknownKey,
  expectedType,
  valueAt,
  type Issue,
} from './describe-issue.ts'
import { expandEnv, type Env } from './expand-env.ts'
import { configSchema, type Config } from './schema.ts'
import { findPathClash } from './path-clash.ts'
import { parseAddress } from './units.ts'

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
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) {
    return invalid(
      faults.map((error) => ({
        path: '',
        line: lineOf(error.pos[0]),
        message: describeYamlError(error.code, error.message),
      })),
    )
  }
  const problems: ConfigProblem[] = []
  expandEnv(document.contents, [], {
    env,
    report: (path, offset, message) => problems.push({ path, line: lineOf(offset), message }),
    typeAt: expectedType,
  })
  if (problems.length > 0) return invalid(problems)
  const at = (path: readonly PropertyKey[]): number | undefined => lineOf(offsetOf(document, path))
  const value = toValue(document)
  if (value instanceof Error) {
    return invalid([{ path: '', line: undefined, message: describeYamlError('', value.message) }])
  }
  return validateConfig(value ?? {}, at)
}

/** The document as plain values; an error for aliases that lead nowhere or explode. */
function toValue(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX })
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Checks a configuration that is already a value, such as one made from flags. */
export function validateConfig(
  value: unknown,
  lineAt: (path: readonly PropertyKey[]) => number | undefined = () => undefined,
): ConfigResult {
  const result = configSchema.safeParse(value, NO_WORDS)
  if (!result.success) {
    return invalid(result.error.issues.flatMap((issue) => toProblems(issue, value, lineAt)))
  }
  const clash = findPathClash(result.data, lineAt) ?? findLoop(result.data, lineAt)
  return clash === undefined ? { kind: 'config', config: result.data } : invalid([clash])
}

/**
 * What the schema says in our own words stays; all else is said by describeIssue. Without this, zod
 * would say it in the words of a locale, when another package of the process has loaded one.
 */
const NO_WORDS = { error: () => 'Invalid input' }

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

/** Where the key at a path stands in the file, or the nearest that is there of those above it. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const offset = keyOffset(document, path.slice(0, length))
    if (offset !== undefined) return offset
  }
  return undefined
}

function keyOffset(document: Document, path: readonly PropertyKey[]): number | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  const last = path.at(-1)
  if (isMap(parent)) {
    const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === last)
    if (isScalar(pair?.key)) return pair.key.range?.[0]
  }
  const node = document.getIn(path, true)
  return isNode(node) ? node.range?.[0] : undefined
}

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
      message: describeUnknownKey(key, path),
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

/** An upstream that is our own listener would send every call round for ever. */
function findLoop(
  config: Config,
  lineAt: (path: readonly PropertyKey[]) => number | undefined,
): ConfigProblem | undefined {
  const own = parseAddress(config.listen.data)
  if (own === undefined) return undefined
  for (const [name, { url }] of Object.entries(config.upstreams)) {
    if (url === undefined) continue
    const { hostname, port, protocol } = new URL(url)
    const host = hostname.replace(/^\[|\]$/g, '')
    const samePort = Number(port === '' ? DEFAULT_PORTS[protocol] : port) === own.port
    const sameHost = host === own.host || (LOCAL.test(host) && LOCAL.test(own.host))
    if (!samePort || !sameHost) continue
    const line = lineAt(['upstreams', name, 'url'])
    return {
      path: `upstreams.${name}.url`,
      line,
      message: 'this is where Sidelight itself listens',
    }
  }
  return undefined
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }
/** Loopback, or every address: what is bound to one is reached by the other. */
const LOCAL = /^(localhost|::1?|0\.0\.0\.0|127(\.\d+){3})$/
