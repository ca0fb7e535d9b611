/** Proof of possession: the sender shows for each request that it has the token's key (RFC 9449). */

import { createHash } from 'node:crypto'
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify, type JWK } from 'jose'
import type { RequestFacts } from '../core/authentication.ts'
import { countOf } from '../core/raw-headers.ts'
import type { Clock } from '../core/clock.ts'

/** Algorithms of proofs. */
export const PROOF_ALGORITHMS: string[] = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256']

const PROOF_CHARS_MAX = 8 * 1024

/** A proof is made for one request; so old it may be. */
const AGE_MS = 60_000

const REQUIRED: string[] = ['jti', 'htm', 'htu', 'iat', 'ath']

export interface ProofOptions {
  readonly clock: Clock
  readonly toleranceMs: number
  /** The address under which the sender reached us: scheme and authority. */
  readonly originOf: (request: RequestFacts) => string
  /** Most proofs that are remembered; more at a time are refused. */
  readonly proofsMax: number
}

export type ProofResult = 'good' | 'bad' | 'busy'

export class ProofChecker {
  readonly #options: ProofOptions
  readonly #seen: SeenProofs

  constructor(options: ProofOptions) {
    this.#options = options
    // A proof may come from a clock that is ahead, and be sent again until it is too old by ours.
    const keptMs = AGE_MS + 2 * options.toleranceMs
    this.#seen = new SeenProofs(keptMs, options.proofsMax, options.clock)
  }

  /** Never rejects. */
  async check(request: RequestFacts, token: string, thumbprint: string): Promise<ProofResult> {
    const proof = request.headers['dpop']
    if (typeof proof !== 'string' || proof.length > PROOF_CHARS_MAX) return 'bad'
    if (countOf(request.rawHeaders, 'dpop') !== 1) return 'bad'
    const { clock, toleranceMs, originOf } = this.#options
    try {
      const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
        typ: 'dpop+jwt',
        algorithms: PROOF_ALGORITHMS,
        requiredClaims: REQUIRED,
        maxTokenAge: AGE_MS / 1_000,
        clockTolerance: toleranceMs / 1_000,
        currentDate: new Date(clock.wallMs()),
      })
      const { jti, htm, htu, ath } = payload
      const jwk: JWK | undefined = protectedHeader.jwk
      if (jwk === undefined || typeof jti !== 'string' || jti === '') return 'bad'
      if (htm !== request.httpMethod) return 'bad'
      if (!isSameTarget(htu, originOf(request) + request.path)) return 'bad'
      if (ath !== createHash('sha256').update(token).digest('base64url')) return 'bad'
      if ((await calculateJwkThumbprint(jwk, 'sha256')) !== thumbprint) return 'bad'
      return this.#seen.add(createHash('sha256').update(`${thumbprint} ${jti}`).digest('base64url'))
    } catch {
      return 'bad'
    }
  }
}

/** Without query and fragment, and otherwise as URLs are compared (RFC 9449 §4.3, 9). */
function isSameTarget(htu: unknown, target: string): boolean {
  if (typeof htu !== 'string' || !URL.canParse(htu) || !URL.canParse(target)) return false
  const [claimed, own] = [new URL(htu), new URL(target)]
  return claimed.origin === own.origin && claimed.pathname === own.pathname
}

/** In two halves, of which the older goes whole, so that no entry is looked for by its age. */
class SeenProofs {
  readonly #keptMs: number
  readonly #max: number
  readonly #clock: Clock
  #recent = new Set<string>()
  #older = new Set<string>()
  #beganMs: number

  constructor(keptMs: number, max: number, clock: Clock) {
    this.#keptMs = keptMs
    this.#max = max
    this.#clock = clock
    this.#beganMs = clock.monotonicMs()
  }

  /** `bad` when it was seen before; `busy` when there is no room to remember it. */
  add(proof: string): ProofResult {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#beganMs >= this.#keptMs) {
      this.#older = nowMs - this.#beganMs >= 2 * this.#keptMs ? new Set() : this.#recent
      this.#recent = new Set()
      this.#beganMs = nowMs
    }
    if (this.#recent.has(proof) || this.#older.has(proof)) return 'bad'
    if (this.#recent.size >= this.#max) return 'busy'
    this.#recent.add(proof)
    return 'good'
  }
}
