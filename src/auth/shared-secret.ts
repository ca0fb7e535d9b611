/** Tokens for trying out, signed with a secret that both sides have (`auth.mode: dev-hs256`). */

import { SignJWT } from 'jose'
import type { Claims } from './claim-path.ts'
import type { KeySource } from './key-source.ts'

export const SECRET_BYTES_MIN = 32

export const DEV_ALGORITHM = 'HS256'

/** The one key that there is. */
export function secretKeySource(secret: Uint8Array): KeySource {
  const keys = [{ for: () => Promise.resolve(secret) }]
  return {
    version: 0,
    usable: true,
    find: () => ({ kind: 'keys', keys }),
    missed: () => undefined,
    tick: () => {},
    view: () => undefined,
  }
}

export interface DevToken {
  readonly issuer: string
  readonly audience: string
  readonly subject: string
  readonly lifetimeSeconds: number
  /** Seconds since 1970. */
  readonly issuedAtSeconds: number
  /** Besides the registered ones. */
  readonly claims: Claims
}

/** A token that `dev-hs256` with this secret accepts. */
export function mintDevToken(secret: Uint8Array, token: DevToken): Promise<string> {
  return new SignJWT({ ...token.claims })
    .setProtectedHeader({ alg: DEV_ALGORITHM, typ: 'at+jwt' })
    .setIssuer(token.issuer)
    .setAudience(token.audience)
    .setSubject(token.subject)
    .setIssuedAt(token.issuedAtSeconds)
    .setExpirationTime(token.issuedAtSeconds + token.lifetimeSeconds)
    .sign(secret)
}
