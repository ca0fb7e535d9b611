/** Keyed hashes of what must not stand in the log: arguments and session ids. */

import { canonicalJson } from '../core/canonical-json.ts'
import { hmacSha256 } from './digests.ts'

export interface HashedArguments {
  readonly hash: Buffer
  readonly form: 'canonical' | 'raw'
}

/** Larger ones would hold up other calls; their hash is that of the bytes. */
const CANONICAL_BYTES_MAX = 64 * 1024

/** Equal for equal arguments however they are spelled (RFC 8785), as far as they are not large. */
export function hashArguments(key: Buffer, text: Buffer): HashedArguments {
  const canonical = text.length > CANONICAL_BYTES_MAX ? undefined : canonicalOf(text)
  return {
    hash: hmacSha256(key, 'arguments ', canonical ?? text),
    form: canonical === undefined ? 'raw' : 'canonical',
  }
}

function canonicalOf(text: Buffer): string | undefined {
  try {
    return canonicalJson(JSON.parse(text.toString('utf8')))
  } catch {
    return undefined
  }
}

/** What stands for a session. */
export function hashSession(key: Buffer, kind: 'mcp' | 'token', id: string): string {
  return hmacSha256(key, `${kind} session ${id}`).toString('base64url').slice(0, 22)
}
