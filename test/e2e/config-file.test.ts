/** `OTEL_CONFIG_FILE`: one file says where traces, metrics and logs go, and nothing else counts. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { plainAttributes } from '../support/otlp-types.ts'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { runSidelight, startSidecarProcess, withFile } from '../support/sidecar-process.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"lookup"}}'

const exporter = (signal: string): string => `
          otlp_http:
            endpoint: \${SINK}/v1/${signal}
            encoding: json
            headers: [{ name: x-key, value: "\${KEY}" }]`

const FILE = `file_format: "1.1"
resource:
  attributes: [{ name: service.name, value: beside }, { name: rank, value: 7 }]
propagator: { composite: [{ tracecontext: }] }
tracer_provider:
  processors:
    - batch:
        schedule_delay: 50
        exporter:${exporter('traces')}
meter_provider:
  readers:
    - periodic:
        interval: 100
        exporter:${exporter('metrics')}
logger_provider:
  processors:
    - batch:
        schedule_delay: 50
        exporter:${exporter('logs')}
`

test('a declarative configuration drives traces, metrics and logs, and other variables do not', async () => {
  const sink = await startOtlpSink()
  const upstream = await startRawUpstream()
  const sidecar = await withFile(FILE, (file) =>
    startSidecarProcess({
      args: ['--upstream', `main=${upstream.url}`],
      env: {
        OTEL_CONFIG_FILE: file,
        SINK: sink.url,
        KEY: 'key-canary',
        OTEL_SERVICE_NAME: 'of-the-environment',
        OTEL_TRACES_SAMPLER: 'always_off',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
        OTEL_EXPORTER_OTLP_HEADERS: 'x-env=1',
        OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      },
    }),
  )
  await requestOnce(sidecar.url('main'), { body: CALL })
  await sink.waitForSpans(2)
  sidecar.signal('SIGTERM')
  const { stderr } = await sidecar.finished(10_000)
  const paths = new Set(sink.received.map(({ path }) => path))
  assert.deepEqual([...paths].toSorted(), ['/v1/logs', '/v1/metrics', '/v1/traces'])
  for (const { headers } of sink.received) {
    assert.equal(headers['x-key'], 'key-canary')
    assert.equal(headers['x-env'], undefined)
    assert.equal(headers['content-encoding'], undefined)
  }
  for (const { resource } of [...sink.resourceSpans, ...sink.resourceLogs]) {
    const { 'service.name': name, rank } = plainAttributes(resource.attributes)
    assert.deepEqual([name, rank], ['beside', 7])
  }
  const duration = sink.metrics.get('mcp.server.operation.duration')
  assert.equal(duration?.histogram?.dataPoints[0]?.count, 1)
  assert.ok(sink.logs.some(({ eventName }) => eventName === 'sidelight.sidecar.started'))
  assert.doesNotMatch(stderr, /canary/)
})

test('a file that cannot be honoured ends the start with its places, and without its values', async () => {
  const text = `${FILE}      views: [canary]\nlog_level: canary\n`.replace('      views', '  views')
  const { code, stderr } = await withFile(
    text.replace('encoding: json', 'encoding: canary'),
    (file) =>
      runSidelight(['run', '--upstream', 'http://127.0.0.1:9/mcp'], { OTEL_CONFIG_FILE: file }),
  )
  assert.equal(code, 2)
  assert.match(
    stderr,
    /sidelight\.yaml:12: tracer_provider\.processors\.0\.batch\.exporter\.otlp_http\.encoding: expected one of protobuf, json\n/,
  )
  assert.match(stderr, /sidelight\.yaml:\d+: log_level: not supported; use log\.level/)
  assert.doesNotMatch(stderr, /canary/)
})

test('sidelight wrap goes by the file too', async () => {
  const { code, stderr } = await runSidelight(
    ['wrap', '--', process.execPath, '-e', 'process.stdin.resume()'],
    { OTEL_CONFIG_FILE: '/nowhere/otel.yaml' },
  )
  assert.equal(code, 2)
  assert.equal(stderr, 'sidelight: OTEL_CONFIG_FILE: /nowhere/otel.yaml: there is no such file\n')
})
