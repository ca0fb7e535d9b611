/** Finds out whether a token is valid, and whose it is. jose checks signatures and registered claims. */

import { errors, jwtVerify } from 'jose'
import type { AuthRefusal } from '../core/authentication.ts'
import type { Clock } from '../core/clock.ts'
import type { Principal } from '../core/principal.ts'
import { isClaims, type Claims } from './claim-path.ts'
import { toPrincipal } from './claims.ts'
import { normalizeType, type IssuerRules } from './issuer-rules.ts'
import type { KeyLookup, VerificationKey } from './key-source.ts'
import type { Revocations } from './revocations.ts'
import { readUnverified, type Unverified } from './unverified.ts'

/** Valid now, and as long as nothing that it rests on changes. */
export interface Verified {
  readonly kind: 'verified'
  readonly principal: Principal
  readonly rules: IssuerRules
  /** Of the keys that its signature was checked with. */
  readonly keyVersion: number
  /** Thumbprint of the key that its sender must prove to have (RFC 7800 `cnf`, RFC 9449 §6). */
  readonly keyThumbprint: string | undefined
}

export interface Refused {
  readonly kind: 'refused'
  readonly why: AuthRefusal
  /** One that the configuration names. */
  readonly issuer?: string
  readonly retryAfterMs?: number
}

export interface TokenVerifierOptions {
  readonly issuers: ReadonlyMap<string, IssuerRules>
  readonly clock: Clock
  readonly toleranceMs: number
  readonly revocations: () => Revocations
}

const KID_CHARS_MAX = 256

/** Keys may have to be read, and read again because they have changed since. */
const LOOKUPS_MAX = 3

const REQUIRED: string[] = ['iss', 'sub', 'aud', 'exp', 'iat']

export class TokenVerifier {
  readonly #options: TokenVerifierOptions

  constructor(options: TokenVerifierOptions) {
    this.#options = options
  }

  /** Never rejects. The token's size has been checked. */
  async verify(token: string): Promise<Verified | Refused> {
    const unverified = readUnverified(token)
    if (unverified === undefined) return { kind: 'refused', why: 'malformed' }
    const rules = this.#rulesFor(unverified)
    if (rules === undefined) return { kind: 'refused', why: 'issuer' }
    const result = await this.#verifyBy(rules, token, unverified)
    return result.kind === 'verified' ? result : { ...result, issuer: rules.issuer }
  }

