/** One series of a histogram: what it holds, and how it is recorded and read. */

import { ExponentialBuckets, type ExponentialData } from './exponential.ts'
import type { SeriesLimits } from './series-limits.ts'

/** How metrics are recorded for those who get them. */
export interface SeriesSettings {
  readonly limits: SeriesLimits
  /** True when OTLP gets exponential histograms; `/metrics` shows the bounds of the registry. */
  readonly exponential: boolean
  /** True when OTLP gets counters and histograms as increases since the last export. */
  readonly delta: boolean
  /** False when buckets do not remember the last sampled span. */
  readonly exemplars: boolean
}

/** The span that a measurement was made in, ended. */
export interface MeasuredSpan {
  /** True when its trace can be looked up. */
  readonly sampled: boolean
  readonly context: { readonly traceId: string; readonly spanId: string }
  /** Milliseconds since the epoch. */
  readonly endMs: number
}

export interface Exemplar {
  value: number
  epochMs: number
  traceId: string
  spanId: string
}

export interface ExplicitData {
  /** One per bucket, the last for values above every bound; not cumulative. */
  readonly counts: number[]
  readonly count: number
  readonly sum: number
  readonly min: number
  readonly max: number
}

export type HistogramData =
  | ({ readonly kind: 'explicit' } & ExplicitData)
  | ({ readonly kind: 'exponential' } & ExponentialData)

/** Rows of one slab: series share typed arrays, whose own size exceeds that of a row. */
const ROWS_PER_SLAB = 64

/** Sum, minimum and maximum follow the counts in a row. */
const SUM = 0
const MIN = 1
const MAX = 2
const EXTRAS = 3

export interface Row {
  readonly cells: Float64Array
  readonly at: number
}

/** Gives out rows of numbers, one per series. */
export class Slabs {
  readonly #width: number
  #cells: Float64Array
  #used = ROWS_PER_SLAB

  constructor(bounds: readonly number[]) {
    this.#width = bounds.length + 1 + EXTRAS
    this.#cells = new Float64Array(0)
  }

  row(): Row {
    if (this.#used === ROWS_PER_SLAB) {
      this.#cells = new Float64Array(ROWS_PER_SLAB * this.#width)
      this.#used = 0
    }
    const at = this.#used * this.#width
    this.#used += 1
    return { cells: this.#cells, at }
  }
}

/** A handle: whoever keeps it records without looking for the series again. It is never taken away. */
export class HistogramSeries {
  /** Attribute values in the family's order; undefined for the overflow series. */
  readonly values: readonly string[] | undefined
  /** The labels as text, made when they are first shown. */
  labels: string | undefined = undefined
  readonly #settings: SeriesSettings
  readonly #total: ExplicitBuckets
  /** What OTLP gets, when that is not the total. */
  readonly #pushed: ExplicitBuckets | ExponentialBuckets | undefined
  #exemplars: (Exemplar | undefined)[] | undefined = undefined

  constructor(
    values: readonly string[] | undefined,
    bounds: readonly number[],
    slabs: Slabs,
    settings: SeriesSettings,
  ) {
    this.values = values
    this.#settings = settings
    this.#total = new ExplicitBuckets(bounds, slabs.row())
    if (settings.exponential) this.#pushed = new ExponentialBuckets()
    else if (settings.delta) this.#pushed = new ExplicitBuckets(bounds, slabs.row())
  }

  /** What is not finite or below zero is no measurement, and ignored. */
  record(value: number, span?: MeasuredSpan): void {
    if (!(value >= 0 && value < Infinity)) return
    const bucket = this.#total.record(value)
    this.#pushed?.record(value)
    if (span?.sampled === true && this.#settings.exemplars) this.#remember(bucket, value, span)
  }

  read(): ExplicitData {
    return this.#total.read()
  }

  /** What OTLP gets now; undefined when nothing was recorded since the last time, in delta mode. */
  push(): HistogramData | undefined {
    const { delta } = this.#settings
    const pushed = this.#pushed ?? this.#total
    const data: HistogramData =
      pushed instanceof ExponentialBuckets
        ? { kind: 'exponential', ...pushed.read() }
        : { kind: 'explicit', ...pushed.read() }
    if (!delta) return data
    if (data.count === 0) return undefined
    pushed.reset()
    return data
  }

  exemplar(bucket: number): Exemplar | undefined {
    return this.#exemplars?.[bucket]
  }

  #remember(bucket: number, value: number, { context, endMs }: MeasuredSpan): void {
    const known = this.#exemplars?.[bucket]
    if (known !== undefined) {
      known.value = value
      known.epochMs = endMs
      known.traceId = context.traceId
      known.spanId = context.spanId
      return
    }
    if (!this.#settings.limits.admitExemplar()) return
    this.#exemplars ??= []
    while (this.#exemplars.length < bucket) this.#exemplars.push(undefined)
    const { traceId, spanId } = context
    this.#exemplars[bucket] = { value, epochMs: endMs, traceId, spanId }
  }
}

class ExplicitBuckets {
  readonly #bounds: readonly number[]
  readonly #cells: Float64Array
  readonly #at: number

  constructor(bounds: readonly number[], row: Row) {
    this.#bounds = bounds
    this.#cells = row.cells
    this.#at = row.at
    this.reset()
  }

  /** The bucket that the value fell into: the first whose upper bound is not below it. */
  record(value: number): number {
    const bounds = this.#bounds
    const cells = this.#cells
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] ?? Infinity)) bucket += 1
    const at = this.#at + bucket
    cells[at] = (cells[at] ?? 0) + 1
    const extras = this.#at + bounds.length + 1
    cells[extras + SUM] = (cells[extras + SUM] ?? 0) + value
    if (value < (cells[extras + MIN] ?? 0)) cells[extras + MIN] = value
    if (value > (cells[extras + MAX] ?? 0)) cells[extras + MAX] = value
    return bucket
  }

  read(): ExplicitData {
    const extras = this.#at + this.#bounds.length + 1
    const cell = (at: number): number => this.#cells[at] ?? 0
    const counts = [...this.#cells.subarray(this.#at, extras)]
    return {
      counts,
      count: counts.reduce((total, count) => total + count, 0),
      sum: cell(extras + SUM),
      min: cell(extras + MIN),
      max: cell(extras + MAX),
    }
  }

  reset(): void {
    const extras = this.#at + this.#bounds.length + 1
    this.#cells.fill(0, this.#at, extras + EXTRAS)
    this.#cells[extras + MIN] = Infinity
    this.#cells[extras + MAX] = -Infinity
  }
}
