/** Keyed hashes of what must not stand in the log: arguments and session ids. */

import { canonicalJson } from '../core/canonical-json.ts'
import { CanonicalBytes } from './canonical-bytes.ts'
import { bytesOf, hmacKeyOf, type HmacKey } from './digests.ts'

export interface HashedArguments {
  readonly hash: Buffer
  readonly form: 'canonical' | 'raw'
}

/** Larger ones would hold up other calls; their hash is that of the bytes. */
const CANONICAL_BYTES_MAX = 64 * 1024

// Hashing is synchronous, so one serves all.
const plain = new CanonicalBytes()

/** Equal for equal arguments however they are spelled (RFC 8785), as far as they are not large. */
export function hashArguments(key: Buffer | HmacKey, text: Buffer): HashedArguments {
  const canonical = plain.of(text) ?? canonicalOf(text)
  return {
    hash: bytesOf(hmacKeyOf(key).digest('latin1', 'arguments ', canonical ?? text)),
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
export function hashSession(key: Buffer | HmacKey, kind: 'mcp' | 'token', id: string): string {
  return hmacKeyOf(key).digest('base64url', `${kind} session ${id}`).slice(0, 22)
}
