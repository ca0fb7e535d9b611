/** Authentication with one issuer, keys out of a variable, and a clock that stands still. */

import { createHmac, createPrivateKey, sign, type KeyObject } from 'node:crypto'
import { exportPKCS8 } from 'jose'
import { TokenAuthenticator } from '../../src/auth/authenticator.ts'
import { Challenger } from '../../src/auth/challenge.ts'
import { claimPath } from '../../src/auth/claim-path.ts'
import type { Introspection } from '../../src/auth/introspection.ts'
import type { IssuerRules } from '../../src/auth/issuer-rules.ts'
import { KeySet, type Loaded } from '../../src/auth/key-set.ts'
import { ProofChecker } from '../../src/auth/proof.ts'
import { NOTHING_REVOKED, type Revocations } from '../../src/auth/revocations.ts'
import { TokenVerifier } from '../../src/auth/token-verifier.ts'
import type { Authenticated, AuthRefusal, RequestFacts } from '../../src/core/authentication.ts'
import { newSharedHead, type SharedHead } from '../../src/core/exchange.ts'
import type { Rejection } from '../../src/core/outcome.ts'
import type { Principal } from '../../src/core/principal.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { makeSigner, mint, type Claimed, type Signer } from '../support/signer.ts'

export const ISSUER = 'https://idp.example'

export const NOW_MS = 1_790_000_000_000

export interface RigOptions {
  readonly rules?: Partial<IssuerRules>
  readonly signer?: Signer
  readonly introspection?: Introspection
  readonly pendingMax?: number
  readonly cacheMax?: number
  readonly proofsMax?: number
}

export interface Asking {
  /** Names and values in turn, besides Authorization. */
  readonly headers?: readonly string[]
  readonly query?: string
  readonly method?: string
  readonly path?: string
}

export class Rig {
  readonly clock = new FakeClock()
  readonly signer: Signer
  readonly authenticator: TokenAuthenticator
  readonly keys: KeySet
  /** What the issuer publishes; replaced by tests. */
  load: () => Promise<Loaded>
  loads = 0
  refusals: AuthRefusal[] = []
  /** Requests that a verified token was good for, by whether it was known. */
  cached: boolean[] = []
  principal: Principal | undefined
  revoked: Revocations = NOTHING_REVOKED
  revocationVersion = 0
  readonly #heads = new Map<string, SharedHead>()

  constructor(signer: Signer, options: RigOptions) {
    this.clock.nowMs = NOW_MS
    this.signer = signer
    this.load = () => Promise.resolve(documentOf([signer.jwk]))
    this.keys = new KeySet({
      issuer: ISSUER,
      clock: this.clock,
      load: () => {
        this.loads += 1
        return this.load()
      },
      onRefresh: () => {},
    })
    this.authenticator = this.#make(options)
  }

  forget(): void {
    this.principal = undefined
  }

  token(claimed?: Claimed, signer = this.signer): Promise<string> {
    return mint(signer, ISSUER, this.clock.wallMs(), claimed)
  }

  /** The subject that a request with this token is from, or why it is from nobody. */
  ask(token: string, asking: Asking = {}): Promise<string> {
    return this.askWith(['Authorization', `Bearer ${token}`, ...(asking.headers ?? [])], asking)
  }

  async askWith(rawHeaders: readonly string[], asking: Asking = {}): Promise<string> {
    const shared = this.#sharedBy(rawHeaders, asking)
    const found = this.authenticator.authenticate({ ...factsOf(rawHeaders, asking), shared })
    const result =
      found.kind === 'pending'
        ? await new Promise<Authenticated | Rejection>((resolve) => found.start(resolve))
        : found
    if (result.kind === 'authenticated') {
      this.principal = result.principal
      return result.principal.subject
    }
    return this.refusals.at(-1) ?? 'nothing'
  }

