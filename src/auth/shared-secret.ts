/** Tokens for trying out, signed with a secret that both sides have (`auth.mode: dev-hs256`). */

import { SignJWT } from 'jose'
import type { Claims } from './claim-path.ts'
import type { KeyLookup, KeySource } from './key-source.ts'

export const SECRET_BYTES_MIN = 32

export const DEV_ALGORITHM = 'HS256'

/** The one key that there is. */
export class SharedSecret implements KeySource {
  version = 0
  #secret: Uint8Array

  constructor(secret: Uint8Array) {
    this.#secret = secret
  }

  /** What was signed with the one before is not accepted any more. */
  replace(secret: Uint8Array): void {
    this.#secret = secret
    this.version += 1
  }

  isUsable(): boolean {
    return true
  }

  find(): KeyLookup {
    const secret = this.#secret
    return { kind: 'keys', keys: [{ for: () => Promise.resolve(secret) }] }
  }

  missed(): undefined {
    return undefined
  }

  tick(): void {}

  view(): undefined {
    return undefined
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
