/** The rules for tokens of every issuer, from a configuration. */

import { isDeepStrictEqual } from 'node:util'
import { claimPath } from '../auth/claim-path.ts'
import { createHttpClient, type HttpClient } from '../auth/http-client.ts'
import { createIntrospection, type Introspection } from '../auth/introspection.ts'
import type { ClaimPaths, IssuerRules } from '../auth/issuer-rules.ts'
import { KeySet } from '../auth/key-set.ts'
import { loadByMetadata, loadFromFile, loadFromUrl } from '../auth/load-keys.ts'
import { DEV_ALGORITHM, SECRET_BYTES_MIN, SharedSecret } from '../auth/shared-secret.ts'
import type { WatchedFile } from '../auth/watched-file.ts'
import type { Config } from '../config/schema.ts'
import type { AuthObserver, KeySetView } from '../core/authentication.ts'
import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import { fileFailure, readOnce, watchFile } from './auth-files.ts'
import type { StartFailure } from './parts.ts'
import { durationOf } from './units.ts'

type IssuerConfig = Config['auth']['issuers'][number]
type ClaimsConfig = IssuerConfig['claims']

export interface IssuersOptions {
  readonly config: Config
  /** Those of the configuration before: an issuer that stays as it is keeps its keys. */
  readonly before?: Issuers | undefined
  readonly clock: Clock
  readonly log: Log
  readonly observer: AuthObserver
}

export interface Issuers {
  /** By issuer. */
  readonly rules: ReadonlyMap<string, IssuerRules>
  /** Those that clients are told to get tokens from. */
  readonly advertised: readonly string[]
  /** What each was made of, and what it holds. */
  readonly parts: ReadonlyMap<string, IssuerParts>
  keySets(): readonly KeySetView[]
  /** Looks at keys and files when it is time to. */
  tick(nowMs: number): void
  /** Ends those that `next` does not use. */
  close(next?: Issuers): void
}

interface IssuerParts {
  readonly config: unknown
  readonly rules: IssuerRules
  readonly client: HttpClient | undefined
  readonly files: readonly WatchedFile[]
}

interface Preset {
  readonly types: readonly string[]
  readonly algorithms: readonly string[]
  readonly advertise: boolean
}

const USUAL: readonly string[] = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519']

const PRESETS: Readonly<Record<IssuerConfig['preset'], Preset>> = {
  // RFC 9068.
  oauth: { types: ['at+jwt'], algorithms: USUAL, advertise: true },
  // Projected tokens of service accounts have no `typ`.
  kubernetes: { types: ['none', 'jwt'], algorithms: USUAL, advertise: false },
  // SPIFFE "JWT-SVID" §2.
  spiffe: {
    types: ['none', 'jwt', 'jose'],
    algorithms: ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'],
    advertise: false,
  },
}

const SECRET_BYTES_MAX = 64 * 1024

export function createIssuers(options: IssuersOptions): Issuers | StartFailure {
  return options.config.auth.mode === 'dev-hs256' ? devIssuer(options) : realIssuers(options)
}

function devIssuer({ config, log }: IssuersOptions): Issuers | StartFailure {
  const { dev } = config.auth
  const first = readDevSecret(config)
  if (!(first instanceof Uint8Array)) return first
  const keys = new SharedSecret(first)
  const files: WatchedFile[] = []
  if (typeof dev.secret === 'object') {
    const file = watchFile(dev.secret.file, SECRET_BYTES_MAX, log, (text) => {
      const secret = Buffer.from(text.trim(), 'utf8')
      if (secret.length < SECRET_BYTES_MIN) return TOO_SHORT
      keys.replace(secret)
      return undefined
    })
    const problem = file.load()
    if (problem !== undefined) return fileFailure('auth.dev.secret', dev.secret.file, problem)
    files.push(file)
  }
  const rules: IssuerRules = {
    issuer: dev.issuer,
    audiences: [dev.audience],
    algorithms: [DEV_ALGORITHM],
    types: new Set(['', 'jwt', 'at+jwt']),
    claims: claimPaths(dev.claims),
    defaultRoles: [],
    maxLifetimeMs: DEV_LIFETIME_MS,
    requireProof: false,
    keys,
    introspection: undefined,
  }
  return toIssuers(new Map([[dev.issuer, { config: dev, rules, client: undefined, files }]]), [])
}

const TOO_SHORT = `expected at least ${SECRET_BYTES_MIN} bytes`

const DEV_LIFETIME_MS = 24 * 60 * 60_000

/** The secret that tokens for trying out are signed with; also for whoever makes them. */
export function readDevSecret({ auth }: Config): Uint8Array | StartFailure {
  const { secret } = auth.dev
  const given = typeof secret === 'object' ? readOnce('auth.dev.secret', secret.file) : secret
  if (typeof given === 'object') return given
  const bytes = Buffer.from((given ?? '').trim(), 'utf8')
  if (bytes.length >= SECRET_BYTES_MIN) return bytes
  const path = typeof secret === 'object' ? secret.file : ''
  return fileFailure('auth.dev.secret', path, TOO_SHORT)
}

