/** Where metrics go: to a collector over OTLP/HTTP, to standard output, and to whoever scrapes. */

import type { Resource } from '@opentelemetry/resources'
import {
  ConsoleMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type MetricProducer,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics'
import type { Clock } from '../core/clock.ts'
import type { TelemetrySettings } from './env.ts'
import type { Epoch } from './epoch.ts'
import type { RecordingSettings } from './instruments.ts'
import { createMetricProducer } from './otlp-metrics.ts'
import { renderMetrics, type MetricsFormat } from './prometheus.ts'
import { RuntimeMetrics } from './runtime-metrics.ts'
import type { MetricFamily } from './series.ts'

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
}

/** Points that are serialised at a stretch; 1,000 histograms take about 7 ms. */
const POINTS_PER_EXPORT = 1_000

/** How series must be recorded for what is asked for; forms that nobody gets are not kept. */
export function recordingSettings(settings: TelemetrySettings): RecordingSettings {
  const pushes = !settings.disabled && settings.metricsExporter !== 'none'
  return {
    delta: pushes && settings.deltaMetrics,
    exponential: pushes && settings.exponentialHistograms,
    exemplars: settings.exemplars,
  }
}

export async function startMetricOutput(options: MetricOutputOptions): Promise<MetricOutput> {
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
  const pushing = await startPushing(settings, resource, producer)
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

async function startPushing(
  settings: TelemetrySettings,
  resource: Resource,
  producer: MetricProducer,
): Promise<MeterProvider | undefined> {
  const exporter = settings.disabled ? undefined : await createMetricExporter(settings)
  if (exporter === undefined) return undefined
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: settings.metricIntervalMs,
    exportTimeoutMillis: Math.min(settings.metricTimeoutMs, settings.metricIntervalMs),
    metricProducers: [producer],
    maxExportBatchSize: POINTS_PER_EXPORT,
  })
  return new MeterProvider({ resource, readers: [reader] })
}

async function createMetricExporter(
  settings: TelemetrySettings,
): Promise<PushMetricExporter | undefined> {
  if (settings.metricsExporter === 'none') return undefined
  if (settings.metricsExporter === 'console') return new ConsoleMetricExporter()
  const { OTLPMetricExporter } =
    settings.metricsProtocol === 'http/json'
      ? await import('@opentelemetry/exporter-metrics-otlp-http')
      : await import('@opentelemetry/exporter-metrics-otlp-proto')
  return new OTLPMetricExporter()
}
