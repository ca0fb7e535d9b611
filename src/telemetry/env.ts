/**
 * The OpenTelemetry environment variables that steer us
 * (OpenTelemetry specification, "Environment Variable Specification").
 *
 * As the specification asks, a value that means nothing is reported and the default used. A value
 * that means something Sidelight cannot do refuses the start: telemetry that silently goes nowhere
 * is worse than none. `OTEL_EXPORTER_OTLP_*` are read by OpenTelemetry's own client, and
 * `OTEL_CONFIG_FILE`, which takes the place of all others, in `cli/telemetry-settings.ts`.
 */

import type { FileSettings } from './file-settings.ts'

export type Env = Readonly<Record<string, string | undefined>>

export type ExporterName = 'otlp' | 'console' | 'none'
export type OtlpProtocol = 'http/protobuf' | 'http/json'

export type SamplerName =
  | 'always_on'
  | 'always_off'
  | 'traceidratio'
  | 'parentbased_always_on'
  | 'parentbased_always_off'
  | 'parentbased_traceidratio'

export interface TelemetrySettings {
  readonly disabled: boolean
  readonly tracesExporter: ExporterName
  readonly metricsExporter: ExporterName
  readonly logsExporter: ExporterName
  readonly tracesProtocol: OtlpProtocol
  readonly metricsProtocol: OtlpProtocol
  readonly logsProtocol: OtlpProtocol
  readonly sampler: SamplerName
  /** Between 0 and 1. */
  readonly samplerRatio: number
  /** Which of `OTEL_PROPAGATORS` are at work. */
  readonly propagators: { readonly traceContext: boolean; readonly baggage: boolean }
  readonly spanBatch: BatchSettings
  readonly logBatch: BatchSettings
  readonly metricIntervalMs: number
  readonly metricTimeoutMs: number
  /** `delta`, `lowmemory`: counters and histograms go out as increases since the last export. */
  readonly deltaMetrics: boolean
  /** True when histograms go out with exponential buckets. */
  readonly exponentialHistograms: boolean
  /** False when no exemplars are kept. */
  readonly exemplars: boolean
  readonly spanLimits: AttributeLimits
  readonly logLimits: AttributeLimits
  /** Undefined without a file: then `OTEL_EXPORTER_OTLP_*` and the resource's variables count. */
  readonly file: FileSettings | undefined
}

export interface BatchSettings {
  readonly scheduledDelayMillis: number
  readonly exportTimeoutMillis: number
  readonly maxQueueSize: number
  readonly maxExportBatchSize: number
}

export interface AttributeLimits {
  readonly attributesMax: number
  readonly valueCharsMax: number
}

export interface SettingsFailure {
  readonly kind: 'failed'
  readonly message: string
}

const SAMPLERS: readonly SamplerName[] = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
]

class Reader {
  readonly #env: Env
  readonly warnings: string[] = []
  failure: string | undefined

  constructor(env: Env) {
    this.#env = env
  }

  /** The value, or undefined when unset or empty (the specification treats both alike). */
  text(name: string): string | undefined {
    const value = this.#env[name]?.trim()
    return value === undefined || value === '' ? undefined : value
  }

