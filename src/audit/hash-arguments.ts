/** Keyed hashes of what must not stand in the log: arguments and session ids. */

import { createHmac } from 'node:crypto'
import { canonicalJson } from '../core/canonical-json.ts'

export interface HashedArguments {
  readonly hash: Buffer
  readonly form: 'canonical' | 'raw'
}

/** Larger ones would hold up other calls; their hash is that of the bytes. */
const CANONICAL_BYTES_MAX = 64 * 1024

/** Equal for equal arguments however they are spelled (RFC 8785), as far as they are not large. */
export function hashArguments(key: Buffer, text: Buffer): HashedArguments {
  const canonical = text.length > CANONICAL_BYTES_MAX ? undefined : canonicalOf(text)
  const hmac = createHmac('sha256', key).update('arguments ')
  return canonical === undefined
    ? { hash: hmac.update(text).digest(), form: 'raw' }
    : { hash: hmac.update(canonical).digest(), form: 'canonical' }
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
  const hash = createHmac('sha256', key).update(`${kind} session ${id}`).digest('base64url')
  return hash.slice(0, 22)
}
