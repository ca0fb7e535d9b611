/** The rules for tokens of every issuer, from a configuration. */

import { claimPath } from '../auth/claim-path.ts'
import { createHttpClient, type HttpClient } from '../auth/http-client.ts'
import { createIntrospection, type Introspection } from '../auth/introspection.ts'
import type { ClaimPaths, IssuerRules } from '../auth/issuer-rules.ts'
import { KeySet } from '../auth/key-set.ts'
import { loadByMetadata, loadFromFile, loadFromUrl } from '../auth/load-keys.ts'
import { DEV_ALGORITHM, SECRET_BYTES_MIN, secretKeySource } from '../auth/shared-secret.ts'
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
  readonly clock: Clock
  readonly log: Log
  readonly observer: AuthObserver
}

export interface Issuers {
  /** By issuer. */
  readonly rules: ReadonlyMap<string, IssuerRules>
  /** Those that clients are told to get tokens from. */
  readonly advertised: readonly string[]
  readonly files: readonly WatchedFile[]
  keySets(): readonly KeySetView[]
  close(): void
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

function devIssuer({ config }: IssuersOptions): Issuers | StartFailure {
  const secret = readDevSecret(config)
  if (!(secret instanceof Uint8Array)) return secret
  const { dev } = config.auth
  const rules: IssuerRules = {
    issuer: dev.issuer,
    audiences: [dev.audience],
    algorithms: [DEV_ALGORITHM],
    types: new Set(['', 'jwt', 'at+jwt']),
    claims: claimPaths(dev.claims),
    defaultRoles: [],
    maxLifetimeMs: DEV_LIFETIME_MS,
    requireProof: false,
    keys: secretKeySource(secret),
    introspection: undefined,
  }
  return {
    rules: new Map([[dev.issuer, rules]]),
    advertised: [],
    files: [],
    keySets: () => [],
    close: () => {},
  }
}

const DEV_LIFETIME_MS = 24 * 60 * 60_000

/** The secret that tokens for trying out are signed with; also for whoever makes them. */
export function readDevSecret({ auth }: Config): Uint8Array | StartFailure {
  const { secret } = auth.dev
  const given = typeof secret === 'object' ? readOnce('auth.dev.secret', secret.file) : secret
  if (typeof given === 'object') return given
  const bytes = Buffer.from((given ?? '').trim(), 'utf8')
  if (bytes.length >= SECRET_BYTES_MIN) return bytes
  const path = typeof secret === 'object' ? secret.file : ''
  return fileFailure('auth.dev.secret', path, `expected at least ${SECRET_BYTES_MIN} bytes`)
}

function realIssuers(options: IssuersOptions): Issuers | StartFailure {
  const rules = new Map<string, IssuerRules>()
  const advertised: string[] = []
  const clients: HttpClient[] = []
  const files: WatchedFile[] = []
  for (const [index, issuer] of options.config.auth.issuers.entries()) {
    const key = `auth.issuers.${index}`
    const ca = issuer.caFile === undefined ? undefined : readOnce(`${key}.caFile`, issuer.caFile)
    if (typeof ca === 'object') return ca
    const client = createHttpClient(ca)
    clients.push(client)
    const introspection = introspectionOf(issuer, key, client, options, files)
    if (introspection !== undefined && 'what' in introspection) return introspection
    rules.set(issuer.issuer, rulesOf(issuer, client, introspection, options))
    if (issuer.advertise ?? PRESETS[issuer.preset].advertise) advertised.push(issuer.issuer)
  }
  return {
    rules,
    advertised,
    files,
    keySets: () => [...rules.values()].flatMap(({ keys }) => keys.view() ?? []),
    close: () => {
      for (const client of clients) client.close()
    },
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
  return new KeySet({
    issuer,
    clock,
    load,
    onRefresh: (name, result, detail) => observer.keySetRefreshed(name, result, detail),
  })
}

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
