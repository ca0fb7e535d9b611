/** Who sends a request, as an authenticated token says it. */

/** One party of a delegation chain (RFC 8693 §4.1 `act`), the one that acts now first. */
export interface Actor {
  readonly issuer: string | undefined
  readonly subject: string
}

/**
 * An authenticated sender. Only authentication makes one: whatever fails there has no principal, and
 * nothing else can be taken for one.
 */
export interface Principal {
  /** Issuer and subject together, unique over all issuers: what sessions, turns and caches key on. */
  readonly key: string
  readonly issuer: string
  readonly subject: string
  readonly roles: readonly string[]
  /** OAuth scopes of the token. */
  readonly scopes: readonly string[]
  readonly organization: string | undefined
  /** The session that the token names; not MCP's. */
  readonly sessionId: string | undefined
  readonly actors: readonly Actor[]
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number
  /** The token's claims as they were verified, for conditions. Never logged. */
  readonly claims: Readonly<Record<string, unknown>>
}
