/**
 * An exponential histogram of base 2 (OpenTelemetry metrics data model, "ExponentialHistogram"):
 * bucket `index` counts the values in `(base^index, base^(index + 1)]`, where base is 2^(2^-scale).
 * It starts at the finest scale and halves it whenever its values span too many buckets. Buckets are
 * chosen as OpenTelemetry's SDK chooses them, to the bit.
 */

/** Buckets per histogram, the zero bucket apart; the specification's default. */
export const EXPONENTIAL_BUCKETS_MAX = 160

const SCALE_MAX = 20
const CAPACITY_START = 8
const NORMAL_MIN = 2 ** -1022
const EXPONENT_MIN = -1022
const EXPONENT_MAX = 1023
const EXPONENT_BIAS = 1023

export interface ExponentialData {
  readonly scale: number
  readonly zeroCount: number
  /** Index of the first count. */
  readonly offset: number
  readonly counts: number[]
  readonly count: number
  readonly sum: number
  readonly min: number
  readonly max: number
}

export class ExponentialBuckets {
  /** The count of `index` lies at `index` modulo the length; the length covers first to last. */
  #counts = new Float64Array(CAPACITY_START)
  #scale = SCALE_MAX
  #first = 0
  #last = -1
  #zeroCount = 0
  #count = 0
  #sum = 0
  #min = Infinity
  #max = -Infinity

  /** `value` is finite and not negative. */
  record(value: number): void {
    this.#count += 1
    this.#sum += value
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
    if (value === 0) {
      this.#zeroCount += 1
      return
    }
    let index = indexOf(value, this.#scale)
    if (this.#last < this.#first) {
      this.#first = index
      this.#last = index
    } else if (index < this.#first || index > this.#last) {
      index = this.#widen(index, value)
    }
    const at = modulo(index, this.#counts.length)
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
  }

  read(): ExponentialData {
    const counts: number[] = []
    for (let index = this.#first; index <= this.#last; index += 1) {
      counts.push(this.#counts[modulo(index, this.#counts.length)] ?? 0)
    }
    return {
      scale: counts.length === 0 ? 0 : this.#scale,
      zeroCount: this.#zeroCount,
      offset: this.#first,
      counts,
      count: this.#count,
      sum: this.#sum,
      min: this.#min,
      max: this.#max,
    }
  }

  reset(): void {
    this.#counts.fill(0)
    this.#scale = SCALE_MAX
    this.#first = 0
    this.#last = -1
    this.#zeroCount = 0
    this.#count = 0
    this.#sum = 0
    this.#min = Infinity
    this.#max = -Infinity
  }

  /** Makes the range hold `index`, at a coarser scale when it must; the value's index there. */
  #widen(index: number, value: number): number {
    let first = Math.min(this.#first, index)
    let last = Math.max(this.#last, index)
    let change = 0
    while (last - first >= EXPONENTIAL_BUCKETS_MAX) {
      first >>= 1
      last >>= 1
      change += 1
    }
    const length = this.#lengthFor(last - first + 1)
    if (change > 0 || length > this.#counts.length) this.#relocate(change, length)
    this.#scale -= change
    const exact = change === 0 ? index : indexOf(value, this.#scale)
    this.#first = Math.min(this.#first, exact)
    this.#last = Math.max(this.#last, exact)
    return exact
  }

  #lengthFor(buckets: number): number {
    let length = this.#counts.length
    while (length < buckets) length *= 2
    return Math.min(length, EXPONENTIAL_BUCKETS_MAX)
  }

  #relocate(change: number, length: number): void {
    const counts = new Float64Array(length)
    for (let index = this.#first; index <= this.#last; index += 1) {
      const to = modulo(index >> change, length)
      counts[to] = (counts[to] ?? 0) + (this.#counts[modulo(index, this.#counts.length)] ?? 0)
    }
    this.#counts = counts
    this.#first >>= change
    this.#last >>= change
  }
}

function modulo(index: number, length: number): number {
  const rest = index % length
  return rest < 0 ? rest + length : rest
}

const SCALE_FACTORS = Array.from({ length: SCALE_MAX + 1 }, (_, scale) => Math.LOG2E * 2 ** scale)

const bits = new DataView(new ArrayBuffer(8))

function indexOf(value: number, scale: number): number {
  return scale > 0 ? logarithmIndex(value, scale) : exponentIndex(value, -scale)
}

function exponentIndex(value: number, shift: number): number {
  if (value < NORMAL_MIN) return (EXPONENT_MIN >> shift) - (shift < 2 ? 1 : 0)
  bits.setFloat64(0, value)
  const high = bits.getUint32(0)
  return (exponentOf(high) - (isPowerOfTwo(high) ? 1 : 0)) >> shift
}

function logarithmIndex(value: number, scale: number): number {
  if (value <= NORMAL_MIN) return (EXPONENT_MIN << scale) - 1
  bits.setFloat64(0, value)
  const high = bits.getUint32(0)
  if (isPowerOfTwo(high)) return (exponentOf(high) << scale) - 1
  const index = Math.floor(Math.log(value) * (SCALE_FACTORS[scale] ?? 0))
  return Math.min(index, ((EXPONENT_MAX + 1) << scale) - 1)
}

function exponentOf(high: number): number {
  return ((high & 0x7ff00000) >> 20) - EXPONENT_BIAS
}

/** Of the number in `bits`, whose upper half is given: its significand is zero. */
function isPowerOfTwo(high: number): boolean {
  return (high & 0xfffff) === 0 && bits.getUint32(4) === 0
}
