/**
 * A body in chunks (RFC 9112 §7.1), cut anywhere. Chunk extensions and trailers are passed over, within
 * limits; whatever is not spelled as the grammar says is refused.
 */

import { COLON, CR, IN_TOKEN, IN_VALUE, LF } from './characters.ts'

/** All bytes were taken, and more are to come. */
export const MORE = -1
/** The framing is broken. */
export const BROKEN = -2
/** Whoever takes the data has given it up. */
export const GIVEN_UP = -3

/** Takes a part of a body, in a buffer that is used again at once; false when it wants no more of it. */
export interface BodyTaker {
  replyData(bytes: Buffer, from: number, to: number): boolean
}

/** A number of 52 bits. */
const SIZE_DIGITS_MAX = 13
const EXTENSION_BYTES_MAX = 4_096
const SEMICOLON = 59

/** What the next byte is part of. */
type Place = 'size' | 'extension' | 'size_lf' | 'data' | 'data_cr' | 'data_lf' | 'trailers' | 'over'

/** Where a byte leads. */
type Next = Place | 'broken'

export class ChunkedBody {
  #place: Place = 'size'
  /** Bytes of the chunk that are to come. */
  #left = 0
  #digits = 0
  #extensionBytes = 0
  readonly #trailers: Trailers

  constructor(trailerBytesMax: number) {
    this.#trailers = new Trailers(trailerBytesMax)
  }

  begin(): void {
    this.#place = 'size'
    this.#left = 0
    this.#digits = 0
    this.#extensionBytes = 0
    this.#trailers.begin()
  }

  /** Reads from `from` on; returns the index behind the body's end, or `MORE`, `BROKEN` or `GIVEN_UP`. */
  read(bytes: Buffer, from: number, taker: BodyTaker): number {
    let at = from
    while (at < bytes.length) {
      if (this.#place === 'data') {
        const end = Math.min(at + this.#left, bytes.length)
        this.#left -= end - at
        if (this.#left === 0) this.#place = 'data_cr'
        if (!taker.replyData(bytes, at, end)) return GIVEN_UP
        at = end
        continue
      }
      const next = this.#after(bytes[at] ?? 0)
      if (next === 'broken') return BROKEN
      this.#place = next
      at += 1
      if (next === 'over') return at
    }
    return MORE
  }

  /** Where a byte of the framing leads. */
  #after(byte: number): Next {
    switch (this.#place) {
      case 'size':
        return this.#afterSize(byte)
      case 'extension':
        return this.#afterExtension(byte)
      case 'size_lf':
        return byte === LF ? this.#afterSizeLine() : 'broken'
      case 'data_cr':
        return byte === CR ? 'data_lf' : 'broken'
      case 'data_lf':
        return byte === LF ? 'size' : 'broken'
      case 'trailers':
        return this.#trailers.after(byte)
      case 'data':
      case 'over':
        return 'broken'
    }
  }

  #afterSize(byte: number): Next {
    const digit = hexDigit(byte)
    if (digit >= 0) {
      this.#left = this.#left * 16 + digit
      this.#digits += 1
      return this.#digits > SIZE_DIGITS_MAX ? 'broken' : 'size'
    }
    if (this.#digits === 0) return 'broken'
    if (byte === SEMICOLON) return 'extension'
    return byte === CR ? 'size_lf' : 'broken'
  }

  #afterSizeLine(): Next {
    this.#digits = 0
    this.#extensionBytes = 0
    return this.#left === 0 ? 'trailers' : 'data'
  }

  #afterExtension(byte: number): Next {
    if (byte === CR) return 'size_lf'
    this.#extensionBytes += 1
    const fits = this.#extensionBytes <= EXTENSION_BYTES_MAX
    return fits && IN_VALUE[byte] === 1 ? 'extension' : 'broken'
  }
}

/** The lines between the last chunk and the empty line, which are passed over. */
class Trailers {
  readonly #bytesMax: number
  #bytes = 0
  #place: 'line' | 'name' | 'value' | 'line_lf' | 'last_lf' = 'line'

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  begin(): void {
    this.#bytes = 0
    this.#place = 'line'
  }

  after(byte: number): Next {
    this.#bytes += 1
    if (this.#bytes > this.#bytesMax || !this.#allows(byte)) return 'broken'
    switch (this.#place) {
      case 'line':
        this.#place = byte === CR ? 'last_lf' : 'name'
        return 'trailers'
      case 'name':
        if (byte === COLON) this.#place = 'value'
        return 'trailers'
      case 'value':
        if (byte === CR) this.#place = 'line_lf'
        return 'trailers'
      case 'line_lf':
        this.#place = 'line'
        return 'trailers'
      case 'last_lf':
        return 'over'
    }
  }

  #allows(byte: number): boolean {
    switch (this.#place) {
      case 'line':
        return byte === CR || IN_TOKEN[byte] === 1
      case 'name':
        return byte === COLON || IN_TOKEN[byte] === 1
      case 'value':
        return byte === CR || IN_VALUE[byte] === 1
      case 'line_lf':
      case 'last_lf':
        return byte === LF
    }
  }
}

/** The value of a hexadecimal digit; -1 for anything else. */
function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = byte | 0x20
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}
