/**
 * Authenticates requests by their tokens.
 *
 * A token that was verified before is known by its digest and costs a look-up; all else waits for
 * keys and signatures. Every way out that is no principal is a refusal, and nothing of a token that
 * failed is used.
 *
 * A digest takes longer than the rest of a look-up, so that of a token stands with the head of a request that comes
 * again, and those of the tokens that were used last are found by the tokens' text. That decides nothing: whether a
 * token still holds is asked at every request, of what is known by its digest. A text is forgotten with its turn, or
 * when it does not hold any more; the heads of requests that are kept hold the same texts. Nobody learns one by timing: the table compares texts whose seeded
 * hashes are equal, and no others.
 */

import { hash } from 'node:crypto'
import type {
  Authenticated,
  Authenticator,
  AuthObserver,
  AuthRefusal,
  PendingAuthentication,
  RequestFacts,
} from '../core/authentication.ts'
import { BoundedMap } from '../core/bounded-map.ts'
import type { Clock } from '../core/clock.ts'
import type { KnownCredential } from '../core/exchange.ts'
import { ownText } from '../core/own-text.ts'
import type { Rejection } from '../core/outcome.ts'
import type { Challenger } from './challenge.ts'
import { readCredential, type Credential, type NoCredential } from './credential.ts'
import type { ProofChecker } from './proof.ts'
import type { Refused, TokenVerifier, Verified } from './token-verifier.ts'

export interface TokenAuthenticatorOptions {
  readonly clock: Clock
  readonly verifier: TokenVerifier
  readonly proofs: ProofChecker
  readonly challenger: Challenger
  readonly observer: AuthObserver
  readonly tokenBytesMax: number
  readonly toleranceMs: number
  readonly cache: { readonly max: number; readonly ttlMs: number }
  /** Most tokens that are verified at a time. */
  readonly pendingMax: number
  /** Changes when something is revoked: what was verified before is verified again. */
  readonly revocationVersion: () => number
}

interface Entry {
  readonly verified: Verified
  readonly result: Authenticated
  readonly revocationVersion: number
  /** Monotonic. */
  readonly untilMs: number
  /** On the clock on the wall. */
  readonly expiresAtMs: number
}

/** Tokens that are found by their text, not by its digest. */
const RECENT_MAX = 1_024

export class TokenAuthenticator implements Authenticator {
  readonly #options: TokenAuthenticatorOptions
  readonly #known: BoundedMap<Entry>
  /** The digests of the tokens that were used last, and are known. */
  readonly #recent = new BoundedMap<string>(RECENT_MAX)
  /** Tokens that are being verified, by digest: many calls with a new token verify it once. */
  readonly #verifying = new Map<string, Promise<Entry | Refused>>()

  constructor(options: TokenAuthenticatorOptions) {
    this.#options = options
    this.#known = new BoundedMap(options.cache.max)
  }

  /** How many tokens are known. */
  get cached(): number {
    return this.#known.size
  }

  authenticate(request: RequestFacts): Authenticated | Rejection | PendingAuthentication {
    const credential = this.#read(request)
    if (credential.kind === 'none') return this.#refuse(request, credential.why)
    const { digest } = credential
    const entry = this.#find(digest)
    if (entry === undefined) this.#recent.delete(credential.token)
    if (entry !== undefined && !needsProof(entry.verified, credential)) {
      this.#options.observer.authenticated(request, entry.result.principal, true)
      return entry.result
    }
    if (entry === undefined && !this.#verifying.has(digest) && this.#isBusy()) {
      return this.#refuse(request, 'busy')
    }
    return this.#pending(request, credential, entry)
  }

  #read(request: RequestFacts): KnownCredential | NoCredential {
    const { shared } = request
    const known = shared?.credential
    if (known?.reader === this) return known
    const found = readCredential(request, this.#options.tokenBytesMax)
    if (found.kind === 'none') return found
    const credential = { ...found, reader: this, digest: this.#digestOf(found.token) }
    if (shared !== undefined) shared.credential = credential
    return credential
  }

  #digestOf(token: string): string {
    const recent = this.#recent.get(token)
    if (recent !== undefined) return recent
    const digest = hash('sha256', token, 'base64')
    if (this.#known.peek(digest) !== undefined) this.#recent.set(ownText(token), digest)
    return digest
  }

  #isBusy(): boolean {
    return this.#verifying.size >= this.#options.pendingMax
  }

