/** What the process itself tells: the event loop's delay and use, and memory. */

import { monitorEventLoopDelay, performance, type EventLoopUtilization } from 'node:perf_hooks'
import { getHeapSpaceStatistics } from 'node:v8'
import type { Clock } from '../core/clock.ts'
import { RUNTIME_METRICS as METRICS } from './runtime-names.ts'
import { GaugeFamily, type MetricFamily } from './series.ts'

/** How often the delay is measured. */
const RESOLUTION_MS = 20

/**
 * Readings within this time show the same interval: whoever scrapes does not take it away from whoever
 * exports.
 */
const INTERVAL_MIN_MS = 10_000

interface LoopReading {
  /** Seconds; undefined when nothing was measured. */
  readonly delay:
    | Readonly<Record<'min' | 'max' | 'mean' | 'stddev' | 'p50' | 'p90' | 'p99', number>>
    | undefined
  /** From 0 to 1. */
  readonly utilization: number
}

export class RuntimeMetrics {
  readonly families: readonly MetricFamily[]
  readonly #clock: Clock
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  #utilizationBefore: EventLoopUtilization = performance.eventLoopUtilization()
  #reading: LoopReading | undefined
  #readMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#delay.enable()
    const delay = (definition: (typeof METRICS)[DelayMetric], name: DelayName): MetricFamily =>
      new GaugeFamily(definition, () => one(this.#loop().delay?.[name]))
    this.families = [
      delay(METRICS.delayMin, 'min'),
      delay(METRICS.delayMax, 'max'),
      delay(METRICS.delayMean, 'mean'),
      delay(METRICS.delayStddev, 'stddev'),
      delay(METRICS.delayP50, 'p50'),
      delay(METRICS.delayP90, 'p90'),
      delay(METRICS.delayP99, 'p99'),
      new GaugeFamily(METRICS.eventLoopUtilization, () => one(this.#loop().utilization)),
      new GaugeFamily(METRICS.heapUsed, () =>
        getHeapSpaceStatistics().map((space) => ({
          values: [space.space_name],
          value: space.space_used_size,
        })),
      ),
      new GaugeFamily(METRICS.heapSpaceSize, () =>
        getHeapSpaceStatistics().map((space) => ({
          values: [space.space_name],
          value: space.space_size,
        })),
      ),
      new GaugeFamily(METRICS.processMemory, () => one(process.memoryUsage.rss())),
    ]
  }

  close(): void {
    this.#delay.disable()
  }

  /** The loop since the reading before this one. */
  #loop(): LoopReading {
    const nowMs = this.#clock.monotonicMs()
    if (this.#reading !== undefined && nowMs - this.#readMs < INTERVAL_MIN_MS) return this.#reading
    this.#readMs = nowMs
    const total = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(total, this.#utilizationBefore)
    this.#utilizationBefore = total
    this.#reading = { delay: this.#readDelay(), utilization }
    this.#delay.reset()
    return this.#reading
  }

  /** Node measures from one tick of its timer to the next; what exceeds the interval is the delay. */
  #readDelay(): LoopReading['delay'] {
    const delay = this.#delay
    if (delay.count === 0) return undefined
    const seconds = (nanos: number): number => Math.max(0, nanos / 1e6 - RESOLUTION_MS) / 1000
    return {
      min: seconds(delay.min),
      max: seconds(delay.max),
      mean: seconds(delay.mean),
      stddev: delay.stddev / 1e9,
      p50: seconds(delay.percentile(50)),
      p90: seconds(delay.percentile(90)),
      p99: seconds(delay.percentile(99)),
    }
  }
}

type DelayName = keyof NonNullable<LoopReading['delay']>
type DelayMetric = Extract<keyof typeof METRICS, `delay${string}`>

function one(value: number | undefined): { values: readonly string[]; value: number }[] {
  return value === undefined ? [] : [{ values: [], value }]
}
