/** What the operator asks of the tokens of one issuer. */

import type { ClaimPath } from './claim-path.ts'
import type { KeySource } from './key-source.ts'
import type { Introspection } from './introspection.ts'

export interface ClaimPaths {
  readonly user: ClaimPath
  readonly roles: ClaimPath
  readonly session: ClaimPath
  readonly organization: ClaimPath
}

export interface IssuerRules {
  readonly issuer: string
  /** A token names at least one of these. */
  readonly audiences: readonly string[]
  readonly algorithms: readonly string[]
  /** In lower case, without `application/`; empty for a token without `typ`. */
  readonly types: ReadonlySet<string>
  readonly claims: ClaimPaths
  readonly defaultRoles: readonly string[]
  readonly maxLifetimeMs: number
  /** A token must be bound to a key that its sender proves to have. */
  readonly requireProof: boolean
  readonly keys: KeySource
  readonly introspection: Introspection | undefined
}

/** `typ` as it is compared (RFC 7515 §4.1.9). */
export function normalizeType(type: string): string {
  return type.toLowerCase().replace(/^application\//, '')
}
