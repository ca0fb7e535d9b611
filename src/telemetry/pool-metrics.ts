/** The metrics of pools, modelled on OpenTelemetry's `db.client.connection.*`. */

import type { PoolName, PoolObserver, PoolRecorder, PoolView } from '../core/pool.ts'
import type { HistogramSeries, SeriesSettings } from './histogram-series.ts'
import { METRICS } from './names.ts'
import { CounterFamily, GaugeFamily, HistogramFamily, type MetricFamily } from './series.ts'

interface Families {
  readonly timeouts: CounterFamily
  readonly createTime: HistogramFamily
  readonly waitTime: HistogramFamily
  readonly useTime: HistogramFamily
}

export class PoolMetrics implements PoolObserver {
  readonly families: readonly MetricFamily[]
  readonly #recorded: Families

  /** `views` is read when metrics are collected. */
  constructor(views: () => readonly PoolView[], settings: SeriesSettings) {
    const recorded: Families = {
      timeouts: new CounterFamily(METRICS.poolTimeouts, settings),
      createTime: new HistogramFamily(METRICS.poolCreateTime, settings),
      waitTime: new HistogramFamily(METRICS.poolWaitTime, settings),
      useTime: new HistogramFamily(METRICS.poolUseTime, settings),
    }
    this.#recorded = recorded
    this.families = [
      new GaugeFamily(METRICS.poolCount, () =>
        views().flatMap(({ upstream, pool, idle, used }) => [
          { values: [upstream, pool, 'idle'], value: idle },
          { values: [upstream, pool, 'used'], value: used },
        ]),
      ),
      new GaugeFamily(METRICS.poolMax, () =>
        views().flatMap(({ upstream, pool, max }) =>
          max === undefined ? [] : [{ values: [upstream, pool], value: max }],
        ),
      ),
      new GaugeFamily(METRICS.poolPending, () =>
        views().map(({ upstream, pool, pending }) => ({
          values: [upstream, pool],
          value: pending,
        })),
      ),
      recorded.timeouts,
      recorded.createTime,
      recorded.waitTime,
      recorded.useTime,
    ]
  }

  pool(upstream: string, pool: PoolName): PoolRecorder {
    return new PoolSeries([upstream, pool], this.#recorded)
  }
}

/** The series of one pool, found once: a call records two of them. */
class PoolSeries implements PoolRecorder {
  readonly #values: readonly string[]
  readonly #families: Families
  #waits: HistogramSeries | undefined
  #uses: HistogramSeries | undefined

  constructor(values: readonly string[], families: Families) {
    this.#values = values
    this.#families = families
    // A counter that is born at 1 shows no increase.
    families.timeouts.add(values, 0)
  }

  created(tookMs: number): void {
    this.#families.createTime.record(this.#values, tookMs / 1000)
  }

  waited(waitedMs: number): void {
    this.#waits ??= this.#families.waitTime.bind(this.#values)
    this.#waits.record(waitedMs / 1000)
  }

  used(usedMs: number): void {
    this.#uses ??= this.#families.useTime.bind(this.#values)
    this.#uses.record(usedMs / 1000)
  }

  timedOut(): void {
    this.#families.timeouts.add(this.#values, 1)
  }
}
