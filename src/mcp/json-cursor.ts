/**
 * Walks through a JSON text that is there as a whole, value by value, and passes quickly over what
 * nobody asks about. Lenient: it takes every JSON text, and some that are none.
 */

import { KEY_BYTES_MAX, decodeString } from './json-shape.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COMMA = 0x2c
const COLON = 0x3a

/** A string longer than this is searched for its end by the native search. */
const NATIVE_SEARCH_FROM = 48

export class JsonCursor {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Where the cursor stands: before a value, or just behind one. */
  at(): number {
    return this.#at
  }

  /** Passes over a byte order mark, which decoders of texts take off. */
  skipMark(): void {
    const bytes = this.#bytes
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3
  }

  /** What comes next, past white space. */
  peek(): 'object' | 'array' | 'other' {
    this.#space()
    const c = this.#bytes[this.#at]
    if (c === OPEN_BRACE) return 'object'
    return c === OPEN_BRACKET ? 'array' : 'other'
  }

  /** True when nothing follows but white space. */
  atEnd(): boolean {
    this.#space()
    return this.#at === this.#bytes.length
  }

  /** The decoded string between two offsets; undefined when there is none. */
  text(start: number, end: number): string | undefined {
    const bytes = this.#bytes
    if (bytes[start] !== QUOTE) return undefined
    for (let i = start; i < end; i += 1) {
      if (bytes[i] === BACKSLASH) return decodeString(bytes.toString('utf8', start, end))
    }
    return bytes.toString('utf8', start + 1, end - 1)
  }

  /** Stands before an array; `item` stands before each of its items and must pass over it. */
  eachItem(item: () => boolean): boolean {
    this.#at += 1
    this.#space()
    if (this.#bytes[this.#at] === CLOSE_BRACKET) return this.#step()
    for (;;) {
      this.#space()
      if (!item()) return false
      this.#space()
      const c = this.#bytes[this.#at]
      this.#at += 1
      if (c === CLOSE_BRACKET) return true
      if (c !== COMMA) return false
    }
  }

  /**
   * Stands before an object; `member` stands before the value of each of its members and must pass over
   * it. With `only`, every other name is given as an empty one.
   */
  eachMember(member: (key: string) => boolean, only?: string): boolean {
    this.#at += 1
    this.#space()
    if (this.#bytes[this.#at] === CLOSE_BRACE) return this.#step()
    for (;;) {
      this.#space()
      const start = this.#at
      if (this.#bytes[start] !== QUOTE || !this.skip()) return false
      const key = this.#key(start, this.#at, only)
      this.#space()
      if (this.#bytes[this.#at] !== COLON) return false
      this.#at += 1
      this.#space()
      if (!member(key)) return false
      this.#space()
      const c = this.#bytes[this.#at]
      this.#at += 1
      if (c === CLOSE_BRACE) return true
      if (c !== COMMA) return false
    }
  }

  /** Passes over the value that comes; false when there is none. */
  skip(): boolean {
    this.#space()
    const bytes = this.#bytes
    const c = bytes[this.#at]
    if (c === QUOTE) return this.#moveTo(stringEnd(bytes, this.#at))
    if (c === OPEN_BRACE || c === OPEN_BRACKET) return this.#moveTo(containerEnd(bytes, this.#at))
    const start = this.#at
    while (this.#at < bytes.length && isScalar(bytes[this.#at] ?? 0)) this.#at += 1
    return this.#at > start
  }

  /** Known names are ASCII, so the quicker decoding finds them all and mistakes none for another. */
  #key(start: number, end: number, only: string | undefined): string {
    const bytes = this.#bytes
    const length = end - start - 2
    if (length > KEY_BYTES_MAX) return ''
    for (let i = start; i < end; i += 1) {
      if (bytes[i] === BACKSLASH) return decodeString(bytes.toString('utf8', start, end)) ?? ''
    }
    if (only === undefined) return bytes.toString('latin1', start + 1, end - 1)
    if (length !== only.length) return ''
    for (let i = 0; i < length; i += 1) {
      if (bytes[start + 1 + i] !== only.charCodeAt(i)) return ''
    }
    return only
  }

  #space(): void {
    const bytes = this.#bytes
    let i = this.#at
    for (; i < bytes.length; i += 1) {
      const c = bytes[i]
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break
    }
    this.#at = i
  }

  #moveTo(end: number): boolean {
    if (end < 0) return false
    this.#at = end
    return true
  }

  #step(): true {
    this.#at += 1
    return true
  }
}

/** Just behind the string that begins at `at`; -1 when it does not end. */
function stringEnd(bytes: Buffer, at: number): number {
  const { length } = bytes
  let i = at + 1
  for (;;) {
    // Most strings are short, or have quotes in them soon again.
    for (const near = Math.min(length, i + NATIVE_SEARCH_FROM); i < near; i += 1) {
      const c = bytes[i]
      if (c === BACKSLASH) i += 1
      else if (c === QUOTE) return i + 1
    }
    const quote = bytes.indexOf(QUOTE, i)
    if (quote < 0) return -1
    let backslashes = 0
    while (quote - 1 - backslashes >= i && bytes[quote - 1 - backslashes] === BACKSLASH) {
      backslashes += 1
    }
    i = quote + 1
    if (backslashes % 2 === 0) return i
  }
}

/** Just behind the object or array that begins at `at`; -1 when it does not end. */
function containerEnd(bytes: Buffer, at: number): number {
  const { length } = bytes
  let depth = 0
  let i = at
  while (i < length) {
    const c = bytes[i]
    if (c === QUOTE) {
      i = stringEnd(bytes, i)
      if (i < 0) return -1
      continue
    }
    i += 1
    if (c === OPEN_BRACE || c === OPEN_BRACKET) depth += 1
    else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) {
      depth -= 1
      if (depth === 0) return i
    }
  }
  return -1
}

/** A part of a number, or of `true`, `false` and `null`. */
function isScalar(c: number): boolean {
  return (
    (c >= 0x30 && c <= 0x39) ||
    (c >= 0x61 && c <= 0x7a) ||
    c === 0x2d ||
    c === 0x2b ||
    c === 0x2e ||
    c === 0x45
  )
}
