/** Puts authentication together from a configuration. */

import { TokenAuthenticator } from '../auth/authenticator.ts'
import { Challenger } from '../auth/challenge.ts'
import { ProofChecker } from '../auth/proof.ts'
import { ProtectedResource } from '../auth/protected-resource.ts'
import { NOTHING_REVOKED, readRevocations, type Revocations } from '../auth/revocations.ts'
import { TokenVerifier } from '../auth/token-verifier.ts'
import type { WatchedFile } from '../auth/watched-file.ts'
import type { Config } from '../config/schema.ts'
import type { AuthObserver, Authenticator, KeySetView } from '../core/authentication.ts'
import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { DocumentAt } from '../http/resource-document.ts'
import { fileFailure, watchFile } from './auth-files.ts'
import { createIssuers, type Issuers } from './issuers.ts'
import type { StartFailure } from './parts.ts'
import { endpointOf, endpointsOf } from './paths.ts'
import { durationOf, sizeOf } from './units.ts'

export interface AuthOptions {
  readonly config: Config
  /** The configuration in force: its upstreams may have changed since the start. */
  readonly current: () => Config
  readonly clock: Clock
  readonly log: Log
  readonly observer: AuthObserver
  /** What was in force before; what stays as it is is gone on with. */
  readonly before?: Auth | undefined
}

export interface Auth {
  readonly authenticator: Authenticator
  readonly issuers: Issuers
  readonly proofs: Proofs
  readonly documentAt: DocumentAt
  keySets(): readonly KeySetView[]
  /** Tokens that are known to have been verified. */
  cached(): number
  /** Ends what `next` does not go on with. */
  close(next?: Auth): void
}

/** Proofs that were seen, as long as clocks may differ so much. */
interface Proofs {
  readonly checker: ProofChecker
  readonly toleranceMs: number
}

/** Most tokens that are verified at a time, and proofs that are remembered. */
const VERIFICATIONS_MAX = 1_000
const PROOFS_MAX = 100_000

const REVOCATION_BYTES_MAX = 16 * 1024 * 1024

const TICK_MS = 1_000

/** Undefined when nobody is authenticated. */
export function createAuth(options: AuthOptions): Auth | StartFailure | undefined {
  const { config, current, clock, log, observer, before } = options
  const { auth } = config
  if (auth.mode === 'off') {
    if (auth.allowUnauthenticated) warn(log, 'auth.mode is off, and listen.data may be reached')
    return undefined
  }
  if (auth.mode === 'dev-hs256') {
    warn(log, 'auth.mode is dev-hs256: whoever can check a token can make one')
  }
  const issuers = createIssuers({ config, clock, log, observer, before: before?.issuers })
  if ('what' in issuers) return issuers
  const revoked = watchRevocations(config, log)
  if ('what' in revoked) {
    issuers.close(before?.issuers)
    return revoked
  }
  const challenger = createChallenger(config, current)
  const toleranceMs = durationOf(auth.clockTolerance)
  const proofs = proofsOf(before, { clock, toleranceMs, challenger })
  const authenticator = new TokenAuthenticator({
    clock,
    observer,
    challenger,
    toleranceMs,
    verifier: new TokenVerifier({
      issuers: issuers.rules,
      clock,
      toleranceMs,
      revocations: () => revoked.current,
    }),
    proofs: proofs.checker,
    tokenBytesMax: sizeOf(auth.tokenSize),
    cache: { max: auth.cache, ttlMs: durationOf(auth.cacheTtl) },
    pendingMax: VERIFICATIONS_MAX,
    revocationVersion: () => revoked.version,
  })
  const resource = new ProtectedResource({
    challenger,
    resource: auth.resource,
    authorizationServers: issuers.advertised,
    scopes: auth.scopes,
    requireProof: requiresProof(config),
    endpoints: () => endpointsOf(current()),
  })
  const stop = follow(issuers, revoked, clock)
  return {
    authenticator,
    issuers,
    proofs,
    documentAt: (request) => resource.at(request),
    keySets: () => issuers.keySets(),
    cached: () => authenticator.cached,
    close: (next) => {
      stop()
      issuers.close(next?.issuers)
    },
  }
}

/** A proof that was seen must not be good once more because a configuration is new. */
function proofsOf(
  before: Auth | undefined,
  given: {
    readonly clock: Clock
    readonly toleranceMs: number
    readonly challenger: Challenger
  },
): Proofs {
  const { clock, toleranceMs, challenger } = given
  if (before?.proofs.toleranceMs === toleranceMs) return before.proofs
  const originOf: Challenger['originOf'] = (request) => challenger.originOf(request)
  const checker = new ProofChecker({ clock, toleranceMs, originOf, proofsMax: PROOFS_MAX })
  return { checker, toleranceMs }
}

/** Says where credentials are had; also for those that are good but not enough. */
export function createChallenger(config: Config, current: () => Config): Challenger {
  return new Challenger({
    publicOrigin: config.listen.publicUrl?.replace(/\/$/, ''),
    scopes: config.auth.scopes,
    requireProof: requiresProof(config),
    resourcePathOf: (path) => endpointOf(current(), path),
  })
}

function requiresProof({ auth }: Config): boolean {
  return auth.mode === 'required' && auth.issuers.every(({ requireProof }) => requireProof)
}

function warn(log: Log, what: string): void {
  log.write('warn', 'sidelight.auth.insecure', 'Requests are accepted on weak or no evidence', {
    'sidelight.detail': what,
  })
}

/** Asks for keys at once, so that the first call finds them. */
function follow(issuers: Issuers, revoked: Revoked, clock: Clock): () => void {
  const tick = (): void => {
    const nowMs = clock.monotonicMs()
    issuers.tick(nowMs)
    revoked.file?.tick(nowMs)
  }
  tick()
  const timer = setInterval(tick, TICK_MS).unref()
  return () => clearInterval(timer)
}

interface Revoked {
  current: Revocations
  version: number
  readonly file: WatchedFile | undefined
}

function watchRevocations({ auth }: Config, log: Log): Revoked | StartFailure {
  const path = auth.revocations
  if (path === undefined) return { current: NOTHING_REVOKED, version: 0, file: undefined }
  const file: WatchedFile = watchFile(path, REVOCATION_BYTES_MAX, log, (text) => {
    const read = readRevocations(text)
    if ('kind' in read) return read.message
    revoked.current = read
    revoked.version += 1
    return undefined
  })
  const revoked: Revoked = { current: NOTHING_REVOKED, version: 0, file }
  const problem = file.load()
  return problem === undefined ? revoked : fileFailure('auth.revocations', path, problem)
}

/** Names of the issuers whose tokens are accepted. */
export function issuerNames({ auth }: Config): readonly string[] {
  if (auth.mode === 'off') return []
  return auth.mode === 'dev-hs256' ? [auth.dev.issuer] : auth.issuers.map(({ issuer }) => issuer)
}
