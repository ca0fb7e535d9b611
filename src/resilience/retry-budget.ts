/**
 * How many calls may be repeated: a share of the calls and a few a second besides, so that retries
 * help when little fails and cannot multiply the load when everything does.
 */

export interface RetryBudgetSettings {
  /** Retries per call, such as 0.1. */
  readonly ratio: number
  readonly perSecond: number
}

/** What is not used is kept for so long. */
const RESERVE_MS = 10_000

/** Retries that calls can save up at most, times `ratio`. */
const CALLS_MAX = 1_000

/** One retry; ten tenths of one are a little less. */
const WHOLE = 1 - 1e-6

export class RetryBudget {
  readonly #settings: RetryBudgetSettings
  readonly #balanceMax: number
  #balance: number
  #atMs: number
  #refusals = 0

  constructor(settings: RetryBudgetSettings, nowMs: number) {
    const { ratio, perSecond } = settings
    this.#settings = settings
    this.#balance = (perSecond * RESERVE_MS) / 1_000
    this.#balanceMax = this.#balance + ratio * CALLS_MAX
    this.#atMs = nowMs
  }

  /** A call that is no retry. */
  called(): void {
    this.#balance = Math.min(this.#balanceMax, this.#balance + this.#settings.ratio)
  }

  /** Takes one retry; false when there is none left. */
  take(nowMs: number): boolean {
    this.#refill(nowMs)
    if (this.#balance < WHOLE) {
      this.#refusals += 1
      return false
    }
    this.#balance -= 1
    return true
  }

  /** Whole retries that are left. */
  left(nowMs: number): number {
    this.#refill(nowMs)
    return Math.floor(this.#balance + 1 - WHOLE)
  }

  /** How often there was none. */
  get refusals(): number {
    return this.#refusals
  }

  #refill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs)
    this.#atMs = nowMs
    const { perSecond } = this.#settings
    this.#balance = Math.min(this.#balanceMax, this.#balance + (perSecond * passedMs) / 1_000)
  }
}

/**
 * When to try again: anything from 0 to `baseMs` doubled with each attempt ("full jitter"), so that
 * callers who failed together do not come back together. `random` is from 0 to below 1.
 */
export function fullJitterMs(
  attempt: number,
  { baseMs, maxMs }: { readonly baseMs: number; readonly maxMs: number },
  random: number,
): number {
  return random * Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 30))
}
