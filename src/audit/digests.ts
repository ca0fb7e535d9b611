/**
 * SHA-256 and HMAC-SHA-256 (RFC 2104) of what is small, in one call of Node's each. Node's objects for
 * them take several times as long to set up as the hashing takes, and a record needs five.
 */

import { createHash, hash } from 'node:crypto'

export type Part = Buffer | string

type Encoding = 'latin1' | 'base64url'

const BLOCK = 64
const DIGEST = 32
const INNER_PAD = 0x36
const OUTER_PAD = 0x5c

/** Room before a text that is hashed with a key where it stands. */
export const HMAC_LEAD = BLOCK

/** More is left to Node's objects, so that no large buffer is kept. */
const BYTES_MAX = 16 * 1024

// Hashing is synchronous, so one serves all.
const input = Buffer.alloc(BLOCK + BYTES_MAX)

export function sha256(...parts: readonly Part[]): Buffer {
  const end = gather(parts, 0)
  if (end !== undefined) return bytesOf(digestOf(input.subarray(0, end)))
  const whole = createHash('sha256')
  for (const part of parts) whole.update(part)
  return whole.digest()
}

/** A key that hashes often: what stands before every text is made of it once. */
export class HmacKey {
  /** What is hashed first and last: a block of the key each, and room for a hash. */
  readonly #first: Buffer
  readonly #last: Buffer

  constructor(key: Buffer) {
    const bytes = key.length > BLOCK ? sha256(key) : key
    // Not of what small buffers share: each key would hold 64 KiB, and there may be thousands.
    const blocks = Buffer.allocUnsafeSlow(2 * (BLOCK + DIGEST))
    this.#first = blocks.subarray(0, BLOCK + DIGEST)
    this.#last = blocks.subarray(BLOCK + DIGEST)
    for (let i = 0; i < BLOCK; i += 1) {
      const byte = bytes[i] ?? 0
      this.#first[i] = byte ^ INNER_PAD
      this.#last[i] = byte ^ OUTER_PAD
    }
  }

  /** The keyed hash of the parts one behind the other; as `latin1` a character stands for each byte. */
  digest(as: Encoding, ...parts: readonly Part[]): string {
    const end = gather(parts, BLOCK)
    if (end !== undefined) {
      this.lead(input, 0)
      return this.finish(digestOf(input.subarray(0, end)), as)
    }
    const whole = createHash('sha256').update(this.#first.subarray(0, BLOCK))
    for (const part of parts) whole.update(part)
    return this.finish(whole.digest('latin1'), as)
  }

  /** Of a hash, a character for each byte. */
  digestOfHash(hashed: string, as: Encoding): string {
    this.#first.write(hashed, BLOCK, 'latin1')
    return this.finish(digestOf(this.#first), as)
  }

  /** Writes what has to stand before a text for `finish` to be told the hash of both. */
  lead(bytes: Buffer, at: number): void {
    this.#first.copy(bytes, at, 0, BLOCK)
  }

  finish(hashed: string, as: Encoding): string {
    this.#last.write(hashed, BLOCK, 'latin1')
    return hash('sha256', this.#last, as)
  }
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

function bytesOf(digest: string): Buffer {
  return Buffer.from(digest, 'latin1')
}
