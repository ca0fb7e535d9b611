/**
 * Hands our series to the OpenTelemetry SDK's reader, which exports them by OTLP.
 *
 * Exemplars are not among them: OpenTelemetry's OTLP serialisers for JavaScript write none.
 */

import { setImmediate } from 'node:timers/promises'
import { ValueType, type Attributes, type HrTime } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  DataPointType,
  type CollectionResult,
  type DataPoint,
  type ExponentialHistogram,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics'
import type { HistogramData } from './histogram-series.ts'
import { ATTR, SCHEMA_URL, SCOPE_NAME, type MetricDefinition } from './names.ts'
import { CounterFamily, HistogramFamily, type GaugeFamily, type MetricFamily } from './series.ts'

export interface ProducerOptions {
  readonly families: readonly MetricFamily[]
  readonly resource: Resource
  readonly version: string
  /** Time of the first record, which cumulative points count from. */
  readonly startTime: HrTime
  /** True when counters and histograms are exported as increases since the last export. */
  readonly delta: boolean
  now(): HrTime
}

/** After a family of so many series others get their turn. */
const YIELD_SERIES = 200

/** One per process: with delta, what was collected is not collected again. */
export function createMetricProducer(options: ProducerOptions): MetricProducer {
  let { startTime } = options
  let lastTime = startTime
  return {
    collect: async (): Promise<CollectionResult> => {
      const endTime = options.now()
      // A wall clock that steps back may not make a point end before it starts.
      startTime = earlier(startTime, endTime)
      lastTime = earlier(lastTime, endTime)
      const cumulative: Interval = { delta: false, startTime, endTime }
      const increases: Interval = { delta: true, startTime: lastTime, endTime }
      lastTime = endTime
      const metrics: MetricData[] = []
      for (const family of options.families) {
        const falls = family.definition.kind === 'updowncounter'
        const interval = options.delta && !falls ? increases : cumulative
        const data = toMetricData(family, interval)
        if (data.dataPoints.length > 0) metrics.push(data)
        if (data.dataPoints.length > YIELD_SERIES) await setImmediate()
      }
      const scope = { name: SCOPE_NAME, version: options.version, schemaUrl: SCHEMA_URL }
      return {
        resourceMetrics: { resource: options.resource, scopeMetrics: [{ scope, metrics }] },
        errors: [],
      }
    },
  }
}

function earlier(a: HrTime, b: HrTime): HrTime {
  return a[0] < b[0] || (a[0] === b[0] && a[1] <= b[1]) ? a : b
}

interface Interval {
  readonly delta: boolean
  readonly startTime: HrTime
  readonly endTime: HrTime
}

type MakePoint = <T>(values: readonly string[] | undefined, value: T) => DataPoint<T>

function toMetricData(family: MetricFamily, { delta, startTime, endTime }: Interval): MetricData {
  const { definition } = family
  const point: MakePoint = (values, value) => ({
    startTime,
    endTime,
    attributes: toAttributes(definition, values),
    value,
  })
  const base = {
    descriptor: {
      name: definition.name,
      description: definition.description,
      unit: definition.unit,
      valueType: ValueType.DOUBLE,
    },
    aggregationTemporality: delta
      ? AggregationTemporality.DELTA
      : AggregationTemporality.CUMULATIVE,
  }
  if (family instanceof HistogramFamily) return { ...base, ...histogramPoints(family, point) }
  const dataPoints =
    family instanceof CounterFamily
      ? counterPoints(family, point, delta)
      : gaugePoints(family, point)
  return definition.kind === 'gauge'
    ? { ...base, dataPointType: DataPointType.GAUGE, dataPoints }
    : {
        ...base,
        dataPointType: DataPointType.SUM,
        isMonotonic: definition.kind === 'counter',
        dataPoints,
      }
}

type HistogramPoints =
  | { dataPointType: DataPointType.HISTOGRAM; dataPoints: DataPoint<Histogram>[] }
  | {
      dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM
      dataPoints: DataPoint<ExponentialHistogram>[]
    }

function histogramPoints(family: HistogramFamily, point: MakePoint): HistogramPoints {
  const explicit: DataPoint<Histogram>[] = []
  const exponential: DataPoint<ExponentialHistogram>[] = []
  const boundaries = [...(family.definition.buckets ?? [])]
  for (const series of family.series()) {
    const data = series.push()
    if (data === undefined) continue
    if (data.kind === 'explicit') {
      explicit.push(point(series.values, toHistogram(data, boundaries)))
    } else {
      exponential.push(point(series.values, toExponential(data)))
    }
  }
  return exponential.length > 0
    ? { dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM, dataPoints: exponential }
    : { dataPointType: DataPointType.HISTOGRAM, dataPoints: explicit }
}

/** Minimum and maximum are left out while there is no value. */
function extremes({ count, min, max }: HistogramData): { min?: number; max?: number } {
  return count === 0 ? {} : { min, max }
}

function toHistogram(
  data: Extract<HistogramData, { kind: 'explicit' }>,
  boundaries: number[],
): Histogram {
  const { counts, sum, count } = data
  return { buckets: { boundaries, counts }, sum, count, ...extremes(data) }
}

function toExponential(
  data: Extract<HistogramData, { kind: 'exponential' }>,
): ExponentialHistogram {
  const { scale, zeroCount, offset, counts, sum, count } = data
  return {
    scale,
    zeroCount,
    positive: { offset, bucketCounts: counts },
    negative: { offset: 0, bucketCounts: [] },
    sum,
    count,
    ...extremes(data),
  }
}

function counterPoints(
  family: CounterFamily,
  point: MakePoint,
  delta: boolean,
): DataPoint<number>[] {
  const points: DataPoint<number>[] = []
  for (const series of family.series()) {
    const value = delta ? series.pushDelta() : series.total
    if (value !== undefined) points.push(point(series.values, value))
  }
  return points
}

function gaugePoints(family: GaugeFamily, point: MakePoint): DataPoint<number>[] {
  return [...family.series()].map(({ values, value }) => point(values, value))
}

function toAttributes(
  definition: MetricDefinition,
  values: readonly string[] | undefined,
): Attributes {
  if (values === undefined) return { 'otel.metric.overflow': true }
  const attributes: Attributes = {}
  for (const [index, name] of definition.attributes.entries()) {
    const value = values[index] ?? ''
    if (value !== '') attributes[name] = name === ATTR.serverPort ? Number(value) : value
  }
  return attributes
}
