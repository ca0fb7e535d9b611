/** Writes Protocol Buffers messages into one growing buffer (protobuf.dev, "Encoding"). */

const START_BYTES = 4_096

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
    return Buffer.from(this.#buffer.subarray(from, this.#at))
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
  raw(bytes: Buffer): void {
    this.#room(bytes.length)
    bytes.copy(this.#buffer, this.#at)
    this.#at += bytes.length
  }

  /** A tag, the length, and the text in UTF-8. */
  text(tag: number, text: string): void {
    const length = Buffer.byteLength(text)
    this.#room(length + 16)
    this.varint(tag)
    this.varint(length)
    this.#at += this.#buffer.write(text, this.#at, length, 'utf8')
  }

  /** A tag, the length, and bytes given as hexadecimal digits. */
  hex(tag: number, digits: string): void {
    const length = digits.length / 2
    this.#room(length + 16)
    this.varint(tag)
    this.varint(length)
    this.#at += this.#buffer.write(digits, this.#at, length, 'hex')
  }

  fixed32(tag: number, value: number): void {
    this.#room(16)
    this.varint(tag)
    this.#at = this.#buffer.writeUInt32LE(value, this.#at)
  }

  double(tag: number, value: number): void {
    this.#room(16)
    this.varint(tag)
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
    this.#room(16)
    this.varint(tag)
    this.#at = this.#buffer.writeUInt32LE(sum % TWO_32, this.#at)
    const carried = Math.floor(high / TWO_16) + Math.floor(low / TWO_32) + Math.floor(sum / TWO_32)
    this.#at = this.#buffer.writeUInt32LE(carried, this.#at)
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
