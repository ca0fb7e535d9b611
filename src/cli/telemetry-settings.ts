/** The settings of telemetry: from `OTEL_CONFIG_FILE` when it is set, else from the other variables. */

import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { formatProblems } from '../config/load.ts'
import type { OtelExporter, OtelMetricExporter } from '../config/otel-exporters.ts'
import type { OtelFile, OtelProcessors } from '../config/otel-schema.ts'
import { readPairs } from '../config/pairs.ts'
import type { ConfigProblem, LineAt } from '../config/read-yaml.ts'
import {
  readTelemetryEnv,
  type AttributeLimits,
  type BatchSettings,
  type Env,
  type ExporterName,
  type OtlpProtocol,
  type SettingsFailure,
  type TelemetrySettings,
} from '../telemetry/env.ts'
import type { Collector } from '../telemetry/file-settings.ts'
import { readConfigFile } from './read-config-file.ts'

export type SettingsResult =
  | { readonly settings: TelemetrySettings; readonly warnings: readonly string[] }
  | SettingsFailure

/**
 * With a file the other `OTEL_*` variables count only where the file refers to them
 * (OpenTelemetry specification, "Declarative configuration", and "Configuration SDK").
 */
export async function readTelemetrySettings(env: Env): Promise<SettingsResult> {
  const path = env['OTEL_CONFIG_FILE']?.trim() ?? ''
  if (path === '') return readTelemetryEnv(env)
  const text = await readConfigFile(path)
  if ('kind' in text) return { kind: 'failed', message: `OTEL_CONFIG_FILE: ${text.message}` }
  // Most sidecars have no such file, and its schema is large.
  const { parseOtelFile } = await import('../config/otel-file.ts')
  const read = parseOtelFile(text.source, env)
  const found = read.kind === 'file' ? await toSettings(read.file, read.lineAt) : read.problems
  return 'disabled' in found
    ? { settings: found, warnings: [] }
    : { kind: 'failed', message: formatProblems(path, found) }
}

type Exporter = OtelExporter | OtelMetricExporter

/** The longest wait that a timer can hold; 0 stands for no limit in these files. */
const NO_LIMIT_MS = 2 ** 31 - 1

async function toSettings(
  file: OtelFile,
  lineAt: LineAt,
): Promise<TelemetrySettings | readonly ConfigProblem[]> {
  const { tracer_provider: tracers, logger_provider: loggers, attribute_limits: common } = file
  const problems: ConfigProblem[] = []
  const reach = (exporter: Exporter | undefined, signal: Signal): Promise<Collector | undefined> =>
    toCollector(exporter?.otlp_http, signal, (path, message) => {
      const whole = [...placeOf(file, signal), 'exporter', 'otlp_http', ...path]
      problems.push({ path: whole.join('.'), line: lineAt(whole), message })
    })
  const [traces, logs] = [exporterOf(tracers?.processors), exporterOf(loggers?.processors)]
  const metrics = periodicOf(file)?.exporter
  const collectors = {
    traces: await reach(traces, 'traces'),
    metrics: await reach(metrics, 'metrics'),
    logs: await reach(logs, 'logs'),
  }
  if (problems.length > 0) return problems
  return {
    disabled: file.disabled ?? false,
    tracesExporter: nameOf(traces),
    metricsExporter: nameOf(metrics),
    logsExporter: nameOf(logs),
    tracesProtocol: protocolOf(traces),
    metricsProtocol: protocolOf(metrics),
    logsProtocol: protocolOf(logs),
    ...samplerOf(tracers?.sampler),
    ...metricFormsOf(file),
    propagators: propagatorsOf(file.propagator),
    spanBatch: batchOf(tracers?.processors, 5_000),
    logBatch: batchOf(loggers?.processors, 1_000),
    spanLimits: limitsOf(tracers?.limits, common),
    logLimits: limitsOf(loggers?.limits, common),
    file: { resource: resourceOf(file.resource), collectors },
  }
}

type Periodic = NonNullable<NonNullable<OtelFile['meter_provider']>['readers'][number]['periodic']>

function periodicOf({ meter_provider: meters }: OtelFile): Periodic | undefined {
  return meters?.readers.find(({ periodic }) => periodic !== undefined)?.periodic
}

type MetricForms = Pick<
  TelemetrySettings,
  'metricIntervalMs' | 'metricTimeoutMs' | 'deltaMetrics' | 'exponentialHistograms' | 'exemplars'
>

function metricFormsOf(file: OtelFile): MetricForms {
  const { interval = 60_000, timeout, exporter } = periodicOf(file) ?? {}
  const { temporality_preference: temporality = 'cumulative', ...forms } =
    exporter?.otlp_http ?? exporter?.console ?? {}
  return {
    metricIntervalMs: interval,
    metricTimeoutMs: limitOf(timeout, 30_000),
    deltaMetrics: temporality !== 'cumulative',
    exponentialHistograms:
      forms.default_histogram_aggregation === 'base2_exponential_bucket_histogram',
    exemplars: file.meter_provider?.exemplar_filter !== 'always_off',
  }
}

type Signal = 'traces' | 'metrics' | 'logs'

