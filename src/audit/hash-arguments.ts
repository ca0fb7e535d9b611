/** Hashes of what must not stand in the log: arguments and session ids. */

import { canonicalJson } from '../core/canonical-json.ts'
import { CanonicalBytes } from './canonical-bytes.ts'
import { digestOf, sha256, type HmacKey } from './digests.ts'

export interface HashedArguments {
  /** SHA-256, a character for each byte. Not to be written before it is hashed with a key. */
  readonly hash: string
  readonly form: 'canonical' | 'raw'
}

/** Larger ones would hold up other calls; their hash is that of the bytes. */
const CANONICAL_BYTES_MAX = 64 * 1024

// Hashing is synchronous, so one serves all.
const plain = new CanonicalBytes()

/** Equal for equal arguments however they are spelled (RFC 8785), as far as they are not large. */
export function hashArguments(text: Buffer): HashedArguments {
  const known = plain.of(text)
  if (known !== undefined) return { hash: digestOf(known), form: 'canonical' }
  const canonical = canonicalOf(text)
  return {
    hash: sha256(canonical ?? text).toString('latin1'),
    form: canonical === undefined ? 'raw' : 'canonical',
  }
}

function canonicalOf(text: Buffer): string | undefined {
  if (text.length > CANONICAL_BYTES_MAX) return undefined
  try {
    return canonicalJson(JSON.parse(text.toString('utf8')))
  } catch {
    return undefined
  }
}

/** What stands for a session. */
export function hashSession(key: HmacKey, kind: 'mcp' | 'token', id: string): string {
  return key.digest('base64url', `${kind} session ${id}`).slice(0, 22)
}
