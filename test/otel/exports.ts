/** What sidecars exported, taken apart: per process, and per thing that carries attributes. */

import type {
  AttributeUse,
  Registry,
  RegistryMetric,
  RegistrySpan,
} from '../../scripts/registry.ts'
import {
  resourceLogsOf,
  resourceMetricsOf,
  resourceSpansOf,
  type Received,
} from '../support/otlp-collector.ts'
import {
  OTLP,
  plainAttributes,
  type ExponentialPoint,
  type HistogramPoint,
  type NumberPoint,
  type OtlpAttribute,
  type OtlpLogRecord,
  type OtlpMetric,
  type OtlpResource,
  type OtlpScope,
  type OtlpSpan,
} from '../support/otlp-types.ts'

export type PlainValue = string | number | boolean | undefined
export type Plain = Readonly<Record<string, PlainValue>>

export interface Scoped {
  readonly scope: OtlpScope
  readonly schemaUrl: string
}

export interface SpanRecord extends Scoped {
  readonly span: OtlpSpan
  readonly values: Plain
}

export interface MetricRecord extends Scoped {
  readonly metric: OtlpMetric
}

export interface LogRecord extends Scoped {
  readonly record: OtlpLogRecord
}

/** Everything that one process exported. */
export interface Exports {
  readonly resource: Plain
  readonly spans: readonly SpanRecord[]
  /** Export by export. */
  readonly metrics: readonly (readonly MetricRecord[])[]
  readonly logs: readonly LogRecord[]
}

type Mutable = {
  resource: Plain
  spans: SpanRecord[]
  metrics: MetricRecord[][]
  logs: LogRecord[]
}

export function exportsByProcess(received: readonly Received[]): readonly Exports[] {
  const processes = new Map<string, Mutable>()
  const processOf = ({ attributes }: OtlpResource): Mutable => {
    const resource = plainAttributes(attributes)
    const key = JSON.stringify(resource)
    const found = processes.get(key) ?? { resource, spans: [], metrics: [], logs: [] }
    processes.set(key, found)
    return found
  }
  for (const { resource, scopeSpans } of resourceSpansOf(received)) {
    for (const { scope, schemaUrl, spans } of scopeSpans) {
      for (const span of spans) {
        const values = plainAttributes(span.attributes)
        processOf(resource).spans.push({ scope, schemaUrl, span, values })
      }
    }
  }
  for (const { resource, scopeMetrics } of resourceMetricsOf(received)) {
    processOf(resource).metrics.push(
      scopeMetrics.flatMap(({ scope, schemaUrl, metrics }) =>
        metrics.map((metric) => ({ scope, schemaUrl, metric })),
      ),
    )
  }
  for (const { resource, scopeLogs } of resourceLogsOf(received)) {
    for (const { scope, schemaUrl, logRecords } of scopeLogs) {
      for (const record of logRecords) processOf(resource).logs.push({ scope, schemaUrl, record })
    }
  }
  return [...processes.values()]
}

export type Point = HistogramPoint | NumberPoint | ExponentialPoint

export function pointsOf(metric: OtlpMetric): readonly Point[] {
  return (
    metric.histogram?.dataPoints ??
    metric.exponentialHistogram?.dataPoints ??
    metric.sum?.dataPoints ??
    metric.gauge?.dataPoints ??
    []
  )
}

export function valueOf(point: NumberPoint): number {
  return point.asDouble ?? point.asInt ?? Number.NaN
}

export function showSpan({ span }: SpanRecord): string {
  const kind = span.kind === OTLP.server ? 'SERVER' : 'CLIENT'
  return `${kind} ${span.name.slice(0, 80)} ${JSON.stringify(plainAttributes(span.attributes)).slice(0, 600)}`
}

export function showPoint(metric: OtlpMetric, point: Point): string {
  return `${metric.name} ${JSON.stringify(plainAttributes(point.attributes))}`
}

/** Something that carries attributes, and what the registry says that it may. */
export interface Carrier {
  readonly on: 'span' | 'metric' | 'event'
  readonly where: string
  readonly attributes: readonly OtlpAttribute[]
  readonly values: Plain
  /** Undefined when the registry does not know the thing at all, which another rule says. */
  readonly uses: ReadonlyMap<string, AttributeUse> | undefined
  /** Of a span. */
  readonly statusCode?: number
}

export function spanDefinition(registry: Registry, span: OtlpSpan): RegistrySpan | undefined {
  const kind = span.kind === OTLP.server ? 'server' : span.kind === OTLP.client ? 'client' : ''
  return registry.spans.find((one) => one.kind === kind)
}

export function metricDefinition(
  registry: Registry,
  { name }: OtlpMetric,
): RegistryMetric | undefined {
  return registry.metrics.get(name)
}

/** Metrics whose series are of the SDK, or whose one series stands for all that exceeded the limit. */
export function isOverflow(point: Point): boolean {
  return point.attributes.some(({ key }) => key === 'otel.metric.overflow')
}

export function carriersOf(exports: Exports, registry: Registry): readonly Carrier[] {
  return [
    ...exports.spans.map((one): Carrier => ({
      on: 'span',
      where: showSpan(one),
      attributes: one.span.attributes,
      values: one.values,
      uses: spanDefinition(registry, one.span)?.attributes,
      statusCode: one.span.status.code,
    })),
    ...exports.spans.flatMap(({ span }) =>
      span.events.map((event): Carrier => ({
        on: 'event',
        where: `event ${event.name} of a span`,
        attributes: event.attributes,
        values: plainAttributes(event.attributes),
        uses: registry.events.get(event.name)?.attributes,
      })),
    ),
    ...exports.metrics.flat().flatMap(({ metric }) =>
      pointsOf(metric)
        .filter((point) => !isOverflow(point))
        .map((point): Carrier => ({
          on: 'metric',
          where: showPoint(metric, point),
          attributes: point.attributes,
          values: plainAttributes(point.attributes),
          uses: metricDefinition(registry, metric)?.attributes,
        })),
    ),
    ...exports.logs.map(({ record }): Carrier => ({
      on: 'event',
      where: `event ${record.eventName}`,
      attributes: record.attributes,
      values: plainAttributes(record.attributes),
      uses: registry.events.get(record.eventName)?.attributes,
    })),
  ]
}
