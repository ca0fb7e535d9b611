/** Hands our series to the OpenTelemetry SDK's reader, which exports them by OTLP. */

import { ValueType, type Attributes, type HrTime } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  DataPointType,
  type CollectionResult,
  type DataPoint,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics'
import { ATTR, SCHEMA_URL, SCOPE_NAME, type MetricDefinition } from './names.ts'
import { CounterFamily, GaugeFamily, HistogramFamily, type MetricFamily } from './series.ts'

export interface ProducerOptions {
  readonly families: readonly MetricFamily[]
  readonly resource: Resource
  readonly version: string
  /** Time of the first record, which cumulative points count from. */
  readonly startTime: HrTime
  now(): HrTime
}

export function createMetricProducer(options: ProducerOptions): MetricProducer {
  return {
    collect: (): Promise<CollectionResult> =>
      Promise.resolve({
        resourceMetrics: {
          resource: options.resource,
          scopeMetrics: [
            {
              scope: { name: SCOPE_NAME, version: options.version, schemaUrl: SCHEMA_URL },
              metrics: options.families.map((family) => toMetricData(family, options)),
            },
          ],
        },
        errors: [],
      }),
  }
}

function toMetricData(family: MetricFamily, options: ProducerOptions): MetricData {
  const endTime = options.now()
  const { definition } = family
  const point = <T>(values: readonly string[] | undefined, value: T): DataPoint<T> => ({
    startTime: options.startTime,
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
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  }
  if (family instanceof HistogramFamily) {
    const boundaries = [...(definition.buckets ?? [])]
    const dataPoints = [...family.series()].map(({ values, value }) =>
      point(values, {
        buckets: { boundaries, counts: [...value.counts] },
        sum: value.sum,
        count: value.count,
        min: value.min,
        max: value.max,
      }),
    )
    return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints }
  }
  if (family instanceof CounterFamily) {
    const dataPoints = [...family.series()].map(({ values, value }) => point(values, value.total))
    return { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }
  }
  return { ...base, dataPointType: DataPointType.GAUGE, dataPoints: gaugePoints(family, point) }
}

function gaugePoints(
  family: GaugeFamily,
  point: (values: readonly string[], value: number) => DataPoint<number>,
): DataPoint<number>[] {
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
