/** Writes Protocol Buffers messages into one growing buffer (protobuf.dev, "Encoding"). */

const START_BYTES = 4_096

/** Texts of so many characters are quicker written and measured here than by asking the runtime. */
const SHORT_MAX = 64

/** Seconds and nanoseconds of a time, for a `fixed64` of nanoseconds. */
const NANOS_PER_SECOND = 1e9
const TWO_16 = 0x1_0000
const TWO_32 = 0x1_0000_0000

export class ProtobufWriter {
  #buffer = Buffer.allocUnsafe(START_BYTES)
  #at = 0

  get at(): number {
    return this.#at
  }

  reset(): void {
    this.#at = 0
  }

  /** A copy of what was written from `from` on. */
  take(from = 0): Buffer {
    const copy = Buffer.allocUnsafe(this.#at - from)
    this.#buffer.copy(copy, 0, from, this.#at)
    return copy
  }

  varint(value: number): void {
    this.#room(10)
    let rest = value
    while (rest > 0x7f) {
      this.#buffer[this.#at] = (rest % 0x80) + 0x80
      this.#at += 1
      rest = Math.floor(rest / 0x80)
    }
    this.#buffer[this.#at] = rest
    this.#at += 1
  }

  /** Bytes as they are; tags and whole prepared fields. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#buffer.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** A tag, the length, and the text in UTF-8. */
  text(tag: number, text: string): void {
    const length = sizeOfText(text)
    this.varint(tag)
    this.varint(length)
    this.#room(length)
    if (length === text.length && length <= SHORT_MAX) this.#ascii(text)
    else this.#at += this.#buffer.write(text, this.#at, length, 'utf8')
  }

  #ascii(text: string): void {
    const buffer = this.#buffer
    const at = this.#at
    for (let i = 0; i < text.length; i += 1) buffer[at + i] = text.charCodeAt(i)
    this.#at = at + text.length
  }

  /** A tag, the length, and bytes given as hexadecimal digits. */
  hex(tag: number, digits: string): void {
    const length = digits.length >>> 1
    this.varint(tag)
    this.varint(length)
    this.#room(length)
    const buffer = this.#buffer
    const at = this.#at
    for (let i = 0; i < length; i += 1) {
      buffer[at + i] = (nibble(digits, 2 * i) << 4) | nibble(digits, 2 * i + 1)
    }
    this.#at = at + length
  }

  fixed32(tag: number, value: number): void {
    this.varint(tag)
    this.#uint32(value)
  }

  double(tag: number, value: number): void {
    this.varint(tag)
    this.#room(8)
    this.#at = this.#buffer.writeDoubleLE(value, this.#at)
  }

  /** A tag and a time in nanoseconds since the epoch, from milliseconds with fractions. */
  time(tag: number, epochMs: number): void {
    const seconds = Math.floor(epochMs / 1000)
    const nanos = Math.round((epochMs - seconds * 1000) * 1e6)
    // seconds × 10^9 does not fit a double; multiplied in two halves it does.
    const low = (seconds % TWO_16) * NANOS_PER_SECOND + nanos
    const high = Math.floor(seconds / TWO_16) * NANOS_PER_SECOND
    const sum = (high % TWO_16) * TWO_16 + (low % TWO_32)
    this.varint(tag)
    this.#uint32(sum % TWO_32)
    this.#uint32(Math.floor(high / TWO_16) + Math.floor(low / TWO_32) + Math.floor(sum / TWO_32))
  }

  #uint32(value: number): void {
    this.#room(4)
    const buffer = this.#buffer
    const at = this.#at
    buffer[at] = value & 0xff
    buffer[at + 1] = (value >>> 8) & 0xff
    buffer[at + 2] = (value >>> 16) & 0xff
    buffer[at + 3] = value >>> 24
    this.#at = at + 4
  }

  /** Puts a tag and the length before what was written from `from` on. */
  wrap(tag: number, from: number): void {
    const length = this.#at - from
    const head = sizeOfVarint(tag) + sizeOfVarint(length)
    this.#room(head)
    this.#buffer.copyWithin(from + head, from, this.#at)
    this.#at = from
    this.varint(tag)
    this.varint(length)
    this.#at = from + head + length
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }
}

/** Bytes of a text in UTF-8. */
export function sizeOfText(text: string): number {
  const { length } = text
  if (length > SHORT_MAX) return Buffer.byteLength(text)
  for (let i = 0; i < length; i += 1) {
    if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text)
  }
  return length
}

/** The value of a hexadecimal digit in lower case. */
function nibble(digits: string, at: number): number {
  const code = digits.charCodeAt(at)
  return code < 0x3a ? code - 0x30 : code - 0x57
}

export function sizeOfVarint(value: number): number {
  let size = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) size += 1
  return size
}

/** Varints one after the other. */
export function varints(...values: readonly number[]): Buffer {
  const writer = new ProtobufWriter()
  for (const value of values) writer.varint(value)
  return writer.take()
}

/** Pieces of a message with its tag and length before them. */
export function wrapped(tag: number, pieces: readonly Buffer[]): Buffer[] {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  return [varints(tag, length), ...pieces]
}
