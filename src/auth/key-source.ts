/** Where the keys of an issuer come from, as the rest sees it. */

import type { CryptoKey } from 'jose'
import type { KeySetView } from '../core/authentication.ts'

/** A key for one algorithm; importing it may take a moment the first time. */
export interface VerificationKey {
  for(algorithm: string): Promise<CryptoKey | Uint8Array>
}

export type KeyLookup =
  | { readonly kind: 'keys'; readonly keys: readonly VerificationKey[] }
  /** The issuer has no such key. */
  | { readonly kind: 'unknown' }
  /** It cannot be found out. */
  | { readonly kind: 'unavailable'; readonly retryAfterMs: number }
  /** Look again when this has resolved; it never rejects. */
  | { readonly kind: 'wait'; readonly until: Promise<void> }

export interface KeySource {
  /** Changes whenever the keys do: what was verified with others is verified again. */
  readonly version: number
  /** False when the keys are too old to be believed. `nowMs` is monotonic. */
  isUsable(nowMs: number): boolean
  /** `kid` is undefined for a token that names none. */
  find(kid: string | undefined, algorithm: string): KeyLookup
  /** The key fitted by its name but not its signature: it may be that keys without names changed. */
  missed(kid: string | undefined): Promise<void> | undefined
  tick(nowMs: number): void
  view(): KeySetView | undefined
}
