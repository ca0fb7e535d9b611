/** Whole numbers as bytes: seven bits each, the lowest first, the last without its top bit (LEB128). */

const SEVEN_BITS = 128

export class ByteWriter {
  #bytes = new Uint8Array(4_096)
  #length = 0

  get length(): number {
    return this.#length
  }

  clear(): void {
    this.#length = 0
  }

  /** A whole number from 0 to `Number.MAX_SAFE_INTEGER`. */
  number(value: number): void {
    if (this.#length + 8 > this.#bytes.length) this.#grow(8)
    let rest = value
    while (rest >= SEVEN_BITS) {
      this.#bytes[this.#length++] = (rest % SEVEN_BITS) + SEVEN_BITS
      rest = Math.floor(rest / SEVEN_BITS)
    }
    this.#bytes[this.#length++] = rest
  }

  /** Bytes of another buffer, from `start` to `end`. */
  copy(from: Uint8Array, start: number, end: number): void {
    const count = end - start
    if (this.#length + count > this.#bytes.length) this.#grow(count)
    this.#bytes.set(from.subarray(start, end), this.#length)
    this.#length += count
  }

  append(other: ByteWriter): void {
    this.copy(other.#bytes, 0, other.#length)
  }

  /** A copy of what was written. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length)
  }

  #grow(by: number): void {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + by))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}

export class ByteReader {
  readonly bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  number(): number {
    const { bytes } = this
    let value = 0
    let scale = 1
    let byte = bytes[this.at++] ?? 0
    while (byte >= SEVEN_BITS) {
      value += (byte - SEVEN_BITS) * scale
      scale *= SEVEN_BITS
      byte = bytes[this.at++] ?? 0
    }
    return value + byte * scale
  }
}
