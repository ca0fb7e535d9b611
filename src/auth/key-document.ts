/** Reads a JSON Web Key Set (RFC 7517 §5): the public keys in it that may verify signatures. */

import { importJWK, type CryptoKey, type JWK } from 'jose'
import { isClaims, type Claims } from './claim-path.ts'
import type { VerificationKey } from './key-source.ts'

/** No issuer has as many; a set with more is a mistake, or an attack on us. */
const KEYS_MAX = 100

const KID_CHARS_MAX = 256

const RSA_BITS_MIN = 2_048

export interface SetKey extends VerificationKey {
  readonly kid: string | undefined
  /** Whether it can make signatures of this algorithm. */
  fits(algorithm: string): boolean
  /** Everything that makes it this key, for telling whether a set has changed. */
  readonly identity: string
}

/** Undefined when it is no key set. Keys that cannot verify signatures are left out. */
export function readKeyDocument(text: string): readonly SetKey[] | undefined {
  const document = parse(text)
  const keys = isClaims(document) ? document['keys'] : undefined
  if (!Array.isArray(keys) || keys.length > KEYS_MAX) return undefined
  return keys.flatMap((key: unknown) => toKey(key) ?? [])
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const CURVES: Readonly<Record<string, string>> = {
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
}

const EDWARDS: readonly string[] = ['EdDSA', 'Ed25519']

const RSA: readonly string[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']

function toKey(jwk: unknown): SetKey | undefined {
  if (!isClaims(jwk) || !isPublic(jwk) || !mayVerify(jwk)) return undefined
  const { kid } = jwk
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > KID_CHARS_MAX)) return undefined
  const algorithms = algorithmsOf(jwk)
  if (algorithms.length === 0) return undefined
  return new PublicKey(jwk, kid, algorithms)
}

/** A private key in a public place is known to everybody; a shared secret is none of an issuer's. */
function isPublic(jwk: Claims): boolean {
  return jwk['kty'] !== 'oct' && !Object.hasOwn(jwk, 'd') && !Object.hasOwn(jwk, 'k')
}

function mayVerify({ use, key_ops: operations }: Claims): boolean {
  if (use !== undefined && use !== 'sig') return false
  return !Array.isArray(operations) || operations.includes('verify')
}

/** What the key is made for, by its kind and by what it says of itself. */
function algorithmsOf(jwk: Claims): readonly string[] {
  const possible = possibleAlgorithms(jwk)
  const { alg } = jwk
  if (alg === undefined) return possible
  // Two names for one thing (RFC 9864).
  if (alg === 'EdDSA' || alg === 'Ed25519') return possible === EDWARDS ? EDWARDS : []
  return possible.filter((one) => one === alg)
}

function possibleAlgorithms({ kty, crv, n }: Claims): readonly string[] {
  if (kty === 'RSA') {
    const bits = typeof n === 'string' ? Buffer.from(n, 'base64url').length * 8 : 0
    return bits >= RSA_BITS_MIN ? RSA : []
  }
  if (kty === 'OKP') return crv === 'Ed25519' ? EDWARDS : []
  const curve = kty === 'EC' ? new Map(Object.entries(CURVES)).get(String(crv)) : undefined
  return curve === undefined ? [] : [curve]
}

class PublicKey implements SetKey {
  readonly kid: string | undefined
  readonly identity: string
  readonly #jwk: Claims
  readonly #algorithms: readonly string[]
  readonly #imported = new Map<string, Promise<CryptoKey | Uint8Array>>()

  constructor(jwk: Claims, kid: string | undefined, algorithms: readonly string[]) {
    this.kid = kid
    this.#jwk = jwk
    this.#algorithms = algorithms
    this.identity = JSON.stringify([
      kid,
      jwk['kty'],
      jwk['crv'],
      jwk['n'],
      jwk['e'],
      jwk['x'],
      jwk['y'],
      algorithms,
    ])
  }

  fits(algorithm: string): boolean {
    return this.#algorithms.includes(algorithm)
  }

  /** Rejects when its numbers are none of a key. */
  for(algorithm: string): Promise<CryptoKey | Uint8Array> {
    const known = this.#imported.get(algorithm)
    if (known !== undefined) return known
    const imported = importJWK(publicParts(this.#jwk), algorithm)
    this.#imported.set(algorithm, imported)
    return imported
  }
}

/** What makes the public key, without anything that would change how it is used. */
function publicParts(jwk: Claims): JWK {
  const parts: Record<string, string> = {}
  for (const name of ['kty', 'crv', 'n', 'e', 'x', 'y']) {
    const value = jwk[name]
    if (typeof value === 'string') parts[name] = value
  }
  return parts
}
