/**
 * Canonical JSON (RFC 8785) of a short and plain JSON text, from its bytes alone: nearly all arguments are
 * such, and no values have to be made of them. What is not plain is left to `canonicalJson`.
 */

/** Longer texts, objects with more members and deeper nesting are not plain. */
const BYTES_MAX = 4_096
const MEMBERS_MAX = 64
const DEPTH_MAX = 16

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** A number that is written as it is read: whole, and exact as a double. */
const DIGITS_MAX = 15
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/

const WORDS = ['true', 'false', 'null'].map((word) => Buffer.from(word))

const NO_TEXT: Buffer = Buffer.alloc(0)

export class CanonicalBytes {
  // A number may become longer, and a member is copied once more while it is moved.
  readonly #out = Buffer.alloc(BYTES_MAX * 16)
  /** Where members begin, of all objects that are open. */
  readonly #begins = new Int32Array(MEMBERS_MAX * DEPTH_MAX)
  #open = 0
  #text = NO_TEXT
  #at = 0
  #end = 0

  /** Holds until it is called again. Undefined when it is not plain, or no JSON. */
  of(text: Buffer): Buffer | undefined {
    if (text.length > BYTES_MAX) return undefined
    this.#text = text
    this.#at = 0
    this.#end = 0
    this.#open = 0
    const isWhole = this.#value(DEPTH_MAX) && this.#next() === undefined
    this.#text = NO_TEXT
    return isWhole ? this.#out.subarray(0, this.#end) : undefined
  }

  /** The next byte that is no white space, without taking it. */
  #next(): number | undefined {
    const text = this.#text
    let byte = text[this.#at]
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
      this.#at += 1
      byte = text[this.#at]
    }
    return byte
  }

  /** True when it was that, which was taken. */
  #takes(byte: number): boolean {
    if (this.#next() !== byte) return false
    this.#at += 1
    return true
  }

  #put(byte: number): void {
    this.#out[this.#end] = byte
    this.#end += 1
  }

  #value(depthLeft: number): boolean {
    const byte = this.#next()
    if (byte === undefined) return false
    if (byte === QUOTE) return this.#string()
    if (isDigit(byte)) return this.#number()
    if (byte === MINUS) return this.#oddNumber(this.#at)
    if (byte === OPEN_OBJECT) return depthLeft > 0 && this.#object(depthLeft - 1)
    if (byte === OPEN_LIST) return depthLeft > 0 && this.#list(depthLeft - 1)
    return this.#word()
  }

  /** Of ASCII without escapes. */
  #string(): boolean {
    const text = this.#text
    const out = this.#out
    let at = this.#at
    let end = this.#end
    let byte: number | undefined = QUOTE
    do {
      out[end] = byte
      end += 1
      at += 1
      byte = text[at]
      if (byte === undefined || byte < 0x20 || byte === BACKSLASH || byte > 0x7e) return false
    } while (byte !== QUOTE)
    out[end] = QUOTE
    this.#at = at + 1
    this.#end = end + 1
    return true
  }

  #number(): boolean {
    const text = this.#text
    const begin = this.#at
    let at = begin + 1
    while (isDigit(text[at] ?? 0)) at += 1
    const digits = at - begin
    const isPlain = digits === 1 || (digits <= DIGITS_MAX && text[begin] !== ZERO)
    if (!isPlain || isOfNumber(text[at] ?? 0)) return this.#oddNumber(begin)
    for (let i = begin; i < at; i += 1) this.#put(text[i] ?? 0)
    this.#at = at
    return true
  }

  #oddNumber(begin: number): boolean {
    const text = this.#text
    let at = begin
    while (isOfNumber(text[at] ?? 0)) at += 1
    const spelled = text.toString('latin1', begin, at)
    const value = Number(spelled)
    if (!NUMBER.test(spelled) || !Number.isFinite(value)) return false
    this.#end += this.#out.write(String(value), this.#end, 'latin1')
    this.#at = at
    return true
  }

  #word(): boolean {
    for (const word of WORDS) {
      let length = 0
      while (length < word.length && this.#text[this.#at + length] === word[length]) length += 1
      if (length < word.length) continue
      this.#end += word.copy(this.#out, this.#end)
      this.#at += length
      return true
    }
    return false
  }

  #list(depthLeft: number): boolean {
    this.#at += 1
    this.#put(OPEN_LIST)
    if (!this.#takes(CLOSE_LIST)) {
      do {
        if (!this.#value(depthLeft)) return false
        this.#put(COMMA)
      } while (this.#takes(COMMA))
      if (!this.#takes(CLOSE_LIST)) return false
      this.#end -= 1
    }
    this.#put(CLOSE_LIST)
    return true
  }

  #object(depthLeft: number): boolean {
    this.#at += 1
    this.#put(OPEN_OBJECT)
    if (!this.#takes(CLOSE_OBJECT)) {
      const first = this.#open
      do {
        if (!this.#member(first, depthLeft)) return false
      } while (this.#takes(COMMA))
      if (!this.#takes(CLOSE_OBJECT)) return false
      this.#open = first
      this.#end -= 1
    }
    this.#put(CLOSE_OBJECT)
    return true
  }

  /** One member with a comma behind it, in its place among those of the object before it. */
  #member(first: number, depthLeft: number): boolean {
    if (this.#open - first >= MEMBERS_MAX || this.#next() !== QUOTE) return false
    const begin = this.#end
    if (!this.#string() || !this.#takes(COLON)) return false
    this.#put(COLON)
    this.#begins[this.#open] = begin
    this.#open += 1
    if (!this.#value(depthLeft)) return false
    this.#put(COMMA)
    return this.#place(first, begin)
  }

  /** False when there is another of the same name: it would matter which comes last. */
  #place(first: number, begin: number): boolean {
    const begins = this.#begins
    let place = this.#open - 1
    while (place > first) {
      const order = this.#compareNames(begins[place - 1] ?? 0, begin)
      if (order === 0) return false
      if (order < 0) break
      place -= 1
    }
    if (place < this.#open - 1) this.#move(place, begin)
    return true
  }

  #move(place: number, begin: number): void {
    const out = this.#out
    const begins = this.#begins
    const to = begins[place] ?? 0
    const length = this.#end - begin
    out.copyWithin(this.#end, begin, this.#end)
    out.copyWithin(to + length, to, begin)
    out.copyWithin(to, this.#end, this.#end + length)
    for (let i = this.#open - 1; i > place; i -= 1) begins[i] = (begins[i - 1] ?? 0) + length
    begins[place] = to
  }

  /** In the order of UTF-16 code units, which for ASCII is that of bytes. */
  #compareNames(a: number, b: number): number {
    const out = this.#out
    for (let i = 1; ; i += 1) {
      const x = out[a + i] ?? 0
      const y = out[b + i] ?? 0
      if (x === QUOTE || y === QUOTE) return x === y ? 0 : x === QUOTE ? -1 : 1
      if (x !== y) return x - y
    }
  }
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}

function isOfNumber(byte: number): boolean {
  const isSign = byte === MINUS || byte === 0x2b
  return isDigit(byte) || isSign || byte === 0x2e || byte === 0x45 || byte === 0x65
}
