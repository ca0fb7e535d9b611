/** The metrics of the sidecar, ready to be recorded. */

import { LIMIT_NAMES, type LimitName } from '../core/limits.ts'
import { METRICS } from './names.ts'
import { CounterFamily, GaugeFamily, HistogramFamily, type MetricFamily } from './series.ts'

export interface InstrumentSources {
  readonly version: string
  /** Exchanges with upstreams under way. */
  inFlight(): number
}

/** Why telemetry was lost: it came faster than it could be sent, or the collector did not take it. */
export type DropReason = 'queue_full' | 'export_failed'

const DROP_REASONS: readonly DropReason[] = ['queue_full', 'export_failed']

export class Instruments {
  readonly serverOperationDuration: HistogramFamily
  readonly clientOperationDuration: HistogramFamily
  readonly calls: CounterFamily
  readonly exchanges: CounterFamily
  readonly #limitHits: CounterFamily
  readonly #dropped: CounterFamily
  readonly families: readonly MetricFamily[]

  constructor(sources: InstrumentSources) {
    const onOverflow = (): void => this.limitHit('metric_series')
    this.serverOperationDuration = new HistogramFamily(METRICS.serverOperationDuration, onOverflow)
    this.clientOperationDuration = new HistogramFamily(METRICS.clientOperationDuration, onOverflow)
    this.calls = new CounterFamily(METRICS.calls, onOverflow)
    this.exchanges = new CounterFamily(METRICS.exchanges, onOverflow)
    this.#limitHits = new CounterFamily(METRICS.limitHits, () => {})
    this.#dropped = new CounterFamily(METRICS.telemetryDropped, () => {})
    this.families = [
      this.serverOperationDuration,
      this.clientOperationDuration,
      this.calls,
      this.exchanges,
      new GaugeFamily(METRICS.inFlight, () => [{ values: [], value: sources.inFlight() }]),
      this.#limitHits,
      this.#dropped,
      new GaugeFamily(METRICS.buildInfo, () => [{ values: [sources.version], value: 1 }]),
    ]
    // A counter that is born at 1 shows no increase; these exist from the start.
    for (const limit of LIMIT_NAMES) this.#limitHits.add([limit], 0)
    for (const reason of DROP_REASONS) this.#dropped.add(['traces', reason], 0)
  }

  telemetryDropped(signal: 'traces', reason: DropReason, count: number): void {
    this.#dropped.add([signal, reason], count)
  }

  limitHit(limit: LimitName): void {
    this.#limitHits.add([limit], 1)
  }
}
