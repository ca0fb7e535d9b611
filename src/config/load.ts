/**
 * Reads a configuration file: YAML (so JSON too), `${NAME}` references, one strict schema.
 *
 * Every problem names its place in the file, what was expected and, for an unknown key, the nearest
 * known one. Values are never shown: one of them may be a secret.
 */

import { findAuthProblem } from './auth-rules.ts'
import { expectedType, NO_WORDS, toProblems } from './describe-issue.ts'
import { expandEnv, type Env } from './expand-env.ts'
import { configJsonSchema, configSchema, type Config } from './schema.ts'
import { findPathClash } from './path-clash.ts'
import { readYaml, type ConfigProblem, type Invalid, type LineAt } from './read-yaml.ts'
import { parseAddress } from './units.ts'

export type ConfigResult = { readonly kind: 'config'; readonly config: Config } | Invalid

/** A check of what the schema cannot see, by the part that uses it. */
export type ConfigCheck = (
  config: Config,
) => readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]

export function parseConfig(source: string, env: Env, check?: ConfigCheck): ConfigResult {
  const read = readYaml(source, (contents, report) =>
    expandEnv(contents, [], {
      env,
      report,
      typeAt: (path) => expectedType(configJsonSchema(), path),
    }),
  )
  return read.kind === 'invalid' ? read : validateConfig(read.value ?? {}, read.lineAt, check)
}

/** Checks a configuration that is already a value, such as one made from flags. */
export function validateConfig(
  value: unknown,
  lineAt: LineAt = () => undefined,
  check: ConfigCheck = () => [],
): ConfigResult {
  const result = configSchema.safeParse(value, NO_WORDS)
  if (!result.success) {
    return invalid(
      result.error.issues.flatMap((issue) => toProblems(issue, value, lineAt, configJsonSchema())),
    )
  }
  const clash =
    findPathClash(result.data, lineAt) ??
    findLoop(result.data, lineAt) ??
    findAuthProblem(result.data, lineAt) ??
    findStray(result.data, lineAt)
  if (clash !== undefined) return invalid([clash])
  const problems = check(result.data).map(({ path, message }) => ({
    path: path.map(String).join('.'),
    line: lineAt(path),
    message,
  }))
  return problems.length === 0 ? { kind: 'config', config: result.data } : invalid(problems)
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

/** An upstream that is our own listener would send every call round for ever. */
function findLoop(config: Config, lineAt: LineAt): ConfigProblem | undefined {
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

/** A rule for an upstream that there is not would never say anything. */
function findStray({ alerts, upstreams }: Config, lineAt: LineAt): ConfigProblem | undefined {
  for (const [rule, settings] of Object.entries(alerts.rules)) {
    if (!('upstreams' in settings)) continue
    for (const name of Object.keys(settings.upstreams)) {
      if (Object.hasOwn(upstreams, name)) continue
      const path = ['alerts', 'rules', rule, 'upstreams', name]
      return { path: path.join('.'), line: lineAt(path), message: 'there is no such upstream' }
    }
  }
  return undefined
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }
/** Loopback, or every address: what is bound to one is reached by the other. */
const LOCAL = /^(localhost|::1?|0\.0\.0\.0|127(\.\d+){3})$/
