import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readTelemetrySettings } from '../../src/cli/telemetry-settings.ts'
import type { TelemetrySettings } from '../../src/telemetry/env.ts'
import { withFile } from '../support/sidecar-process.ts'

const FORMAT = 'file_format: "1.1"\n'

type Env = Readonly<Record<string, string>>

async function read(text: string, env: Env = {}): Promise<TelemetrySettings> {
  const result = await withFile(text, (file) =>
    readTelemetrySettings({ ...env, OTEL_CONFIG_FILE: file }),
  )
  return 'kind' in result ? assert.fail(result.message) : result.settings
}

/** What is said of a bad file, without the path of the file. */
async function refusal(text: string, env: Env = {}): Promise<readonly string[]> {
  const result = await withFile(text, (file) =>
    readTelemetrySettings({ ...env, OTEL_CONFIG_FILE: file }),
  )
  if (!('kind' in result)) return ['accepted']
  return result.message.split('\n').map((line) => line.replace(/^.*sidelight\.yaml:/, ''))
}

const BATCH = {
  scheduledDelayMillis: 5_000,
  exportTimeoutMillis: 30_000,
  maxQueueSize: 2_048,
  maxExportBatchSize: 512,
}

/** The format: what is left out is not done. */
const NOTHING: TelemetrySettings = {
  disabled: false,
  tracesExporter: 'none',
  metricsExporter: 'none',
  logsExporter: 'none',
  tracesProtocol: 'http/protobuf',
  metricsProtocol: 'http/protobuf',
  logsProtocol: 'http/protobuf',
  sampler: 'parentbased_always_on',
  samplerRatio: 1,
  propagators: { traceContext: false, baggage: false },
  spanBatch: BATCH,
  logBatch: { ...BATCH, scheduledDelayMillis: 1_000 },
  metricIntervalMs: 60_000,
  metricTimeoutMs: 30_000,
  deltaMetrics: false,
  exponentialHistograms: false,
  exemplars: true,
  spanLimits: { attributesMax: 128, valueCharsMax: Infinity },
  logLimits: { attributesMax: 128, valueCharsMax: Infinity },
  file: { resource: {}, collectors: { traces: undefined, metrics: undefined, logs: undefined } },
}

const COLLECTOR = {
  url: 'http://localhost:4318/v1/traces',
  headers: {},
  gzip: false,
  timeoutMs: 10_000,
  ca: undefined,
  cert: undefined,
  key: undefined,
}

const traces = (exporter: string): string =>
  `${FORMAT}tracer_provider: { processors: [{ batch: { exporter: ${exporter} } }] }\n`

