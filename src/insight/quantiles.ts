/**
 * Percentiles with a known relative error, by DDSketch (Masson, Rim, Lee: "DDSketch: a fast and
 * fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019).
 *
 * The library's own sketch holds its bins as lists of numbers, 2.2 KB for one of 20 values; for
 * hundreds of thousands of them that is too much. So the library says which bin a value belongs to and what a bin stands for, and
 * bins are kept packed (tally.ts, history.ts) and summed (sums.ts). A test holds the percentiles to those
 * of the library's sketch: they are equal.
 */

import { DDSketch } from '@datadog/sketches-js'

/** Durations outside are counted as the nearest of these, in microseconds: 1 µs to 24 hours. */
const MIN_US = 1
const MAX_US = 86_400_000_000

/** Bins of durations are below this, at a relative error of 1 % or more. */
export const BINS_MAX = 1_280

export class Resolution {
  readonly relativeError: number
  readonly #mapping: DDSketch['mapping']

  constructor(relativeError: number) {
    this.relativeError = relativeError
    this.#mapping = new DDSketch({ relativeAccuracy: relativeError }).mapping
  }

  /** The bin of a duration in microseconds; from 0 up. */
  binOf(us: number): number {
    return this.#mapping.key(us < MIN_US ? MIN_US : us > MAX_US ? MAX_US : us)
  }

  /**
   * The values at these quantiles, ascending, in microseconds. `bins` are bins and counts in turn, `calls`
   * the sum of the counts. The value of rank `q * (calls - 1)`, rounded down, as in the library's sketch.
   */
  quantiles(bins: readonly number[], calls: number, quantiles: readonly number[]): number[] {
    const values: number[] = []
    let at = 0
    let passed = bins[1] ?? 0
    for (const quantile of quantiles) {
      const rank = Math.floor(quantile * (calls - 1))
      while (passed <= rank && at + 2 < bins.length) {
        at += 2
        passed += bins[at + 1] ?? 0
      }
      values.push(this.#mapping.value(bins[at] ?? 0))
    }
    return values
  }
}
