import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readTelemetryEnv, type Env, type TelemetrySettings } from '../../src/telemetry/env.ts'

function read(env: Env): { settings: TelemetrySettings; warnings: readonly string[] } {
  const result = readTelemetryEnv(env)
  return 'kind' in result ? assert.fail(result.message) : result
}

function failure(env: Env): string {
  const result = readTelemetryEnv(env)
  return 'kind' in result ? result.message : 'accepted'
}

const BATCH = {
  scheduledDelayMillis: 5_000,
  exportTimeoutMillis: 30_000,
  maxQueueSize: 2_048,
  maxExportBatchSize: 512,
}

const DEFAULTS: TelemetrySettings = {
  disabled: false,
  tracesExporter: 'otlp',
  metricsExporter: 'otlp',
  logsExporter: 'otlp',
  tracesProtocol: 'http/protobuf',
  metricsProtocol: 'http/protobuf',
  logsProtocol: 'http/protobuf',
  sampler: 'parentbased_always_on',
  samplerRatio: 1,
  propagators: { traceContext: true, baggage: true },
  spanBatch: BATCH,
  logBatch: { ...BATCH, scheduledDelayMillis: 1_000 },
  metricIntervalMs: 60_000,
  metricTimeoutMs: 30_000,
  deltaMetrics: false,
  exponentialHistograms: false,
  exemplars: true,
  spanLimits: { attributesMax: 128, valueCharsMax: Infinity },
  logLimits: { attributesMax: 128, valueCharsMax: Infinity },
  file: undefined,
}

