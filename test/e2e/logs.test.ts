/** Log records: on standard error and at a collector, with the span of the call that is meant. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson } from '../support/json.ts'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { OTLP, plainAttributes, type OtlpLogRecord } from '../support/otlp-types.ts'
import { requestOnce } from '../support/raw-client.ts'
import { freePort, startRawUpstream } from '../support/raw-upstream.ts'
import { startSidecarProcess } from '../support/sidecar-process.ts'
import { startTestSidecar } from '../support/test-sidecar.ts'
import { waitFor, SOON } from '../support/wait-for.ts'

const CALL =
  '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"lookup","arguments":{"q":"private-argument"}}}'

interface Line {
  readonly event_name: string
  readonly severity_text: string
  readonly severity_number: number
  readonly body: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly trace_id?: string
  readonly span_id?: string
  readonly trace_flags?: number
}

function linesOf(stderr: string): Line[] {
  return stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseJson<Line>(line))
}

test('a failed call is logged with its span, the same on standard error and at the collector', async () => {
  const sink = await startOtlpSink()
  const port = await freePort()
  const sidecar = await startSidecarProcess({
    args: ['--upstream', `main=http://127.0.0.1:${port}/mcp`],
    env: sink.env,
  })
  await requestOnce(sidecar.url('main'), { body: CALL })
  const [server] = await sink.waitForSpans(1, (span) => span.kind === OTLP.server)
  const line = await waitFor(
    () => linesOf(sidecar.stderr).find(({ event_name: name }) => name === 'sidelight.call.ended'),
    { within: SOON, what: 'the line of the call' },
  )
  assert.equal(line.trace_id, server?.traceId)
  assert.equal(line.span_id, server?.spanId)
  assert.equal(line.trace_flags, 1)
  assert.deepEqual([line.severity_text, line.severity_number], ['WARN', 13])
  assert.equal(line.body, 'A call ended')
  const { 'sidelight.call.duration': duration, ...others } = line.attributes
  assert.ok(Number(duration) > 0 && Number(duration) < 5)
  assert.deepEqual(others, {
    'sidelight.upstream.name': 'main',
    'mcp.method.name': 'tools/call',
    'gen_ai.tool.name': 'lookup',
    'sidelight.outcome': 'upstream_failed',
    'sidelight.outcome.reason': 'connect',
    'error.type': 'connect',
  })
  const record = await waitFor(
    () => sink.logs.find(({ eventName }) => eventName === 'sidelight.call.ended'),
    { within: SOON, what: 'the record at the collector' },
  )
  assert.equal(record.traceId, server?.traceId)
  assert.equal(record.spanId, server?.spanId)
  assert.deepEqual([record.severityText, record.severityNumber, record.flags], ['WARN', 13, 1])
  assert.equal(record.body?.stringValue, 'A call ended')
  assert.deepEqual(plainAttributes(record.attributes), line.attributes)
  const failed = linesOf(sidecar.stderr).find(
    (one) => one.event_name === 'sidelight.upstream.failed',
  )
  assert.equal(failed?.trace_id, server?.traceId)
  assert.doesNotMatch(
    `${sidecar.stderr}${sink.received.map(({ body }) => body).join('')}`,
    /private-argument/,
  )
})

test('records carry the resource and the scope that spans carry', async () => {
  const sink = await startOtlpSink()
  const sidecar = await startSidecarProcess({
    args: ['--upstream', 'main=http://127.0.0.1:9/mcp'],
    env: { ...sink.env, OTEL_SERVICE_NAME: 'beside-the-agent' },
  })
  sidecar.signal('SIGTERM')
  await sidecar.finished(10_000)
  const [group] = sink.resourceLogs
  const resource = plainAttributes(group?.resource.attributes ?? [])
  assert.equal(resource['service.name'], 'beside-the-agent')
  assert.equal(group?.scopeLogs[0]?.scope.name, 'sidelight')
  assert.deepEqual(
    sink.logs.map(({ eventName }) => eventName),
    ['sidelight.sidecar.started', 'sidelight.sidecar.draining'],
  )
})

test('no log record leaves when OTEL_LOGS_EXPORTER is none, and standard error has them all the same', async () => {
  const sink = await startOtlpSink()
  const sidecar = await startSidecarProcess({
    args: ['--upstream', 'main=http://127.0.0.1:9/mcp'],
    env: { ...sink.env, OTEL_LOGS_EXPORTER: 'none' },
  })
  sidecar.signal('SIGTERM')
  const { stderr } = await sidecar.finished(10_000)
  assert.deepEqual(
    linesOf(stderr).map((line) => line.event_name),
    ['sidelight.sidecar.started', 'sidelight.sidecar.draining', 'sidelight.sidecar.stopped'],
  )
  assert.equal(sink.received.filter(({ path }) => path === '/v1/logs').length, 0)
})

test('log records go out as protobuf by default, and as lines of OTLP/JSON to the console', async () => {
  const sink = await startOtlpSink()
  const upstream = ['--upstream', 'main=http://127.0.0.1:9/mcp']
  const { OTEL_EXPORTER_OTLP_PROTOCOL: _json, ...protobuf } = sink.env
  const first = await startSidecarProcess({ args: upstream, env: protobuf })
  first.signal('SIGTERM')
  await first.finished(10_000)
  const sent = sink.received.filter(({ path }) => path === '/v1/logs')
  assert.ok(sent.length > 0)
  for (const { contentType, body } of sent) {
    assert.equal(contentType, 'application/x-protobuf')
    assert.ok(body.includes('sidelight.sidecar.'))
  }
  const second = await startSidecarProcess({
    args: upstream,
    env: { OTEL_LOGS_EXPORTER: 'console' },
  })
  second.signal('SIGTERM')
  const { stdout } = await second.finished(10_000)
  const printed = stdout
    .trim()
    .split('\n')
    .flatMap(
      (line) =>
        parseJson<{ resourceLogs: { scopeLogs: { logRecords: OtlpLogRecord[] }[] }[] }>(line)
          .resourceLogs,
    )
    .flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords))
  assert.deepEqual(
    printed.map(({ eventName }) => eventName),
    ['sidelight.sidecar.started', 'sidelight.sidecar.draining'],
  )
})

test('what a server writes to its standard error stays on this machine', async () => {
  const sink = await startOtlpSink()
  const sidecar = await startTestSidecar({
    upstreams: {
      main: { command: [process.execPath, '-e', 'console.error("its own text"); process.exit(3)'] },
    },
    otel: sink.env,
  })
  await requestOnce(sidecar.url('main'), {
    body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
  })
  await waitFor(() => sink.logs.some(({ eventName }) => eventName === 'sidelight.process.ended'), {
    within: SOON,
    what: 'the record of the end',
  })
  await sidecar.close()
  assert.ok(sidecar.logs.some(({ event }) => event === 'sidelight.process.stderr'))
  assert.ok(!sink.logs.some(({ eventName }) => eventName === 'sidelight.process.stderr'))
  assert.doesNotMatch(sink.received.map(({ body }) => body).join(''), /its own text/)
})

test('log records that find no place in the queue are counted, and calls go on', async () => {
  const sink = await startOtlpSink({ answer: false })
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    config: { shutdown: { drainTimeout: '2s', flushTimeout: '200ms' } },
    otel: {
      ...sink.env,
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_BLRP_SCHEDULE_DELAY: '60000',
      OTEL_BLRP_MAX_QUEUE_SIZE: '5',
      OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: '5',
    },
  })
  for (let call = 0; call < 20; call += 1) {
    const { status } = await requestOnce(sidecar.url('main'), { body: CALL })
    assert.equal(status, 200)
  }
  // Five are under way, five wait.
  const dropped = (await sidecar.metrics()).sum('sidelight_telemetry_dropped_total', {
    sidelight_telemetry_signal: 'logs',
    sidelight_telemetry_drop_reason: 'queue_full',
  })
  assert.equal(dropped, 10)
})
