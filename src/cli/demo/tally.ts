/** Numbers of one row of the view: exact over a bounded window, so that memory does not grow. */

/** Durations that quantiles are taken over: the newest of this row. */
const DURATIONS_MAX = 1_000
/** Seconds that the rate is taken over. */
export const RATE_SECONDS = 10
/** Different outcomes that are counted apart; codes of JSON-RPC errors are the upstream's choice. */
const OUTCOMES_MAX = 16
const OTHER = 'other'

/** One row's numbers at one moment. */
export interface RowNumbers {
  readonly calls: number
  readonly perSecond: number
  readonly inFlight: number
  /** Milliseconds; undefined until a call has ended. */
  readonly p50: number | undefined
  readonly p95: number | undefined
  readonly p99: number | undefined
  /** How often each outcome was, in the order in which they first came up. */
  readonly outcomes: readonly { readonly label: string; readonly count: number }[]
}

export class Tally {
  readonly #durations: number[] = []
  readonly #outcomes = new Map<string, number>()
  /** Calls per second of the clock, by the second's number modulo the window. */
  readonly #seconds: { second: number; calls: number }[] = []
  #calls = 0
  #timed = 0
  #inFlight = 0

  begin(): void {
    this.#inFlight += 1
  }

  /** `durationMs` is undefined for a call whose duration is no latency. */
  end(label: string, durationMs: number | undefined, atMs: number): void {
    this.#inFlight -= 1
    const known = this.#outcomes.has(label) || this.#outcomes.size < OUTCOMES_MAX
    const key = known ? label : OTHER
    this.#outcomes.set(key, (this.#outcomes.get(key) ?? 0) + 1)
    if (durationMs !== undefined) {
      this.#durations[this.#timed % DURATIONS_MAX] = durationMs
      this.#timed += 1
    }
    this.#calls += 1
    const second = Math.floor(atMs / 1_000)
    const slot = this.#seconds[second % RATE_SECONDS]
    if (slot?.second === second) slot.calls += 1
    else this.#seconds[second % RATE_SECONDS] = { second, calls: 1 }
  }

  get calls(): number {
    return this.#calls
  }

  /** `sinceMs` is when counting began: a younger tally is not divided by the whole window. */
  numbers(nowMs: number, sinceMs: number): RowNumbers {
    const sorted = this.#durations.toSorted((a, b) => a - b)
    return {
      calls: this.#calls,
      perSecond: this.#rate(nowMs, sinceMs),
      inFlight: this.#inFlight,
      p50: quantile(sorted, 0.5),
      p95: quantile(sorted, 0.95),
      p99: quantile(sorted, 0.99),
      outcomes: [...this.#outcomes].map(([label, count]) => ({ label, count })),
    }
  }

  /** Calls per second over the window's whole seconds and the one under way. */
  #rate(nowMs: number, sinceMs: number): number {
    const second = Math.floor(nowMs / 1_000)
    const startMs = Math.max(sinceMs, (second - RATE_SECONDS + 1) * 1_000)
    let calls = 0
    for (const slot of this.#seconds) {
      if (slot !== undefined && slot.second > second - RATE_SECONDS) calls += slot.calls
    }
    return calls === 0 ? 0 : calls / Math.max(1, (nowMs - startMs) / 1_000)
  }
}

/** The nearest-rank quantile: a value that was really measured. */
function quantile(sorted: readonly number[], q: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]
}