  #find(digest: string): Entry | undefined {
    const entry = this.#known.get(digest)
    if (entry === undefined) return undefined
    const { clock, revocationVersion } = this.#options
    const { rules, keyVersion } = entry.verified
    const nowMs = clock.monotonicMs()
    const holds =
      nowMs < entry.untilMs &&
      clock.wallMs() < entry.expiresAtMs &&
      rules.keys.version === keyVersion &&
      rules.keys.isUsable(nowMs) &&
      revocationVersion() === entry.revocationVersion
    if (holds) return entry
    this.#known.delete(digest)
    return undefined
  }

  #pending(
    request: RequestFacts,
    credential: KnownCredential,
    entry: Entry | undefined,
  ): PendingAuthentication {
    let left = false
    const find = async (): Promise<Authenticated | Rejection> => {
      const verified = entry ?? (await this.#verify(credential.token, credential.digest))
      if ('kind' in verified) return this.#refuse(request, verified.why, verified)
      return this.#prove(request, credential, verified, entry !== undefined)
    }
    const tell = async (done: (result: Authenticated | Rejection) => void): Promise<void> => {
      const result = await find()
      if (!left) done(result)
    }
    return {
      kind: 'pending',
      start: (done) => void tell(done),
      leave: () => {
        left = true
      },
    }
  }

  #verify(token: string, digest: string): Promise<Entry | Refused> {
    const underWay = this.#verifying.get(digest)
    if (underWay !== undefined) return underWay
    // Read before: what is revoked while the token is verified must not be missed.
    const revocationVersion = this.#options.revocationVersion()
    const verifying = this.#options.verifier
      .verify(token)
      .then((result) =>
        result.kind === 'refused' ? result : this.#remember(digest, result, revocationVersion),
      )
      .finally(() => this.#verifying.delete(digest))
    this.#verifying.set(digest, verifying)
    return verifying
  }

  #remember(digest: string, verified: Verified, revocationVersion: number): Entry {
    const { clock, cache, toleranceMs } = this.#options
    const { principal, rules } = verified
    const ttlMs = Math.min(cache.ttlMs, rules.introspection?.ttlMs ?? Infinity)
    const entry: Entry = {
      verified,
      result: { kind: 'authenticated', principal },
      revocationVersion,
      untilMs: clock.monotonicMs() + ttlMs,
      expiresAtMs: principal.expiresAtMs + toleranceMs,
    }
    this.#known.set(digest, entry)
    return entry
  }

  async #prove(
    request: RequestFacts,
    credential: Credential,
    { verified, result }: Entry,
    cached: boolean,
  ): Promise<Authenticated | Rejection> {
    const { issuer } = verified.rules
    if (needsProof(verified, credential)) {
      const { keyThumbprint } = verified
      // A bound token without the scheme of bound tokens is one that somebody else may have found.
      const proof =
        keyThumbprint === undefined || credential.scheme !== 'dpop'
          ? 'bad'
          : await this.#options.proofs.check(request, credential.token, keyThumbprint)
      if (proof === 'bad') return this.#refuse(request, 'proof', { issuer })
      if (proof === 'busy') return this.#refuse(request, 'busy', { issuer })
    }
    this.#options.observer.authenticated(request, result.principal, cached)
    return result
  }

  #refuse(
    request: RequestFacts,
    why: AuthRefusal,
    about?: { readonly issuer?: string; readonly retryAfterMs?: number },
  ): Rejection {
    this.#options.observer.refused(request, why, about?.issuer)
    return this.#options.challenger.reject(request, why, about?.retryAfterMs)
  }
}

function needsProof({ keyThumbprint, rules }: Verified, { scheme }: Credential): boolean {
  return keyThumbprint !== undefined || rules.requireProof || scheme === 'dpop'
}
