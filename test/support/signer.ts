/** Keys that sign tokens, and tokens. */

import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'

export interface Signer {
  readonly kid: string | undefined
  readonly algorithm: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

export async function makeSigner(algorithm: string, kid: string | undefined): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwk = await exportJWK(publicKey)
  return {
    kid,
    algorithm,
    privateKey,
    jwk: { ...jwk, ...(kid === undefined ? {} : { kid }), alg: algorithm, use: 'sig' },
  }
}

export interface Claimed {
  /** In place of, or besides, the usual claims; undefined leaves one out. */
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
}

/** A token with what every token has: ten minutes for `alice`, for the audience `sidelight-test`. */
export function mint(
  signer: Signer,
  issuer: string,
  nowMs: number,
  { claims = {}, header = {} }: Claimed = {},
): Promise<string> {
  const now = Math.floor(nowMs / 1_000)
  const payload = {
    iss: issuer,
    aud: 'sidelight-test',
    sub: 'alice',
    iat: now,
    exp: now + 600,
    roles: ['analyst'],
    ...claims,
  }
  return new SignJWT(payload)
    .setProtectedHeader({
      alg: signer.algorithm,
      typ: 'at+jwt',
      ...(signer.kid === undefined ? {} : { kid: signer.kid }),
      ...header,
    })
    .sign(signer.privateKey)
}