  /** As the listener does: what has come before is known as a whole. */
  #sharedBy(rawHeaders: readonly string[], asking: Asking): SharedHead | undefined {
    const key = JSON.stringify([rawHeaders, asking])
    const shared = this.#heads.get(key)
    if (shared === undefined) this.#heads.set(key, newSharedHead())
    return shared
  }

  #make(options: RigOptions): TokenAuthenticator {
    const { clock } = this
    const toleranceMs = 30_000
    const challenger = new Challenger({
      publicOrigin: 'https://mcp.example',
      scopes: [],
      requireProof: false,
      resourcePathOf: (path) => path,
    })
    return new TokenAuthenticator({
      clock,
      toleranceMs,
      challenger,
      verifier: new TokenVerifier({
        issuers: new Map([[ISSUER, rulesWith(this.keys, options)]]),
        clock,
        toleranceMs,
        revocations: () => this.revoked,
      }),
      proofs: new ProofChecker({
        clock,
        toleranceMs,
        originOf: (request) => challenger.originOf(request),
        proofsMax: options.proofsMax ?? 1_000,
      }),
      observer: {
        authenticated: (_request, _principal, cached) => void this.cached.push(cached),
        refused: (_request, why) => void this.refusals.push(why),
        keySetRefreshed: () => {},
      },
      tokenBytesMax: 8_192,
      cache: { max: options.cacheMax ?? 100, ttlMs: 60_000 },
      pendingMax: options.pendingMax ?? 1_000,
      revocationVersion: () => this.revocationVersion,
    })
  }
}

function rulesWith(keys: KeySet, { rules, introspection }: RigOptions): IssuerRules {
  return {
    issuer: ISSUER,
    audiences: ['sidelight-test', 'https://mcp.example/mcp'],
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'],
    types: new Set(['at+jwt']),
    claims: {
      user: claimPath('sub'),
      roles: claimPath('roles'),
      session: claimPath('session_id'),
      organization: claimPath('org_id'),
    },
    defaultRoles: [],
    maxLifetimeMs: 24 * 60 * 60_000,
    requireProof: false,
    keys,
    introspection,
    ...rules,
  }
}

export async function createRig(options: RigOptions = {}): Promise<Rig> {
  return new Rig(options.signer ?? (await makeSigner('ES256', 'first')), options)
}

export function documentOf(keys: readonly unknown[]): Loaded {
  return { kind: 'document', text: JSON.stringify({ keys }) }
}

export const DOWN: Loaded = { kind: 'failed', result: 'unreachable', detail: 'ECONNREFUSED' }

export function factsOf(rawHeaders: readonly string[], asking: Asking = {}): RequestFacts {
  const headers: Record<string, string> = {}
  for (let i = 0; i < rawHeaders.length; i += 2) {
    // As Node does: the first of several.
    headers[(rawHeaders[i] ?? '').toLowerCase()] ??= rawHeaders[i + 1] ?? ''
  }
  return {
    httpMethod: asking.method ?? 'POST',
    upstreamName: 'a',
    path: asking.path ?? '/a/mcp',
    query: asking.query ?? '',
    rawHeaders,
    headers,
    clientAddress: '127.0.0.1',
  }
}

const encode = (text: string): string => Buffer.from(text, 'utf8').toString('base64url')

/** A token with these bytes for header and claims, whatever they are. */
export async function signRaw(signer: Signer, header: string, claims: string): Promise<string> {
  const key: KeyObject = createPrivateKey(await exportPKCS8(signer.privateKey))
  const input = `${encode(header)}.${encode(claims)}`
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

/** The same with a shared secret. */
export function signHmac(secret: string | Buffer, header: string, claims: string): string {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

/** The usual claims as JSON text. */
export function claimsText(more: Readonly<Record<string, unknown>> = {}): string {
  const now = NOW_MS / 1_000
  return JSON.stringify({
    iss: ISSUER,
    aud: 'sidelight-test',
    sub: 'alice',
    iat: now,
    exp: now + 600,
    ...more,
  })
}