describe('The OpenTelemetry environment', () => {
  it('has the defaults of the specification', () => {
    assert.deepEqual(read({}), { settings: DEFAULTS, warnings: [] })
  })

  it('counts an empty value as unset', () => {
    const empty = {
      OTEL_SDK_DISABLED: '',
      OTEL_TRACES_EXPORTER: ' ',
      OTEL_TRACES_SAMPLER: '',
      OTEL_BSP_MAX_QUEUE_SIZE: '',
      OTEL_PROPAGATORS: '',
      OTEL_CONFIG_FILE: '',
      OTEL_EXPORTER_OTLP_PROTOCOL: '',
    }
    assert.deepEqual(read(empty), { settings: DEFAULTS, warnings: [] })
  })

  const rows: readonly (readonly [Env, Partial<TelemetrySettings>])[] = [
    [{ OTEL_SDK_DISABLED: 'true' }, { disabled: true }],
    [{ OTEL_SDK_DISABLED: 'TRUE' }, { disabled: true }],
    [{ OTEL_SDK_DISABLED: 'false' }, { disabled: false }],
    [{ OTEL_TRACES_EXPORTER: 'none' }, { tracesExporter: 'none' }],
    [{ OTEL_TRACES_EXPORTER: 'Console' }, { tracesExporter: 'console' }],
    [{ OTEL_METRICS_EXPORTER: 'prometheus' }, { metricsExporter: 'none' }],
    [{ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'Cumulative' }, { deltaMetrics: false }],
    [{ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta' }, { deltaMetrics: true }],
    [{ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'LowMemory' }, { deltaMetrics: true }],
    [
      {
        OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION:
          'base2_exponential_bucket_histogram',
      },
      { exponentialHistograms: true },
    ],
    [
      { OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: 'explicit_bucket_histogram' },
      { exponentialHistograms: false },
    ],
    [{ OTEL_METRICS_EXEMPLAR_FILTER: 'always_off' }, { exemplars: false }],
    [{ OTEL_METRICS_EXEMPLAR_FILTER: 'trace_based' }, { exemplars: true }],
    [{ OTEL_METRICS_EXPORTER: 'otlp, prometheus' }, { metricsExporter: 'otlp' }],
    [
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
      { tracesProtocol: 'http/json', metricsProtocol: 'http/json', logsProtocol: 'http/json' },
    ],
    [
      {
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
      },
      { tracesProtocol: 'http/protobuf', metricsProtocol: 'http/json', logsProtocol: 'http/json' },
    ],
    [{ OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json' }, { metricsProtocol: 'http/json' }],
    [{ OTEL_TRACES_SAMPLER: 'always_off' }, { sampler: 'always_off' }],
    [{ OTEL_TRACES_SAMPLER: 'Parentbased_TraceIdRatio' }, { sampler: 'parentbased_traceidratio' }],
    [
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' },
      { sampler: 'traceidratio', samplerRatio: 0.25 },
    ],
    [{ OTEL_TRACES_SAMPLER_ARG: '0' }, { samplerRatio: 0 }],
    [{ OTEL_PROPAGATORS: 'tracecontext' }, { propagators: { traceContext: true, baggage: false } }],
    [{ OTEL_PROPAGATORS: 'baggage' }, { propagators: { traceContext: false, baggage: true } }],
    [{ OTEL_PROPAGATORS: 'none' }, { propagators: { traceContext: false, baggage: false } }],
    [
      {
        OTEL_BSP_SCHEDULE_DELAY: '1',
        OTEL_BSP_EXPORT_TIMEOUT: '2',
        OTEL_BSP_MAX_QUEUE_SIZE: '3',
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '4',
      },
      {
        spanBatch: {
          scheduledDelayMillis: 1,
          exportTimeoutMillis: 2,
          maxQueueSize: 3,
          maxExportBatchSize: 4,
        },
      },
    ],
    [
      { OTEL_METRIC_EXPORT_INTERVAL: '1000', OTEL_METRIC_EXPORT_TIMEOUT: '500' },
      { metricIntervalMs: 1_000, metricTimeoutMs: 500 },
    ],
    [
      { OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '64' },
      {
        spanLimits: { attributesMax: 128, valueCharsMax: 64 },
        logLimits: { attributesMax: 128, valueCharsMax: 64 },
      },
    ],
    [{ OTEL_LOGS_EXPORTER: 'none' }, { logsExporter: 'none' }],
    [{ OTEL_LOGS_EXPORTER: 'console' }, { logsExporter: 'console' }],
    [{ OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/json' }, { logsProtocol: 'http/json' }],
    [
      {
        OTEL_BLRP_SCHEDULE_DELAY: '1',
        OTEL_BLRP_EXPORT_TIMEOUT: '2',
        OTEL_BLRP_MAX_QUEUE_SIZE: '3',
        OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: '4',
      },
      {
        logBatch: {
          scheduledDelayMillis: 1,
          exportTimeoutMillis: 2,
          maxQueueSize: 3,
          maxExportBatchSize: 4,
        },
      },
    ],
    [
      {
        OTEL_ATTRIBUTE_COUNT_LIMIT: '9',
        OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT: '7',
        OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT: '8',
      },
      {
        spanLimits: { attributesMax: 9, valueCharsMax: Infinity },
        logLimits: { attributesMax: 7, valueCharsMax: 8 },
      },
    ],
    [
      { OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '64', OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: '32' },
      {
        spanLimits: { attributesMax: 128, valueCharsMax: 32 },
        logLimits: { attributesMax: 128, valueCharsMax: 64 },
      },
    ],
    [
      { OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '5' },
      { spanLimits: { attributesMax: 5, valueCharsMax: Infinity } },
    ],
  ]
  for (const [env, expected] of rows) {
    it(`is obeyed: ${Object.entries(env)
      .map((pair) => pair.join('='))
      .join(' ')}`, () => {
      assert.deepEqual(read(env), { settings: { ...DEFAULTS, ...expected }, warnings: [] })
    })
  }

  const meaningless: readonly Env[] = [
    { OTEL_SDK_DISABLED: 'yes' },
    { OTEL_TRACES_SAMPLER: 'sometimes' },
    { OTEL_TRACES_SAMPLER_ARG: 'half' },
    { OTEL_TRACES_SAMPLER_ARG: '-1' },
    { OTEL_TRACES_SAMPLER_ARG: '1.5' },
    { OTEL_BSP_MAX_QUEUE_SIZE: '0' },
    { OTEL_BSP_SCHEDULE_DELAY: '-5' },
    { OTEL_METRIC_EXPORT_INTERVAL: 'often' },
    { OTEL_ATTRIBUTE_COUNT_LIMIT: '-1' },
    { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'smoke' },
    { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'gamma' },
    { OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: 'summary' },
    { OTEL_METRICS_EXEMPLAR_FILTER: 'sometimes' },
    { OTEL_METRICS_EXEMPLAR_FILTER: 'always_on' },
  ]
  for (const env of meaningless) {
    it(`is reported and the default used: ${Object.entries(env).join(' ')}`, () => {
      const { settings, warnings } = read(env)
      assert.deepEqual(settings, DEFAULTS)
      assert.equal(warnings.length, 1)
      assert.ok(warnings[0]?.startsWith(`${Object.keys(env)[0]}: `), String(warnings[0]))
    })
  }

  const impossible: readonly Env[] = [
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'GRPC' },
    { OTEL_TRACES_EXPORTER: 'zipkin' },
    { OTEL_TRACES_EXPORTER: 'prometheus' },
    { OTEL_METRICS_EXPORTER: 'otlp,statsd' },
    { OTEL_PROPAGATORS: 'b3' },
  ]
  for (const env of impossible) {
    it(`refuses the start: ${Object.entries(env).join(' ')}`, () => {
      assert.ok(failure(env).startsWith(`${Object.keys(env)[0]}: `), failure(env))
    })
  }

  it('may name grpc where nothing is exported by it', () => {
    const none = {
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    }
    const grpc = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }
    assert.equal(failure({ ...none, ...grpc }), 'accepted')
    assert.equal(failure({ OTEL_SDK_DISABLED: 'true', ...grpc }), 'accepted')
    assert.match(
      failure({ OTEL_TRACES_EXPORTER: 'none', ...grpc }),
      /^OTEL_EXPORTER_OTLP_PROTOCOL: /,
    )
  })
})
