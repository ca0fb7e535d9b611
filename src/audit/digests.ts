/**
 * SHA-256 and HMAC-SHA-256 (RFC 2104) of what is small, in one call of Node's each. Node's objects for
 * them take several times as long to set up as the hashing takes, and a record needs five.
 */

import { createHash, createHmac, hash } from 'node:crypto'

export type Part = Buffer | string

const BLOCK = 64
const DIGEST = 32
const INNER_PAD = 0x36
const OUTER_PAD = 0x5c

/** More is left to Node's objects, so that no large buffer is kept. */
const BYTES_MAX = 16 * 1024

// Hashing is synchronous, so one of each serves all.
const input = Buffer.alloc(BLOCK + BYTES_MAX)
const outer = Buffer.alloc(BLOCK + DIGEST)

export function sha256(...parts: readonly Part[]): Buffer {
  const end = gather(parts, 0)
  if (end !== undefined) return bytesOf(digestOf(input.subarray(0, end)))
  const whole = createHash('sha256')
  for (const part of parts) whole.update(part)
  return whole.digest()
}

/** A key that hashes often: what stands before every text is made of it once. */
export class HmacKey {
  /** The block before what is hashed first, and that before its hash. */
  readonly inner = Buffer.alloc(BLOCK)
  readonly outer = Buffer.alloc(BLOCK)
  readonly #key: Buffer

  constructor(key: Buffer) {
    this.#key = key
    const bytes = key.length > BLOCK ? sha256(key) : key
    for (let i = 0; i < BLOCK; i += 1) {
      const byte = bytes[i] ?? 0
      this.inner[i] = byte ^ INNER_PAD
      this.outer[i] = byte ^ OUTER_PAD
    }
  }

  /** The keyed hash of the parts one behind the other; as `latin1` a character stands for each byte. */
  digest(as: 'latin1' | 'base64url', ...parts: readonly Part[]): string {
    const end = gather(parts, BLOCK)
    if (end === undefined) {
      const whole = createHmac('sha256', this.#key)
      for (const part of parts) whole.update(part)
      return whole.digest().toString(as)
    }
    this.inner.copy(input)
    this.outer.copy(outer)
    outer.write(digestOf(input.subarray(0, end)), BLOCK, 'latin1')
    return hash('sha256', outer, as)
  }
}

export function hmacKeyOf(key: Buffer | HmacKey): HmacKey {
  return key instanceof HmacKey ? key : new HmacKey(key)
}

/** The parts are hashed one behind the other. */
export function hmacSha256(key: Buffer, ...parts: readonly Part[]): Buffer {
  return bytesOf(new HmacKey(key).digest('latin1', ...parts))
}

/** Copies the parts into `input` from `start` on; where they end, or undefined when they are too long. */
function gather(parts: readonly Part[], start: number): number | undefined {
  let at = start
  for (const part of parts) {
    // No character takes more than three bytes in UTF-8.
    const most = typeof part === 'string' ? part.length * 3 : part.length
    if (at + most > input.length) return undefined
    at += typeof part === 'string' ? input.write(part, at) : part.copy(input, at)
  }
  return at
}

/** As text of one character for each byte: Node makes a buffer of its own three times as slowly. */
export function digestOf(bytes: Buffer): string {
  return hash('sha256', bytes, 'latin1')
}

export function bytesOf(digest: string): Buffer {
  return Buffer.from(digest, 'latin1')
}
