/** Where metrics go: to a collector over OTLP/HTTP, to standard output, and to whoever scrapes. */

import { ExportResultCode } from '@opentelemetry/core'
import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import type { Resource } from '@opentelemetry/resources'
import {
  ConsoleMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type MetricProducer,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import type { Clock } from '../core/clock.ts'
import type { TelemetrySettings } from './env.ts'
import type { Epoch } from './epoch.ts'
import type { RecordingSettings } from './instruments.ts'
import { createOtlpClient, type Destination } from './otlp-client.ts'
import { createMetricProducer } from './otlp-metrics.ts'
import { renderMetrics, type MetricsFormat } from './prometheus.ts'
import { RuntimeMetrics } from './runtime-metrics.ts'
import type { MetricFamily } from './series.ts'
import { withinTime } from './within-time.ts'

export interface MetricOutput {
  /** All metrics as text, in slices. */
  render(format: MetricsFormat): Iterable<string>
  /** Sends what is there once more; may take as long as the collector does. */
  close(): Promise<void>
}

export interface MetricOutputOptions {
  readonly settings: TelemetrySettings
  /** Those of the runtime are added. */
  readonly families: readonly MetricFamily[]
  readonly resource: Resource
  readonly version: string
  readonly clock: Clock
  readonly epoch: Epoch
  /** Points that a collector did not take. */
  readonly onDropped: (reason: 'export_failed', count: number) => void
}

/** Points that are serialised at a stretch; 500 histograms take about 4 ms. */
const POINTS_PER_EXPORT = 500

/** How series must be recorded for what is asked for; forms that nobody gets are not kept. */
export function recordingSettings(settings: TelemetrySettings): RecordingSettings {
  const pushes = !settings.disabled && settings.metricsExporter !== 'none'
  return {
    delta: pushes && settings.deltaMetrics,
    exponential: pushes && settings.exponentialHistograms,
    exemplars: settings.exemplars,
  }
}

export function startMetricOutput(options: MetricOutputOptions): MetricOutput {
  const { settings, resource, version, clock, epoch } = options
  const runtime = new RuntimeMetrics(clock)
  const families = [...options.families, ...runtime.families]
  const producer = createMetricProducer({
    families,
    resource,
    version,
    startTime: epoch.now(),
    delta: recordingSettings(settings).delta,
    now: () => epoch.now(),
  })
  const texts = resourceTexts(resource)
  const pushing = startPushing(options, producer)
  return {
    render: (format) => renderMetrics(families, format, texts),
    close: async () => {
      try {
        await pushing?.shutdown()
      } finally {
        runtime.close()
      }
    },
  }
}

/** The resource for `target_info`: what is a list or a mapping has no place in a label. */
function resourceTexts(resource: Resource): Record<string, string> {
  const texts: Record<string, string> = {}
  for (const [name, value] of Object.entries(resource.attributes)) {
    if (typeof value === 'string') texts[name] = value
    if (typeof value === 'number' || typeof value === 'boolean') texts[name] = String(value)
  }
  return texts
}

function startPushing(
  { settings, resource, onDropped }: MetricOutputOptions,
  producer: MetricProducer,
): MeterProvider | undefined {
  if (settings.disabled || settings.metricsExporter === 'none') return undefined
  const timeoutMs = Math.min(settings.metricTimeoutMs, settings.metricIntervalMs)
  const exporter =
    settings.metricsExporter === 'console'
      ? new ConsoleMetricExporter()
      : toExporter(toCollector(settings), timeoutMs, onDropped)
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: settings.metricIntervalMs,
    exportTimeoutMillis: timeoutMs,
    metricProducers: [producer],
    maxExportBatchSize: POINTS_PER_EXPORT,
  })
  return new MeterProvider({ resource, readers: [reader] })
}

function toCollector({ metricsProtocol, file }: TelemetrySettings): Destination<ResourceMetrics> {
  const json = metricsProtocol === 'http/json'
  const serializer = json ? JsonMetricsSerializer : ProtobufMetricsSerializer
  return createOtlpClient({
    signal: 'METRICS',
    item: 'metric_data_point',
    collector: file?.collectors.metrics,
    contentType: json ? 'application/json' : 'application/x-protobuf',
    count: (batches) => batches.reduce((sum, batch) => sum + pointsOf(batch), 0),
    // The reader gives one at a time.
    request: ([batch]) => (batch === undefined ? undefined : serializer.serializeRequest(batch)),
    response: (data) => serializer.deserializeResponse(data),
  })
}

function pointsOf({ scopeMetrics }: ResourceMetrics): number {
  const all = scopeMetrics.flatMap(({ metrics }) => metrics)
  return all.reduce((sum, { dataPoints }) => sum + dataPoints.length, 0)
}

/**
 * What has been said of the loss when it is counted; the reader need not say it again. Nor may it end
 * the wait itself: it would leave out what is still to be sent, uncounted.
 */
function toExporter(
  destination: Destination<ResourceMetrics>,
  timeoutMs: number,
  onDropped: MetricOutputOptions['onDropped'],
): PushMetricExporter {
  const deliver = async (
    metrics: ResourceMetrics,
    done: (result: { readonly code: ExportResultCode }) => void,
  ): Promise<void> => {
    const sent = withinTime(destination.send([metrics]), timeoutMs, { background: true })
    const lost = (await sent) ?? pointsOf(metrics)
    if (lost > 0) onDropped('export_failed', lost)
    done({ code: ExportResultCode.SUCCESS })
  }
  return {
    export: (metrics, done) => void deliver(metrics, done),
    forceFlush: () => Promise.resolve(),
    shutdown: () => destination.close(),
  }
}
