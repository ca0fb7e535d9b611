/**
 * A number for a few texts and bytes, the same for the same ones, from which they cannot be read back. It is
 * quick, and no more than that: whoever wants to can find two inputs with one number, so nothing may be decided
 * by it.
 */

/** Odd, with about as many ones as zeros in no pattern. */
const PRIME_A = 0x9e3779b1
const PRIME_B = 0x85ebca77

/** Two states of 32 bits, of which 53 bits come out. Used again and again: `start` begins anew. */
export class Fingerprint {
  #a = 0
  #b = 0

  start(): this {
    this.#a = PRIME_B | 0
    this.#b = PRIME_A | 0
    return this
  }

  /** The length goes in too, so that `ab` and `c` differ from `a` and `bc`. */
  text(text: string): this {
    this.#mix(text.length)
    for (let i = 0; i < text.length; i += 1) this.#mix(text.charCodeAt(i))
    return this
  }

  bytes(bytes: Uint8Array, start: number, end: number): this {
    let at = start
    for (; at + 4 <= end; at += 4) {
      const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
      this.#mix(low | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24))
    }
    for (; at < end; at += 1) this.#mix(bytes[at] ?? 0)
    return this
  }

  number(value: number): this {
    this.#mix(value | 0)
    return this
  }

  /** A whole number below 2^53. */
  end(): number {
    const a = avalanche(this.#a ^ (this.#b >>> 15))
    const b = avalanche(this.#b ^ (a >>> 13))
    return (a >>> 0) * 2 ** 21 + (b >>> 11)
  }

  #mix(word: number): void {
    const a = Math.imul(this.#a ^ word, PRIME_A)
    this.#a = a ^ (a >>> 15)
    const b = Math.imul(this.#b + word, PRIME_B)
    this.#b = b ^ (b >>> 13)
  }
}

function avalanche(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), PRIME_B)
  mixed = Math.imul(mixed ^ (mixed >>> 13), PRIME_A)
  return mixed ^ (mixed >>> 16)
}
