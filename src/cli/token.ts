/** `sidelight token`: a token for trying out, for a sidecar with `auth.mode: dev-hs256`. */

import { claimPath, isClaims, type ClaimPath } from '../auth/claim-path.ts'
import { mintDevToken } from '../auth/shared-secret.ts'
import type { Config } from '../config/schema.ts'
import { parseDuration } from '../config/units.ts'
import { EXIT, type CommandContext } from './command.ts'
import type { FlagValues } from './flags.ts'
import { readDevSecret } from './issuers.ts'
import { loadConfig } from './load-config.ts'

const LIFETIME = '1h'
const LIFETIME_MS_MAX = 24 * 60 * 60_000

export async function tokenCommand(flags: FlagValues, context: CommandContext): Promise<number> {
  const fail = (message: string): number => {
    context.err(`sidelight token: ${message}\n`)
    return EXIT.usage
  }
  const { config: file, subject, lifetime = LIFETIME } = flags
  if (typeof file !== 'string') return fail('name the configuration: --config FILE')
  if (typeof subject !== 'string') return fail('say for whom: --subject NAME')
  const lifetimeMs = parseDuration(String(lifetime)) ?? 0
  if (lifetimeMs < 1_000 || lifetimeMs > LIFETIME_MS_MAX) {
    return fail('--lifetime is a duration such as 30m, at most 24h')
  }
  const config = await loadConfig(file, context)
  if (typeof config === 'number') return config
  if (config.auth.mode !== 'dev-hs256') {
    return fail(
      `auth.mode is ${config.auth.mode}: only for dev-hs256 are tokens made here; others come from their issuer`,
    )
  }
  const secret = readDevSecret(config)
  if (!(secret instanceof Uint8Array)) return fail(`${secret.address} ${secret.code}`.trim())
  const { issuer, audience } = config.auth.dev
  const token = await mintDevToken(secret, {
    issuer,
    audience,
    subject,
    lifetimeSeconds: Math.floor(lifetimeMs / 1_000),
    issuedAtSeconds: Math.floor(context.clock.wallMs() / 1_000),
    claims: claimsOf(config, subject, flags),
  })
  context.out(`${token}\n`)
  return EXIT.ok
}

/** Each where `auth.dev.claims` says that it stands. */
function claimsOf(
  { auth }: Config,
  subject: string,
  { role, organization, scope }: FlagValues,
): Record<string, unknown> {
  const { claims: paths } = auth.dev
  const claims: Record<string, unknown> = {}
  const user = claimPath(paths.user)
  // The registered one is set by whoever signs.
  if (user.join('.') !== 'sub') put(claims, user, subject)
  if (Array.isArray(role)) put(claims, claimPath(paths.roles), role)
  if (organization !== undefined) put(claims, claimPath(paths.organization), organization)
  if (Array.isArray(scope)) put(claims, ['scope'], scope.join(' '))
  return claims
}

function put(claims: Record<string, unknown>, path: ClaimPath, value: unknown): void {
  const [name = '', ...rest] = path
  if (rest.length === 0) {
    claims[name] = value
    return
  }
  const before = Object.hasOwn(claims, name) ? claims[name] : undefined
  const inner: Record<string, unknown> = isClaims(before) ? { ...before } : {}
  put(inner, rest, value)
  claims[name] = inner
}
