/**
 * Metric series: our own aggregation, because the SDK's costs 40 to 100 times as much per record,
 * does not bound cumulative series, and cannot carry exemplars (ARCHITECTURE.md, "Metrics").
 *
 * Every family has a fixed list of attributes; a series is found by their values, where an empty
 * value means that the attribute is absent.
 */

import type { MetricDefinition } from './names.ts'

/** Series per family; beyond it records go to one series with `otel.metric.overflow`. */
export const SERIES_MAX = 2_000

export interface HistogramValue {
  /** One per bucket, the last for values above every bound; not cumulative. */
  readonly counts: Float64Array
  sum: number
  count: number
  min: number
  max: number
}

export interface Series<T> {
  /** Attribute values in the family's order; undefined for the overflow series. */
  readonly values: readonly string[] | undefined
  readonly value: T
}

export class HistogramFamily {
  readonly definition: MetricDefinition
  readonly #bounds: readonly number[]
  readonly #table: SeriesTable<HistogramValue>

  constructor(definition: MetricDefinition, onOverflow: () => void) {
    this.definition = definition
    this.#bounds = definition.buckets ?? []
    this.#table = new SeriesTable(() => this.#empty(), onOverflow)
  }

  record(values: readonly string[], value: number): void {
    const series = this.#table.get(values).value
    const bucket = bucketOf(this.#bounds, value)
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
    series.sum += value
    series.count += 1
    if (value < series.min) series.min = value
    if (value > series.max) series.max = value
  }

  series(): Iterable<Series<HistogramValue>> {
    return this.#table.all()
  }

  #empty(): HistogramValue {
    const counts = new Float64Array(this.#bounds.length + 1)
    return { counts, sum: 0, count: 0, min: Infinity, max: -Infinity }
  }
}

export class CounterFamily {
  readonly definition: MetricDefinition
  readonly #table: SeriesTable<{ total: number }>

  constructor(definition: MetricDefinition, onOverflow: () => void) {
    this.definition = definition
    this.#table = new SeriesTable(() => ({ total: 0 }), onOverflow)
  }

  /** `amount` 0 makes the series exist, so that a first failure shows as an increase. */
  add(values: readonly string[], amount: number): void {
    this.#table.get(values).value.total += amount
  }

  series(): Iterable<Series<{ total: number }>> {
    return this.#table.all()
  }
}

/** A gauge is read when it is collected. */
export class GaugeFamily {
  readonly definition: MetricDefinition
  readonly #read: () => Iterable<{ readonly values: readonly string[]; readonly value: number }>

  constructor(
    definition: MetricDefinition,
    read: () => Iterable<{ readonly values: readonly string[]; readonly value: number }>,
  ) {
    this.definition = definition
    this.#read = read
  }

  series(): Iterable<{ readonly values: readonly string[]; readonly value: number }> {
    return this.#read()
  }
}

export type MetricFamily = HistogramFamily | CounterFamily | GaugeFamily

const RECENT_MAX = 4

function sameValues(a: readonly string[] | undefined, b: readonly string[]): boolean {
  if (a === undefined) return false
  for (let i = 0; i < b.length; i += 1) if (a[i] !== b[i]) return false
  return true
}

class SeriesTable<T> {
  readonly #byKey = new Map<string, Series<T>>()
  readonly #create: () => T
  readonly #onOverflow: () => void
  /** The series used last, looked at first: comparing values is cheaper than joining a key. */
  readonly #recent: Series<T>[] = []
  #nextRecent = 0
  #overflow: Series<T> | undefined

  constructor(create: () => T, onOverflow: () => void) {
    this.#create = create
    this.#onOverflow = onOverflow
  }

  get(values: readonly string[]): Series<T> {
    for (const series of this.#recent) if (sameValues(series.values, values)) return series
    const series = this.#find(values)
    this.#recent[this.#nextRecent] = series
    this.#nextRecent = (this.#nextRecent + 1) % RECENT_MAX
    return series
  }

  #find(values: readonly string[]): Series<T> {
    const key = values.join('\u0000')
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    if (this.#byKey.size >= SERIES_MAX) {
      this.#onOverflow()
      this.#overflow ??= { values: undefined, value: this.#create() }
      return this.#overflow
    }
    const series: Series<T> = { values: [...values], value: this.#create() }
    this.#byKey.set(key, series)
    return series
  }

  *all(): Iterable<Series<T>> {
    yield* this.#byKey.values()
    if (this.#overflow !== undefined) yield this.#overflow
  }
}

/** The first bucket whose upper bound is not below the value (bounds are inclusive). */
function bucketOf(bounds: readonly number[], value: number): number {
  let index = 0
  while (index < bounds.length && value > (bounds[index] ?? Infinity)) index += 1
  return index
}