describe('A declarative configuration', () => {
  it('does nothing that it does not name, whatever other variables say', async () => {
    const env = { OTEL_TRACES_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER: 'always_off' }
    assert.deepEqual(await read(FORMAT, env), NOTHING)
  })

  it('is read in whole', async () => {
    const settings = await read(
      `file_format: "1.0"
disabled: false
attribute_limits: { attribute_value_length_limit: 4096, attribute_count_limit: 20 }
propagator: { composite: [{ tracecontext: }], composite_list: "baggage,tracecontext" }
resource:
  attributes:
    - { name: service.name, value: beside }
    - { name: rank, value: 7, type: int }
  attributes_list: "service.name=other,region=eu%2Cwest"
tracer_provider:
  processors:
    - batch:
        schedule_delay: 10
        export_timeout: 0
        max_queue_size: 30
        max_export_batch_size: 4
        exporter:
          otlp_http:
            endpoint: https://collector:4318/v1/traces
            headers: [{ name: x-key, value: "\${KEY}" }, { name: x-none, value: }]
            headers_list: x-key=other,x-list=a%20b
            compression: gzip
            timeout: 0
            encoding: json
  sampler: { parent_based: { root: { trace_id_ratio_based: { ratio: 0.25 } } } }
  limits: { attribute_count_limit: 5 }
meter_provider:
  readers:
    - pull: { exporter: { prometheus/development: } }
    - periodic:
        interval: 1000
        timeout: 500
        exporter:
          otlp_http:
            temporality_preference: low_memory
            default_histogram_aggregation: base2_exponential_bucket_histogram
  exemplar_filter: always_off
logger_provider:
  processors: [{ simple: { exporter: { console: } } }]
  limits: { attribute_value_length_limit: 8 }
`,
      { KEY: '0123' },
    )
    assert.deepEqual(settings, {
      ...NOTHING,
      tracesExporter: 'otlp',
      metricsExporter: 'otlp',
      logsExporter: 'console',
      tracesProtocol: 'http/json',
      sampler: 'parentbased_traceidratio',
      samplerRatio: 0.25,
      propagators: { traceContext: true, baggage: true },
      spanBatch: {
        scheduledDelayMillis: 10,
        exportTimeoutMillis: 2_147_483_647,
        maxQueueSize: 30,
        maxExportBatchSize: 4,
      },
      logBatch: { ...BATCH, scheduledDelayMillis: 0, maxExportBatchSize: 1 },
      metricIntervalMs: 1_000,
      metricTimeoutMs: 500,
      deltaMetrics: true,
      exponentialHistograms: true,
      exemplars: false,
      spanLimits: { attributesMax: 5, valueCharsMax: 4_096 },
      logLimits: { attributesMax: 20, valueCharsMax: 8 },
      file: {
        resource: { 'service.name': 'beside', rank: 7, region: 'eu,west' },
        collectors: {
          traces: {
            ...COLLECTOR,
            url: 'https://collector:4318/v1/traces',
            headers: { 'x-key': '0123', 'x-list': 'a b' },
            gzip: true,
            timeoutMs: 2_147_483_647,
          },
          metrics: { ...COLLECTOR, url: 'http://localhost:4318/v1/metrics' },
          logs: undefined,
        },
      },
    })
  })

  const samplers: readonly (readonly [text: string, name: string, ratio: number])[] = [
    ['{ always_on: }', 'always_on', 1],
    ['{ always_off: }', 'always_off', 1],
    ['{ trace_id_ratio_based: { ratio: 0.5 } }', 'traceidratio', 0.5],
    ['{ parent_based: }', 'parentbased_always_on', 1],
    ['{ parent_based: { root: { always_off: } } }', 'parentbased_always_off', 1],
    [
      '{ parent_based: { root: { trace_id_ratio_based: { ratio: 0.1 } }, remote_parent_sampled: { always_on: } } }',
      'parentbased_traceidratio',
      0.1,
    ],
  ]
  for (const [text, name, ratio] of samplers) {
    it(`samples by ${text}`, async () => {
      const { sampler, samplerRatio } = await read(
        traces('{ console: }').replace(' }\n', `, sampler: ${text} }\n`),
      )
      assert.deepEqual([sampler, samplerRatio], [name, ratio])
    })
  }

  const references: readonly (readonly [text: string, url: string])[] = [
    ['http://${HOST}/v1/traces', 'http://here/v1/traces'],
    ['http://${env:HOST}/v1/traces', 'http://here/v1/traces'],
    ['http://${UNSET:-there}/v1/traces', 'http://there/v1/traces'],
    ['http://${EMPTY:-there}/v1/traces', 'http://there/v1/traces'],
    ['http://$${HOST}/', 'http://${HOST}/'],
    ['${UNSET}', 'http://localhost:4318/v1/traces'],
    ['http://${NESTED}/', 'http://${HOST}/'],
  ]
  for (const [text, url] of references) {
    it(`may refer to the environment: ${text}`, async () => {
      const env = { HOST: 'here', EMPTY: '', NESTED: '${HOST}' }
      const yaml = `${FORMAT}tracer_provider:\n  processors:\n    - batch:\n        exporter:\n          otlp_http:\n            endpoint: ${text}\n`
      const { file } = await read(yaml, env)
      assert.equal(file?.collectors.traces?.url, url)
    })
  }

  it('has numbers and truth values from the environment unless they are in quotes', async () => {
    const env = { OFF: 'true', N: '12' }
    assert.equal((await read(`${FORMAT}disabled: \${OFF}\n`, env)).disabled, true)
    assert.deepEqual(await refusal(`${FORMAT}disabled: "\${OFF}"\n`, env), [
      '2: disabled: expected a boolean',
    ])
    const resource = (value: string): string =>
      `${FORMAT}resource:\n  attributes:\n    - name: n\n      value: ${value}\n`
    assert.deepEqual((await read(resource('${N}'), env)).file?.resource, { n: 12 })
    assert.deepEqual((await read(resource('"${N}"'), env)).file?.resource, { n: '12' })
  })

  const http = 'tracer_provider.processors.0.batch.exporter.otlp_http'
  const bad: readonly (readonly [text: string, problems: readonly string[]])[] = [
    ['', [' file_format: missing; this key is required']],
    ['file_format: 1.0\n', ['1: file_format: expected "1.0" or "1.1", in quotes']],
    ['file_format: "0.3"\n', ['1: file_format: expected "1.0" or "1.1", in quotes']],
    [
      `${FORMAT}tracer_provdr: {}\n`,
      ['2: tracer_provdr: unknown key; did you mean "tracer_provider"?'],
    ],
    [`${FORMAT}${FORMAT}`, ['2: this key stands here twice; keep one']],
    [
      `${FORMAT}disabled: \${1}\n`,
      ['2: disabled: expected ${NAME} or ${NAME:-default}; write $$ for a literal $'],
    ],
    [
      traces('{ otlp_grpc: }'),
      [
        '2: tracer_provider.processors.0.batch.exporter.otlp_grpc: not supported; use otlp_http (collectors take it on port 4318)',
      ],
    ],
    [
      traces('{ otlp_http: , console: }'),
      [
        '2: tracer_provider.processors.0.batch.exporter: expected exactly one of otlp_http, console',
      ],
    ],
    [
      traces('{ otlp_http: { endpoint: "secret://canary" } }'),
      [`2: ${http}.endpoint: expected an address such as http://collector:4318/v1/traces`],
    ],
    [
      traces('{ otlp_http: { headers: [{ name: "a b", value: "canary\\n" }] } }'),
      [
        `2: ${http}.headers.0.name: expected the name of a header`,
        `2: ${http}.headers.0.value: expected a header’s value, without control characters`,
      ],
    ],
    [
      traces('{ otlp_http: { headers_list: canary } }'),
      [`2: ${http}.headers_list: expected headers such as name=value,other=value, percent-encoded`],
    ],
    [
      traces('{ otlp_http: { compresion: gzip } }'),
      [`2: ${http}.compresion: unknown key; did you mean "compression"?`],
    ],
    [
      traces('{ otlp_http: { tls: { key_file: /nowhere } } }'),
      [`2: ${http}.tls: expected both cert_file and key_file, or neither`],
    ],
    [
      traces('{ otlp_http: { tls: { ca_file: /nowhere/ca.pem } } }'),
      [`2: ${http}.tls.ca_file: the file cannot be read (ENOENT)`],
    ],
    [
      `${FORMAT}meter_provider: { readers: [{ periodic: { exporter: { console: } } }], views: [] }\n`,
      ['2: meter_provider.views: not supported; remove it; a collector can rename or drop metrics'],
    ],
    [
      `${FORMAT}propagator: { composite: [{ b3: }] }\n`,
      ['2: propagator.composite.0.b3: not supported; use tracecontext'],
    ],
    [
      `${FORMAT}logger_provider: { processors: [{ simple: { exporter: { console: } } }, { simple: { exporter: { console: } } }] }\n`,
      [
        '2: logger_provider.processors: expected one processor; a collector can send on to several places',
      ],
    ],
    [
      `${FORMAT}resource: { attributes: [{ name: a, value: true }] }\n`,
      [
        '2: resource.attributes.0.value: expected text or a number; lists and truth values are not supported',
      ],
    ],
  ]
  for (const [text, problems] of bad) {
    it(`refuses the start and says where: ${problems[0]}`, async () => {
      assert.deepEqual(await refusal(text), problems)
      assert.doesNotMatch((await refusal(text)).join(), /canary/)
    })
  }

  it('refuses certificates that are none', async () => {
    await withFile('no certificate', async (file) => {
      const problems = await refusal(
        traces(`{ otlp_http: { tls: { cert_file: ${file}, key_file: ${file} } } }`),
      )
      assert.deepEqual(problems, [
        `2: ${http}.tls: the files hold no certificates and key in PEM form that belong together`,
      ])
    })
  })

  it('refuses the start when it is not there', async () => {
    assert.deepEqual(await readTelemetrySettings({ OTEL_CONFIG_FILE: '/nowhere/otel.yaml' }), {
      kind: 'failed',
      message: 'OTEL_CONFIG_FILE: /nowhere/otel.yaml: there is no such file',
    })
  })
})