  number(name: string, otherwise: number, min = 0, max = Infinity): number {
    const text = this.text(name)
    if (text === undefined) return otherwise
    const value = Number(text)
    if (Number.isFinite(value) && value >= min && value <= max) return value
    const range = max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`
    this.warn(`${name}: expected a number ${range}; using ${otherwise}`)
    return otherwise
  }

  oneOf<T extends string>(name: string, values: readonly T[], otherwise: T): T {
    const text = this.text(name)?.toLowerCase()
    if (text === undefined) return otherwise
    const value = values.find((candidate) => candidate === text)
    if (value === undefined) {
      this.warn(`${name}: expected one of ${values.join(', ')}; using ${otherwise}`)
    }
    return value ?? otherwise
  }

  /** The specification's Boolean: `true` or `false`, whatever the case; anything else is false. */
  boolean(name: string): boolean {
    const text = this.text(name)?.toLowerCase()
    if (text !== undefined && text !== 'true' && text !== 'false') {
      this.warn(`${name}: expected true or false; using false`)
    }
    return text === 'true'
  }

  warn(warning: string): void {
    if (!this.warnings.includes(warning)) this.warnings.push(warning)
  }

  refuse(name: string, message: string): void {
    this.failure ??= `${name}: ${message}`
  }
}

export function readTelemetryEnv(
  env: Env,
):
  | { readonly settings: TelemetrySettings; readonly warnings: readonly string[] }
  | SettingsFailure {
  const read = new Reader(env)
  const ratio = read.number('OTEL_TRACES_SAMPLER_ARG', 1, 0, 1)
  const disabled = read.boolean('OTEL_SDK_DISABLED')
  const tracesExporter = readExporter(read, 'OTEL_TRACES_EXPORTER')
  const metricsExporter = readExporter(read, 'OTEL_METRICS_EXPORTER')
  const logsExporter = readExporter(read, 'OTEL_LOGS_EXPORTER')
  const settings: TelemetrySettings = {
    disabled,
    tracesExporter,
    metricsExporter,
    logsExporter,
    tracesProtocol: readProtocol(read, 'TRACES', !disabled && tracesExporter === 'otlp'),
    metricsProtocol: readProtocol(read, 'METRICS', !disabled && metricsExporter === 'otlp'),
    logsProtocol: readProtocol(read, 'LOGS', !disabled && logsExporter === 'otlp'),
    sampler: read.oneOf('OTEL_TRACES_SAMPLER', SAMPLERS, 'parentbased_always_on'),
    samplerRatio: ratio,
    propagators: readPropagators(read),
    spanBatch: readBatch(read, 'BSP', 5_000),
    logBatch: readBatch(read, 'BLRP', 1_000),
    metricIntervalMs: read.number('OTEL_METRIC_EXPORT_INTERVAL', 60_000, 1),
    metricTimeoutMs: read.number('OTEL_METRIC_EXPORT_TIMEOUT', 30_000, 1),
    ...readMetricForms(read),
    spanLimits: readLimits(read, 'SPAN'),
    logLimits: readLimits(read, 'LOGRECORD'),
    file: undefined,
  }
  return read.failure === undefined
    ? { settings, warnings: read.warnings }
    : { kind: 'failed', message: read.failure }
}

/**
 * What forms metrics take. For the instruments that there are, `delta` and `lowmemory` say the same:
 * they differ in counters that are observed, and there are none.
 */
function readMetricForms(
  read: Reader,
): Pick<TelemetrySettings, 'deltaMetrics' | 'exponentialHistograms' | 'exemplars'> {
  const temporality = read.oneOf(
    'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE',
    ['cumulative', 'delta', 'lowmemory'],
    'cumulative',
  )
  const aggregation = read.oneOf(
    'OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION',
    ['explicit_bucket_histogram', 'base2_exponential_bucket_histogram'],
    'explicit_bucket_histogram',
  )
  const filter = read.oneOf(
    'OTEL_METRICS_EXEMPLAR_FILTER',
    ['trace_based', 'always_on', 'always_off'],
    'trace_based',
  )
  if (filter === 'always_on') {
    read.warn('OTEL_METRICS_EXEMPLAR_FILTER: always_on is not supported; using trace_based')
  }
  return {
    deltaMetrics: temporality !== 'cumulative',
    exponentialHistograms: aggregation === 'base2_exponential_bucket_histogram',
    exemplars: filter !== 'always_off',
  }
}

function readExporter(read: Reader, name: string): ExporterName {
  const metrics = name === 'OTEL_METRICS_EXPORTER'
  const names = (read.text(name) ?? 'otlp')
    .toLowerCase()
    .split(',')
    .map((part) => part.trim())
  const known: readonly string[] = ['otlp', 'console', 'none', ...(metrics ? ['prometheus'] : [])]
  const unknown = names.find((part) => !known.includes(part))
  if (unknown !== undefined) {
    read.refuse(name, `${JSON.stringify(unknown)} is not supported; use one of ${known.join(', ')}`)
  }
  // Prometheus needs no exporter of its own: /metrics of the admin listener is always there.
  if (names.includes('otlp')) return 'otlp'
  return names.includes('console') ? 'console' : 'none'
}

function readProtocol(
  read: Reader,
  signal: 'TRACES' | 'METRICS' | 'LOGS',
  exports: boolean,
): OtlpProtocol {
  const own = `OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`
  const name = read.text(own) === undefined ? 'OTEL_EXPORTER_OTLP_PROTOCOL' : own
  const value = read.text(name)?.toLowerCase() ?? 'http/protobuf'
  if (value === 'grpc' && exports) {
    read.refuse(name, 'grpc is not supported; use http/protobuf (collectors take it on port 4318)')
  }
  if (value === 'http/json') return 'http/json'
  if (value !== 'http/protobuf' && value !== 'grpc') {
    read.warn(`${name}: expected http/protobuf or http/json; using http/protobuf`)
  }
  return 'http/protobuf'
}

function readPropagators(read: Reader): TelemetrySettings['propagators'] {
  const name = 'OTEL_PROPAGATORS'
  const names = (read.text(name) ?? 'tracecontext,baggage')
    .toLowerCase()
    .split(',')
    .map((part) => part.trim())
  const unknown = names.find((part) => !['tracecontext', 'baggage', 'none'].includes(part))
  if (unknown !== undefined) {
    read.refuse(
      name,
      `${JSON.stringify(unknown)} is not supported; use tracecontext, baggage or none`,
    )
  }
  return { traceContext: names.includes('tracecontext'), baggage: names.includes('baggage') }
}

function readBatch(read: Reader, kind: 'BSP' | 'BLRP', delayMs: number): BatchSettings {
  const queueMax = read.number(`OTEL_${kind}_MAX_QUEUE_SIZE`, 2_048, 1)
  return {
    scheduledDelayMillis: read.number(`OTEL_${kind}_SCHEDULE_DELAY`, delayMs),
    exportTimeoutMillis: read.number(`OTEL_${kind}_EXPORT_TIMEOUT`, 30_000),
    maxQueueSize: queueMax,
    maxExportBatchSize: read.number(`OTEL_${kind}_MAX_EXPORT_BATCH_SIZE`, 512, 1),
  }
}

/** A limit of one kind of item wins over the limit of all. */
function readLimits(read: Reader, kind: 'SPAN' | 'LOGRECORD'): AttributeLimits {
  const limit = (name: string, otherwise: number): number =>
    read.number(`OTEL_${kind}_${name}`, read.number(`OTEL_${name}`, otherwise))
  return {
    attributesMax: limit('ATTRIBUTE_COUNT_LIMIT', 128),
    valueCharsMax: limit('ATTRIBUTE_VALUE_LENGTH_LIMIT', Infinity),
  }
}