/** Where the signal's exporter stands in the file. */
function placeOf(file: OtelFile, signal: Signal): PropertyKey[] {
  if (signal === 'metrics') {
    const readers = file.meter_provider?.readers ?? []
    const index = readers.findIndex(({ periodic }) => periodic !== undefined)
    return ['meter_provider', 'readers', index, 'periodic']
  }
  const provider = signal === 'traces' ? 'tracer_provider' : 'logger_provider'
  const batch = file[provider]?.processors[0]?.batch !== undefined
  return [provider, 'processors', 0, batch ? 'batch' : 'simple']
}

function exporterOf(processors: OtelProcessors | undefined): OtelExporter | undefined {
  const { batch, simple } = processors?.[0] ?? {}
  return (batch ?? simple)?.exporter
}

/** A simple processor sends each item by itself, and at once. */
function batchOf(processors: OtelProcessors | undefined, delayMs: number): BatchSettings {
  const { batch, simple } = processors?.[0] ?? {}
  const alone = simple !== undefined
  return {
    scheduledDelayMillis: alone ? 0 : (batch?.schedule_delay ?? delayMs),
    exportTimeoutMillis: limitOf(batch?.export_timeout, 30_000),
    maxQueueSize: batch?.max_queue_size ?? 2_048,
    maxExportBatchSize: alone ? 1 : (batch?.max_export_batch_size ?? 512),
  }
}

function limitOf(value: number | undefined, otherwise: number): number {
  return value === 0 ? NO_LIMIT_MS : (value ?? otherwise)
}

function nameOf(exporter: Exporter | undefined): ExporterName {
  if (exporter === undefined) return 'none'
  return exporter.otlp_http === undefined ? 'console' : 'otlp'
}

function protocolOf(exporter: Exporter | undefined): OtlpProtocol {
  return exporter?.otlp_http?.encoding === 'json' ? 'http/json' : 'http/protobuf'
}

type Http = NonNullable<OtelExporter['otlp_http']>

async function toCollector(
  http: Http | undefined,
  signal: Signal,
  report: (path: readonly string[], message: string) => void,
): Promise<Collector | undefined> {
  if (http === undefined) return undefined
  const headers: Record<string, string> = Object.fromEntries(
    readPairs(http.headers_list ?? '') ?? [],
  )
  for (const { name, value } of http.headers ?? []) {
    if (value !== undefined) headers[name] = value
  }
  const pem = async (key: 'ca_file' | 'cert_file' | 'key_file'): Promise<string | undefined> => {
    const path = http.tls?.[key]
    if (path === undefined) return undefined
    const text = await readFile(path, 'utf8').catch(codeOf)
    if (typeof text === 'string') return text
    report(['tls', key], `the file cannot be read (${text.code})`)
    return undefined
  }
  const [ca, cert, key] = [await pem('ca_file'), await pem('cert_file'), await pem('key_file')]
  if (!isTls({ ca, cert, key })) {
    report(['tls'], 'the files hold no certificates and key in PEM form that belong together')
  }
  return {
    url: http.endpoint ?? `http://localhost:4318/v1/${signal}`,
    headers,
    gzip: http.compression === 'gzip',
    timeoutMs: limitOf(http.timeout, 10_000),
    ca,
    cert,
    key,
  }
}

function codeOf(error: unknown): { readonly code: string } {
  return { code: error instanceof Error && 'code' in error ? String(error.code) : 'unknown' }
}

function isTls(files: Pick<Collector, 'ca' | 'cert' | 'key'>): boolean {
  try {
    createSecureContext(files)
    return true
  } catch {
    return false
  }
}

function samplerOf(
  sampler: NonNullable<OtelFile['tracer_provider']>['sampler'],
): Pick<TelemetrySettings, 'sampler' | 'samplerRatio'> {
  // What the format takes for granted: a parent decides, else all are sampled.
  const { parent_based: based, ...alone } = sampler ?? { parent_based: {} }
  const { always_off: off, trace_id_ratio_based: ratio } = based?.root ?? alone
  const samplerRatio = ratio?.ratio ?? 1
  if (ratio !== undefined) {
    return { sampler: based ? 'parentbased_traceidratio' : 'traceidratio', samplerRatio }
  }
  if (off !== undefined) {
    return { sampler: based ? 'parentbased_always_off' : 'always_off', samplerRatio }
  }
  return { sampler: based ? 'parentbased_always_on' : 'always_on', samplerRatio }
}

/** Without a word on it nothing is propagated. */
function propagatorsOf(propagator: OtelFile['propagator']): TelemetrySettings['propagators'] {
  const { composite = [], composite_list: list = '' } = propagator ?? {}
  const names = [
    ...composite.flatMap((entry) => Object.keys(entry)),
    ...list.split(',').map((name) => name.trim()),
  ]
  return { traceContext: names.includes('tracecontext'), baggage: names.includes('baggage') }
}

type Limits = NonNullable<OtelFile['attribute_limits']>

function limitsOf(own: Limits | undefined, common: Limits | undefined): AttributeLimits {
  return {
    attributesMax: own?.attribute_count_limit ?? common?.attribute_count_limit ?? 128,
    valueCharsMax:
      own?.attribute_value_length_limit ?? common?.attribute_value_length_limit ?? Infinity,
  }
}

function resourceOf(resource: OtelFile['resource']): Record<string, string | number> {
  const attributes: Record<string, string | number> = Object.fromEntries(
    readPairs(resource?.attributes_list ?? '') ?? [],
  )
  for (const { name, value } of resource?.attributes ?? []) attributes[name] = value
  return attributes
}
