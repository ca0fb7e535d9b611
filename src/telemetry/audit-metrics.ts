/** The metrics of the audit log, when there is one. */

import type { AuditMeter, AuditType, AuditView } from '../core/audit.ts'
import type { LimitName } from '../core/limits.ts'
import type { SeriesSettings } from './histogram-series.ts'
import { METRICS } from './names.ts'
import { CounterFamily, GaugeFamily, HistogramFamily, type MetricFamily } from './series.ts'

export interface AuditMetricSources {
  /** Read when metrics are collected; undefined when there is no log. */
  readonly view: () => AuditView | undefined
  readonly settings: SeriesSettings
  readonly limitHit: (limit: LimitName) => void
}

export class AuditMetrics implements AuditMeter {
  readonly families: readonly MetricFamily[]
  readonly #records: CounterFamily
  readonly #dropped: CounterFamily
  readonly #sync: HistogramFamily
  readonly #limitHit: (limit: LimitName) => void
  #lost = 0

  constructor({ view, settings, limitHit }: AuditMetricSources) {
    this.#records = new CounterFamily(METRICS.auditRecords, settings)
    this.#dropped = new CounterFamily(METRICS.auditDropped, settings)
    this.#sync = new HistogramFamily(METRICS.auditSync, settings)
    this.#limitHit = limitHit
    const gauge = (
      definition: ConstructorParameters<typeof GaugeFamily>[0],
      value: (now: AuditView) => number,
    ): GaugeFamily =>
      new GaugeFamily(definition, () => {
        const now = view()
        return now === undefined ? [] : [{ values: [], value: value(now) }]
      })
    this.families = [
      this.#records,
      this.#dropped,
      gauge(METRICS.auditBacklog, ({ backlog }) => backlog),
      gauge(METRICS.auditPosition, ({ position }) => position),
      gauge(METRICS.auditFailing, ({ failing }) => (failing ? 1 : 0)),
      this.#sync,
    ]
  }

  /** There is a log. A counter that is born at 1 shows no increase; this exists from the start. */
  begin(): void {
    this.#dropped.add([], 0)
  }

  recorded(type: AuditType, count: number): void {
    this.#records.add([type], count)
  }

  /** Records that were lost since the start. */
  get lost(): number {
    return this.#lost
  }

  dropped(count: number): void {
    this.#lost += count
    this.#dropped.add([], count)
  }

  synced(tookMs: number): void {
    this.#sync.record([], tookMs / 1_000)
  }

  limitHit(limit: LimitName): void {
    this.#limitHit(limit)
  }
}