  #rulesFor({ claims }: Unverified): IssuerRules | undefined {
    const { iss } = claims
    return typeof iss === 'string' ? this.#options.issuers.get(iss) : undefined
  }

  async #verifyBy(
    rules: IssuerRules,
    token: string,
    { header }: Unverified,
  ): Promise<Verified | Refused> {
    const { alg, typ, kid } = header
    if (typeof alg !== 'string' || !rules.algorithms.includes(alg)) return refused('algorithm')
    const type = typ === undefined ? '' : typeof typ === 'string' ? normalizeType(typ) : undefined
    if (type === undefined || !rules.types.has(type)) return refused('type')
    if (kid !== undefined && (typeof kid !== 'string' || kid.length > KID_CHARS_MAX)) {
      return refused('key')
    }
    const signed = await this.#checkSignature(rules, token, kid, alg)
    if (signed.kind === 'refused') return signed
    return this.#checkClaims(rules, token, signed)
  }

  async #checkClaims(
    rules: IssuerRules,
    token: string,
    { claims, keyVersion }: Signed,
  ): Promise<Verified | Refused> {
    const { clock, toleranceMs, revocations } = this.#options
    const made = toPrincipal(claims, rules, { nowMs: clock.wallMs(), toleranceMs })
    if (made.kind === 'refused') return refused(made.why)
    if (revocations().has(rules.issuer, claims)) return refused('revoked')
    const binding = bindingOf(claims)
    if (binding.kind === 'unknown') return refused('binding')
    const active = (await rules.introspection?.isActive(token)) ?? 'active'
    if (active === 'unavailable') return refused('introspection_unavailable')
    if (active === 'inactive') return refused('revoked')
    const { principal } = made
    return { kind: 'verified', principal, rules, keyVersion, keyThumbprint: binding.thumbprint }
  }

  async #checkSignature(
    rules: IssuerRules,
    token: string,
    kid: string | undefined,
    alg: string,
  ): Promise<Signed | Refused> {
    let result: Signed | Refused = refused('keys_unavailable')
    for (let lookups = 0; lookups < LOOKUPS_MAX; lookups += 1) {
      const found: KeyLookup = rules.keys.find(kid, alg)
      if (found.kind === 'unknown') return refused('key')
      if (found.kind === 'unavailable') {
        return { ...refused('keys_unavailable'), retryAfterMs: found.retryAfterMs }
      }
      if (found.kind === 'wait') {
        // eslint-disable-next-line no-await-in-loop -- the next look depends on it
        await found.until
        continue
      }
      const { version } = rules.keys
      // eslint-disable-next-line no-await-in-loop -- likewise
      result = await this.#tryKeys(rules, token, alg, found.keys, version)
      if (result.kind === 'signed' || result.why !== 'signature') return result
      const again = rules.keys.missed(kid)
      if (again === undefined) return result
      // eslint-disable-next-line no-await-in-loop -- likewise
      await again
      if (rules.keys.version === version) return result
    }
    return result
  }

  async #tryKeys(
    rules: IssuerRules,
    token: string,
    alg: string,
    keys: readonly VerificationKey[],
    keyVersion: number,
  ): Promise<Signed | Refused> {
    let why: AuthRefusal = 'key'
    for (const key of keys) {
      // eslint-disable-next-line no-await-in-loop -- one key almost always
      const result = await this.#tryKey(rules, token, alg, key)
      if (typeof result !== 'string') return { kind: 'signed', claims: result, keyVersion }
      // A key that made the signature has said all there is to say of the token.
      if (result !== 'key' && result !== 'signature') return refused(result)
      if (result === 'signature') why = result
    }
    return refused(why)
  }

  async #tryKey(
    rules: IssuerRules,
    token: string,
    alg: string,
    key: VerificationKey,
  ): Promise<Claims | AuthRefusal> {
    const { clock, toleranceMs } = this.#options
    try {
      const { payload } = await jwtVerify(token, await key.for(alg), {
        algorithms: [alg],
        issuer: rules.issuer,
        audience: [...rules.audiences],
        requiredClaims: REQUIRED,
        clockTolerance: toleranceMs / 1_000,
        currentDate: new Date(clock.wallMs()),
      })
      return payload
    } catch (error) {
      return refusalOf(error)
    }
  }
}

interface Signed {
  readonly kind: 'signed'
  readonly claims: Claims
  readonly keyVersion: number
}

function refused(why: AuthRefusal): Refused {
  return { kind: 'refused', why }
}

function refusalOf(error: unknown): AuthRefusal {
  if (error instanceof errors.JWTExpired) return 'expired'
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefusal(error)
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature'
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm'
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return 'malformed'
  // A key that is no key, or not for this algorithm.
  return 'key'
}

function claimRefusal({ claim, reason }: errors.JWTClaimValidationFailed): AuthRefusal {
  if (reason === 'missing') return claim === 'aud' ? 'audience' : 'claims'
  if (claim === 'aud') return 'audience'
  if (claim === 'iss') return 'issuer'
  return claim === 'nbf' && reason === 'check_failed' ? 'not_yet_valid' : 'claims'
}

type Binding =
  | { readonly kind: 'known'; readonly thumbprint: string | undefined }
  | { readonly kind: 'unknown' }

/** What the token is bound to: a key, nothing, or something that cannot be seen here. */
function bindingOf({ cnf }: Claims): Binding {
  if (cnf === undefined) return { kind: 'known', thumbprint: undefined }
  const jkt = isClaims(cnf) && Object.keys(cnf).length === 1 ? cnf['jkt'] : undefined
  return typeof jkt === 'string' && jkt !== ''
    ? { kind: 'known', thumbprint: jkt }
    : { kind: 'unknown' }
}
