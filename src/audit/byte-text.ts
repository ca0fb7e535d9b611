/** Text that is put together as the bytes that are written: no strings are joined, none waits as one. */

const ZERO = 0x30
const POINT = 0x2e

/** What stands in a number that is written digit by digit. */
const DIGITS_MAX = 15
const WHOLE_MAX = 10 ** DIGITS_MAX
const POWERS = [1, 10, 100, 1_000]

export class ByteText {
  readonly #firstBytes: number
  #bytes: Buffer = Buffer.alloc(0)
  #end = 0

  /** Room is made for `firstBytes` at first, and for twice as much as is needed when that is not enough. */
  constructor(firstBytes: number) {
    this.#firstBytes = firstBytes
  }

  /** Where everything is written; another one when it becomes too small. */
  get bytes(): Buffer {
    return this.#bytes
  }

  /** Where the text ends in these bytes. */
  get end(): number {
    return this.#end
  }

  /** Begins anew in the same bytes, unless they are more than `keptBytes`. */
  clear(keptBytes: number): void {
    if (this.#bytes.length > keptBytes) this.#bytes = Buffer.alloc(0)
    this.#end = 0
  }

  /** Text of ASCII alone, or one whose characters stand for a byte each. */
  ascii(text: string): void {
    if (text === '') return
    this.#reserve(text.length)
    this.#end += this.#bytes.write(text, this.#end, 'latin1')
  }

  text(text: string): void {
    // No UTF-16 code unit takes more than three bytes.
    this.#reserve(text.length * 3)
    this.#end += this.#bytes.write(text, this.#end)
  }

  /** What stands in `source` from `from` to `to`. */
  copy(source: Buffer, from = 0, to = source.length): void {
    this.#reserve(to - from)
    this.#end += source.copy(this.#bytes, this.#end, from, to)
  }

  /** A whole number as JSON has it; with `digits`, three at most, at least as many, zeros first. */
  whole(value: number, digits = 1): void {
    if (!(value >= 0 && value < WHOLE_MAX)) return this.ascii(String(value))
    this.#reserve(DIGITS_MAX)
    let count = digits
    for (let more = POWERS[digits] ?? 0; value >= more; more *= 10) count += 1
    const bytes = this.#bytes
    let rest = value
    for (let at = this.#end + count - 1; at >= this.#end; at -= 1) {
      const next = Math.floor(rest / 10)
      bytes[at] = ZERO + rest - next * 10
      rest = next
    }
    this.#end += count
  }

  /** A number as JSON has it, with at most three digits behind the point. */
  thousandths(value: number): void {
    const all = Math.round(value * 1_000)
    if (!(all >= 0)) return this.ascii(String(all / 1_000))
    const whole = Math.floor(all / 1_000)
    const rest = all - whole * 1_000
    this.whole(whole)
    if (rest === 0) return
    this.#reserve(4)
    this.#bytes[this.#end] = POINT
    this.#end += 1
    this.whole(rest, 3)
    while (this.#bytes[this.#end - 1] === ZERO) this.#end -= 1
  }

  /** Leaves so many bytes free to be written to. */
  skip(bytes: number): void {
    this.#reserve(bytes)
    this.#end += bytes
  }

  #reserve(more: number): void {
    const length = this.#end + more
    if (length > this.#bytes.length) this.#enlarge(length)
  }

  #enlarge(length: number): void {
    const larger = Buffer.allocUnsafeSlow(length > this.#firstBytes ? length * 2 : this.#firstBytes)
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }
}
