/**
 * How many series there may be: per family, per upstream and in all. What finds no room is recorded
 * in its family's overflow series (OpenTelemetry metrics SDK, "Cardinality limits").
 */

import type { LimitName } from '../core/limits.ts'

/** Series per family. */
export const SERIES_MAX = 2_000

/** Series of one upstream, over all families. */
export const UPSTREAM_SERIES_MAX = 4_000

/** Series in all; 10,000 of them take about 10 MB (bench/results). */
export const TOTAL_SERIES_MAX = 20_000

/** Exemplars in all, one per bucket that a sampled call fell into; each takes about 200 bytes. */
export const EXEMPLARS_MAX = 10_000

export class SeriesLimits {
  readonly #onHit: (limit: LimitName) => void
  /** Upstreams are those of the configuration and `_OTHER`, so this is bounded. */
  readonly #perUpstream = new Map<string, number>()
  #total = 0
  #exemplars = 0

  constructor(onHit: (limit: LimitName) => void) {
    this.#onHit = onHit
  }

  /** Takes room for one more series in a family of `familySize`; false when there is none. */
  admit(familySize: number, upstream: string | undefined): boolean {
    const ofUpstream = upstream === undefined ? 0 : (this.#perUpstream.get(upstream) ?? 0)
    const full = limitReached(familySize, ofUpstream, this.#total)
    if (full !== undefined) {
      this.#onHit(full)
      return false
    }
    this.#total += 1
    if (upstream !== undefined) this.#perUpstream.set(upstream, ofUpstream + 1)
    return true
  }

  admitExemplar(): boolean {
    if (this.#exemplars >= EXEMPLARS_MAX) {
      this.#onHit('metric_exemplars')
      return false
    }
    this.#exemplars += 1
    return true
  }
}

function limitReached(family: number, upstream: number, total: number): LimitName | undefined {
  if (family >= SERIES_MAX) return 'metric_series'
  if (upstream >= UPSTREAM_SERIES_MAX) return 'metric_series_upstream'
  return total >= TOTAL_SERIES_MAX ? 'metric_series_total' : undefined
}
