/**
 * Metric series: our own aggregation, because the SDK's costs 40 to 100 times as much per record,
 * does not bound cumulative series, and cannot carry exemplars (ARCHITECTURE.md, "Metrics").
 *
 * Every family has a fixed list of attributes; a series is found by their values, where an empty
 * value means that the attribute is absent. Whoever records the same series again and again keeps the
 * handle that `bind` gives.
 */

import {
  HistogramSeries,
  Slabs,
  type MeasuredSpan,
  type SeriesSettings,
} from './histogram-series.ts'
import { ATTR, type MetricDefinition } from './names.ts'

export class HistogramFamily {
  readonly definition: MetricDefinition
  readonly #table: SeriesTable<HistogramSeries>

  constructor(definition: MetricDefinition, settings: SeriesSettings) {
    const bounds = definition.buckets ?? []
    const slabs = new Slabs(bounds)
    this.definition = definition
    this.#table = new SeriesTable(
      definition,
      settings,
      (values) => new HistogramSeries(values, bounds, slabs, settings),
    )
  }

  bind(values: readonly string[]): HistogramSeries {
    return this.#table.get(values)
  }

  /** Finds the series and records; the span's ids become an exemplar when it is sampled. */
  record(values: readonly string[], value: number, span?: MeasuredSpan): void {
    this.#table.get(values).record(value, span)
  }

  series(): Iterable<HistogramSeries> {
    return this.#table.all()
  }
}

/** A handle on one series of a counter. */
export class CounterSeries {
  readonly values: readonly string[] | undefined
  /** The labels as text, made when they are first shown. */
  labels: string | undefined = undefined
  total = 0
  /** What of the total has been exported, in delta mode. */
  #pushed = 0

  constructor(values: readonly string[] | undefined) {
    this.values = values
  }

  add(amount: number): void {
    this.total += amount
  }

  /** The increase since the last time; undefined when there is none. */
  pushDelta(): number | undefined {
    const increase = this.total - this.#pushed
    this.#pushed = this.total
    return increase === 0 ? undefined : increase
  }
}

/** Adds up: a counter, or an updowncounter, whose amounts may be negative. */
export class CounterFamily {
  readonly definition: MetricDefinition
  readonly #table: SeriesTable<CounterSeries>

  constructor(definition: MetricDefinition, settings: SeriesSettings) {
    this.definition = definition
    this.#table = new SeriesTable(definition, settings, (values) => new CounterSeries(values))
  }

  bind(values: readonly string[]): CounterSeries {
    return this.#table.get(values)
  }

  /** `amount` 0 makes the series exist, so that a first failure shows as an increase. */
  add(values: readonly string[], amount: number): void {
    this.#table.get(values).total += amount
  }

  series(): Iterable<CounterSeries> {
    return this.#table.all()
  }
}

export interface Observation {
  readonly values: readonly string[]
  readonly value: number
}

/**
 * Read when it is collected: a gauge or an updowncounter that somebody else keeps. Whoever is read
 * bounds how much there is.
 */
export class GaugeFamily {
  readonly definition: MetricDefinition
  readonly #read: () => Iterable<Observation>

  constructor(definition: MetricDefinition, read: () => Iterable<Observation>) {
    this.definition = definition
    this.#read = read
  }

  series(): Iterable<Observation> {
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

class SeriesTable<T extends { readonly values: readonly string[] | undefined }> {
  readonly #byKey = new Map<string, T>()
  readonly #settings: SeriesSettings
  readonly #create: (values: readonly string[] | undefined) => T
  /** Where in the values the upstream stands; negative when it does not. */
  readonly #upstreamAt: number
  /** The series used last, looked at first: comparing values is cheaper than joining a key. */
  readonly #recent: T[] = []
  #nextRecent = 0
  #overflow: T | undefined

  constructor(
    definition: MetricDefinition,
    settings: SeriesSettings,
    create: (values: readonly string[] | undefined) => T,
  ) {
    this.#settings = settings
    this.#create = create
    this.#upstreamAt = definition.attributes.indexOf(ATTR.upstreamName)
  }

  get(values: readonly string[]): T {
    for (const series of this.#recent) if (sameValues(series.values, values)) return series
    const series = this.#find(values)
    this.#recent[this.#nextRecent] = series
    this.#nextRecent = (this.#nextRecent + 1) % RECENT_MAX
    return series
  }

  #find(values: readonly string[]): T {
    const key = values.join('\u0000')
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    if (!this.#settings.limits.admit(this.#byKey.size, values[this.#upstreamAt])) {
      this.#overflow ??= this.#create(undefined)
      return this.#overflow
    }
    const series = this.#create([...values])
    this.#byKey.set(key, series)
    return series
  }

  *all(): Iterable<T> {
    yield* this.#byKey.values()
    if (this.#overflow !== undefined) yield this.#overflow
  }
}
