/**
 * Counts over a sliding window of time: exact within buckets, and a whole bucket leaves at once.
 *
 * Every call of it first lets go of what is too old, however long nothing happened.
 */

const BUCKETS = 10

export class RateWindow {
  readonly #bucketMs: number
  readonly #calls = new Uint32Array(BUCKETS)
  readonly #failed = new Uint32Array(BUCKETS)
  readonly #slow = new Uint32Array(BUCKETS)
  #current = 0
  /** When the current bucket began. */
  #sinceMs: number
  #callsTotal = 0
  #failedTotal = 0
  #slowTotal = 0

  constructor(windowMs: number, nowMs: number) {
    this.#bucketMs = windowMs / BUCKETS
    this.#sinceMs = nowMs
  }

  get calls(): number {
    return this.#callsTotal
  }

  get failed(): number {
    return this.#failedTotal
  }

  get slow(): number {
    return this.#slowTotal
  }

  record(nowMs: number, failed: boolean, slow: boolean): void {
    this.roll(nowMs)
    const at = this.#current
    this.#calls[at] = (this.#calls[at] ?? 0) + 1
    this.#callsTotal += 1
    if (failed) {
      this.#failed[at] = (this.#failed[at] ?? 0) + 1
      this.#failedTotal += 1
    }
    if (slow) {
      this.#slow[at] = (this.#slow[at] ?? 0) + 1
      this.#slowTotal += 1
    }
  }

  /** Lets go of what is older than the window. */
  roll(nowMs: number): void {
    const steps = Math.floor((nowMs - this.#sinceMs) / this.#bucketMs)
    if (steps <= 0) return
    this.#sinceMs += steps * this.#bucketMs
    if (steps >= BUCKETS) return this.#clear()
    for (let step = 0; step < steps; step += 1) this.#next()
  }

  #clear(): void {
    this.#calls.fill(0)
    this.#failed.fill(0)
    this.#slow.fill(0)
    this.#callsTotal = 0
    this.#failedTotal = 0
    this.#slowTotal = 0
  }

  #next(): void {
    const at = (this.#current + 1) % BUCKETS
    this.#current = at
    this.#callsTotal -= this.#calls[at] ?? 0
    this.#failedTotal -= this.#failed[at] ?? 0
    this.#slowTotal -= this.#slow[at] ?? 0
    this.#calls[at] = 0
    this.#failed[at] = 0
    this.#slow[at] = 0
  }
}
