/** The metrics of alerts and of the verdict on upstreams. */

import type { SeriesSettings } from './histogram-series.ts'
import { METRICS } from './names.ts'
import { CounterFamily, GaugeFamily, type MetricFamily } from './series.ts'

/** An alert that is pending or firing. */
export interface AlertStatus {
  readonly name: string
  readonly state: string
  /** Empty for an alert that is about none. */
  readonly upstream: string
  readonly signal: string
}

export interface InsightSources {
  /** Names of receivers of alerts. */
  readonly receivers: readonly string[]
  /** Read when metrics are collected. */
  readonly alerts: () => readonly AlertStatus[]
  readonly health: () => readonly { readonly upstream: string; readonly level: string }[]
}

const LEVELS = ['HEALTHY', 'WARNING', 'CRITICAL', 'UNKNOWN']

export class InsightMetrics {
  readonly families: readonly MetricFamily[]
  readonly #deliveries: CounterFamily

  constructor({ receivers, alerts, health }: InsightSources, settings: SeriesSettings) {
    this.#deliveries = new CounterFamily(METRICS.alertDeliveries, settings)
    this.families = [
      new GaugeFamily(METRICS.alertStatus, () =>
        alerts().map(({ name, state, upstream, signal }) => ({
          values: [name, state, upstream, signal],
          value: 1,
        })),
      ),
      this.#deliveries,
      new GaugeFamily(METRICS.healthStatus, () =>
        health().flatMap(({ upstream, level }) =>
          LEVELS.map((one) => ({
            values: [upstream, one.toLowerCase()],
            value: one === level ? 1 : 0,
          })),
        ),
      ),
    ]
    this.begin(receivers)
  }

  /** A counter that is born at 1 shows no increase; these exist from the start. */
  begin(receivers: readonly string[]): void {
    for (const name of receivers) {
      this.#deliveries.add([name, 'success'], 0)
      this.#deliveries.add([name, 'failure'], 0)
    }
  }

  delivered(receiver: string, succeeded: boolean): void {
    this.#deliveries.add([receiver, succeeded ? 'success' : 'failure'], 1)
  }
}