function realIssuers(options: IssuersOptions): Issuers | StartFailure {
  const { config, before } = options
  const parts = new Map<string, IssuerParts>()
  const advertised: string[] = []
  for (const [index, issuer] of config.auth.issuers.entries()) {
    const known = before?.parts.get(issuer.issuer)
    const made = isDeepStrictEqual(known?.config, issuer)
      ? known
      : realIssuer(issuer, `auth.issuers.${index}`, options)
    if (made === undefined || 'what' in made) {
      toIssuers(parts, []).close(before)
      return made ?? fileFailure(`auth.issuers.${index}`, '', 'unknown')
    }
    parts.set(issuer.issuer, made)
    if (issuer.advertise ?? PRESETS[issuer.preset].advertise) advertised.push(issuer.issuer)
  }
  return toIssuers(parts, advertised)
}

function realIssuer(
  issuer: IssuerConfig,
  key: string,
  options: IssuersOptions,
): IssuerParts | StartFailure {
  const files: WatchedFile[] = []
  const client = clientOf(issuer, key, options, files)
  if ('what' in client) return client
  const introspection = introspectionOf(issuer, key, client, options, files)
  if (introspection !== undefined && 'what' in introspection) {
    client.close()
    return introspection
  }
  const rules = rulesOf(issuer, client, introspection, options)
  return { config: issuer, rules, client, files }
}

function toIssuers(
  parts: ReadonlyMap<string, IssuerParts>,
  advertised: readonly string[],
): Issuers {
  const all = [...parts.values()]
  return {
    parts,
    advertised,
    rules: new Map([...parts].map(([issuer, { rules }]) => [issuer, rules])),
    keySets: () => all.flatMap(({ rules }) => rules.keys.view() ?? []),
    tick: (nowMs) => {
      for (const { rules, files } of all) {
        rules.keys.tick(nowMs)
        for (const file of files) file.tick(nowMs)
      }
    },
    close: (next) => {
      const kept = new Set(next?.parts.values())
      for (const part of all) if (!kept.has(part)) part.client?.close()
    },
  }
}

/** A client that trusts what a file says now: authorities are replaced too. */
function clientOf(
  { caFile }: IssuerConfig,
  key: string,
  { log }: IssuersOptions,
  files: WatchedFile[],
): HttpClient | StartFailure {
  if (caFile === undefined) return createHttpClient(undefined)
  let current: HttpClient | undefined
  const file = watchFile(caFile, SECRET_BYTES_MAX * 16, log, (text) => {
    if (!text.includes('-----BEGIN CERTIFICATE-----')) return 'expected certificates (PEM)'
    current?.close()
    current = createHttpClient(text)
    return undefined
  })
  const problem = file.load()
  if (problem !== undefined) return fileFailure(`${key}.caFile`, caFile, problem)
  files.push(file)
  return {
    ask: async (question) => current?.ask(question) ?? { kind: 'failed', code: 'closed' },
    close: () => current?.close(),
  }
}

function rulesOf(
  config: IssuerConfig,
  client: HttpClient,
  introspection: Introspection | undefined,
  options: IssuersOptions,
): IssuerRules {
  const preset = PRESETS[config.preset]
  const types = config.types ?? preset.types
  return {
    issuer: config.issuer,
    audiences: typeof config.audience === 'string' ? [config.audience] : config.audience,
    algorithms: config.algorithms ?? preset.algorithms,
    types: new Set(types.map((type) => (type === 'none' ? '' : type))),
    claims: claimPaths(config.claims),
    defaultRoles: config.defaultRoles,
    maxLifetimeMs: durationOf(config.maxLifetime),
    requireProof: config.requireProof,
    keys: keySetOf(config, client, options),
    introspection,
  }
}

function claimPaths({ user, roles, session, organization }: ClaimsConfig): ClaimPaths {
  return {
    user: claimPath(user),
    roles: claimPath(roles),
    session: claimPath(session),
    organization: claimPath(organization),
  }
}

function keySetOf(
  { issuer, jwks, bearerFile }: IssuerConfig,
  client: HttpClient,
  { clock, observer }: IssuersOptions,
): KeySet {
  const server = { client, bearerFile }
  const load =
    jwks === 'auto'
      ? loadByMetadata(issuer, server, clock)
      : typeof jwks === 'string'
        ? loadFromUrl(new URL(jwks), server)
        : loadFromFile(jwks.file)
  const isFile = typeof jwks === 'object'
  return new KeySet({
    ...(isFile ? { refreshEveryMs: FILE_EVERY_MS } : {}),
    issuer,
    clock,
    load,
    onRefresh: (name, result, detail) => observer.keySetRefreshed(name, result, detail),
  })
}

/** A file on this machine may be asked more often than a server. */
const FILE_EVERY_MS = 5_000

function introspectionOf(
  { introspection }: IssuerConfig,
  key: string,
  client: HttpClient,
  { log }: IssuersOptions,
  files: WatchedFile[],
): Introspection | StartFailure | undefined {
  if (introspection === undefined) return undefined
  const { url, clientId, clientSecret, cacheTtl } = introspection
  let secret = typeof clientSecret === 'string' ? clientSecret : ''
  if (typeof clientSecret === 'object') {
    const file = watchFile(clientSecret.file, SECRET_BYTES_MAX, log, (text) => {
      if (text.trim() === '') return 'empty'
      secret = text.trim()
      return undefined
    })
    const problem = file.load()
    if (problem !== undefined) {
      return fileFailure(`${key}.introspection.clientSecret`, clientSecret.file, problem)
    }
    files.push(file)
  }
  return createIntrospection({
    client,
    url: new URL(url),
    clientId,
    clientSecret: () => secret,
    ttlMs: durationOf(cacheTtl),
  })
}
