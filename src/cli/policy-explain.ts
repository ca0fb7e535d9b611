/** `sidelight policy explain`: what the policy of a configuration says of one operation, and why. */

import type { Config } from '../config/schema.ts'
import type { Log } from '../core/log.ts'
import { nearest } from '../core/nearest.ts'
import type { OperationKind } from '../core/operation.ts'
import type { Principal } from '../core/principal.ts'
import { PROTOCOL_METHODS } from '../mcp/operations.ts'
import { readArguments } from '../policy/arguments.ts'
import { explain } from '../policy/explain.ts'
import { parseRule } from '../policy/rule.ts'
import { createAuth } from './auth.ts'
import { EXIT, type CommandContext } from './command.ts'
import type { FlagValues } from './flags.ts'
import { loadConfig } from './load-config.ts'
import { createLog } from './log-writer.ts'
import { createPolicy } from './policy.ts'
import { renderExplanation, type Subject } from './policy-report.ts'

interface Question extends Subject {
  /** JSON text. */
  readonly args: string
}

export async function policyCommand(
  flags: FlagValues,
  positionals: readonly string[],
  context: CommandContext,
): Promise<number> {
  const fail = (message: string): number => {
    context.err(`sidelight policy: ${message}\n`)
    return EXIT.usage
  }
  if (positionals[0] !== 'explain') return fail('say what to do: sidelight policy explain')
  const { config: file } = flags
  if (typeof file !== 'string') return fail('name the configuration: --config FILE')
  const config = await loadConfig(file, context)
  if (typeof config === 'number') return config
  const question = readQuestion(flags, config)
  if (typeof question === 'string') return fail(question)
  const log = createLog({
    level: 'error',
    format: 'text',
    clock: context.clock,
    write: (line) => context.err(line),
  })
  const policy = createPolicy(config, log)
  if (policy === undefined) {
    context.out('allow: there is no policy, so whoever may send requests may call everything\n')
    return EXIT.ok
  }
  const principal = await principalOf(flags, config, context, log)
  if (typeof principal === 'string') return fail(principal)
  const { upstream, operation, args } = question
  const found = explain(policy, principal, upstream, operation, () => readArguments(args))
  context.out(renderExplanation(found, question, policy, principal))
  return found.decision.kind === 'allow' ? EXIT.ok : EXIT.failed
}

const KINDS: readonly OperationKind[] = ['tool', 'prompt', 'resource', 'method', 'path']

function readQuestion(flags: FlagValues, config: Config): Question | string {
  const given = KINDS.filter((kind) => flags[kind] !== undefined)
  const [kind] = given
  if (kind === undefined || given.length > 1) {
    return 'say about what: one of --tool, --prompt, --resource, --method and --path'
  }
  const names = Object.keys(config.upstreams)
  const where = flags['upstream'] ?? (names.length === 1 ? names[0] : undefined)
  if (typeof where !== 'string') return `say at which upstream: --upstream ${names.join('|')}`
  const text = String(flags[kind])
  const name = kind === 'path' ? text.replace(/^\//, '') : text
  const rule = parseRule(`${where}:${kind}/${name}`, names)
  if (typeof rule === 'string' && (kind === 'method' || !names.includes(where))) return rule
  const protocol = kind === 'method' && PROTOCOL_METHODS.has(name)
  const args = String(flags['arguments'] ?? '{}')
  return { upstream: where, operation: { kind, name, protocol }, args }
}

/** The bearer of a token, or one who has the roles and scopes that the flags name. */
async function principalOf(
  flags: FlagValues,
  config: Config,
  context: CommandContext,
  log: Log,
): Promise<Principal | undefined | string> {
  const { token, role, scope, organization, subject = 'somebody' } = flags
  if (typeof token === 'string') return verify(token, config, context, log)
  if (config.auth.mode === 'off') return undefined
  const listed = (value: FlagValues[string]): readonly string[] =>
    Array.isArray(value) ? value.map(String) : []
  const roles = listed(role)
  const unknown = roles.find((name) => !Object.hasOwn(config.policy?.roles ?? {}, name))
  if (unknown !== undefined) {
    const known = Object.keys(config.policy?.roles ?? {})
    const near = nearest(unknown, known)
    return `the policy has no role "${unknown}"; ${near === undefined ? `it has: ${known.join(', ')}` : `did you mean "${near}"?`}`
  }
  return {
    key: String(subject),
    issuer: '',
    subject: String(subject),
    roles,
    scopes: listed(scope),
    organization: typeof organization === 'string' ? organization : undefined,
    sessionId: undefined,
    actors: [],
    expiresAtMs: Number.MAX_SAFE_INTEGER,
    claims: {},
  }
}

/** As the sidecar would; that may mean to ask the issuer for its keys. */
async function verify(
  token: string,
  config: Config,
  { clock }: CommandContext,
  log: Log,
): Promise<Principal | string> {
  const observer = { authenticated: () => {}, refused: () => {}, keySetRefreshed: () => {} }
  const auth = createAuth({ config, current: () => config, clock, log, observer })
  if (auth === undefined) return 'auth.mode is off, so no token is read: leave --token out'
  if ('what' in auth) return `${auth.address} ${auth.code}`.trim()
  try {
    const authorization = `Bearer ${token}`
    const result = auth.authenticator.authenticate({
      httpMethod: 'POST',
      upstreamName: '',
      path: '/',
      query: '',
      rawHeaders: ['Authorization', authorization],
      headers: { authorization },
      clientAddress: undefined,
    })
    const final =
      result.kind === 'pending'
        ? await new Promise<Parameters<Parameters<typeof result.start>[0]>[0]>((resolve) =>
            result.start(resolve),
          )
        : result
    return final.kind === 'authenticated'
      ? final.principal
      : `the token is not accepted: ${final.message}`
  } finally {
    auth.close()
  }
}
