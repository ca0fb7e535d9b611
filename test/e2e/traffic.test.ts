/** What is measured besides calls: waits, streams, sizes, refusals, sessions, restarts. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { OTLP, plainAttributes } from '../support/otlp-types.ts'
import { startPuppets } from '../support/puppets.ts'
import { JSON_HEADERS, RawClient, requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type RawHandler, type Reply } from '../support/raw-upstream.ts'
import { startTestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"add"}}'
const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}'
const RESULT = { jsonrpc: '2.0', id: 7, result: {} }
const NOTE = { jsonrpc: '2.0', method: 'notifications/message', params: {} }

test('a call that waited for a connection says for how long, and that it made none', async () => {
  const sink = await startOtlpSink()
  const replies: Reply[] = []
  const upstream = await startRawUpstream((_request, reply) => void replies.push(reply))
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, connections: 1 } },
    otel: { ...sink.env },
  })
  const answers = [1, 2].map((id) =>
    requestOnce(sidecar.url('main'), { body: CALL.replace('7', String(id)) }),
  )
  const first = await waitFor(() => replies[0], { within: SOON, what: 'the first call' })
  await waitFor(async () => (await sidecar.metrics()).sum('sidelight_exchanges_active') === 2, {
    within: SOON,
    what: 'two calls under way',
  })
  first.send({ body: JSON.stringify(RESULT) })
  const second = await waitFor(() => replies[1], { within: SOON, what: 'the second call' })
  second.send({ body: JSON.stringify(RESULT) })
  await Promise.all(answers)
  const spans = (await sink.waitForSpans(4)).filter(({ kind }) => kind === OTLP.client)
  const waits = spans.map(({ attributes }) => plainAttributes(attributes))
  const waited = waits.filter((attributes) => attributes['sidelight.queue.duration'] !== undefined)
  assert.equal(waited.length, 1)
  assert.ok(Number(waited[0]?.['sidelight.queue.duration']) > 0)
  assert.equal(waited[0]?.['sidelight.connect.duration'], undefined)
  const connected = waits.filter((attributes) => 'sidelight.connect.duration' in attributes)
  assert.equal(connected.length, 1)
  const values = spans.flatMap(({ attributes }) => attributes)
  for (const { key, value } of values) {
    const wanted = key.startsWith('sidelight.') && key.endsWith('.duration')
    assert.equal(value.doubleValue !== undefined, wanted, key)
  }
})

async function scene(handler: RawHandler): Promise<Awaited<ReturnType<typeof startTestSidecar>>> {
  const upstream = await startRawUpstream(handler)
  return startTestSidecar({ upstreams: { main: upstream.url, idle: upstream.url } })
}

test('a stream counts its events, its first one, its length and its bytes', async () => {
  const sidecar = await scene((_request, reply) => {
    reply.stream()
    reply.event(NOTE)
    reply.event(NOTE)
    reply.event(RESULT)
    reply.endStream()
  })
  const { body } = await requestOnce(sidecar.url('main'), { body: CALL })
  const metrics = await sidecar.metrics()
  const reply = { sidelight_upstream_name: 'main', sidelight_stream_kind: 'reply' }
  assert.equal(metrics.sum('sidelight_stream_events_total', reply), 3)
  assert.equal(metrics.sum('sidelight_stream_duration_seconds_count', reply), 1)
  const call = { sidelight_upstream_name: 'main', mcp_method_name: 'tools/call' }
  assert.equal(metrics.sum('sidelight_first_event_duration_seconds_count', call), 1)
  assert.equal(metrics.sum('sidelight_response_size_bytes_sum', call), body.length)
  assert.ok(metrics.sum('sidelight_request_size_bytes_sum', call) >= CALL.length)
  assert.equal(metrics.sum('sidelight_overhead_duration_seconds_count'), 1)
  assert.ok(metrics.sum('sidelight_overhead_duration_seconds_sum') > 0)
})

test('the wait for a turn at a busy upstream is no time of Sidelight itself, and stands on the span', async () => {
  const sink = await startOtlpSink()
  const replies: Reply[] = []
  const upstream = await startRawUpstream((_request, reply) => void replies.push(reply))
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, concurrency: 1 } },
    otel: sink.env,
  })
  const first = requestOnce(sidecar.url('main'), { body: CALL })
  const holding = await waitFor(() => replies[0], { within: SOON, what: 'the first call' })
  const second = requestOnce(sidecar.url('main'), { body: CALL })
  await setTimeout(1_000)
  holding.send({ body: JSON.stringify(RESULT) })
  const turned = await waitFor(() => replies[1], { within: SOON, what: 'the second call' })
  turned.send({ body: JSON.stringify(RESULT) })
  await Promise.all([first, second])
  const metrics = await sidecar.metrics()
  assert.equal(metrics.sum('sidelight_overhead_duration_seconds_count'), 2)
  assert.ok(metrics.sum('sidelight_overhead_duration_seconds_sum') < 0.5)
  const servers = await sink.waitForSpans(2, ({ kind }) => kind === OTLP.server)
  const waits = servers.map(({ attributes }) =>
    Number(plainAttributes(attributes)['sidelight.queue.duration'] ?? 0),
  )
  assert.equal(waits.filter((seconds) => seconds >= 0.9).length, 1)
  assert.equal(waits.filter((seconds) => seconds === 0).length, 1)
})

test('a GET stream counts what passes on it while it is open, and is no operation', async () => {
  let stream: Reply | undefined
  const sidecar = await scene((_request, reply) => {
    stream = reply
    reply.stream()
    reply.event(NOTE)
  })
  const client = await RawClient.open(sidecar.dataUrl)
  const headers = ['Accept: text/event-stream', 'Mcp-Session-Id: s-1']
  client.send({ method: 'GET', path: '/main/mcp', headers })
  await client.until('notifications/message')
  const open = await sidecar.metrics()
  const session = { sidelight_upstream_name: 'main', sidelight_stream_kind: 'session' }
  assert.equal(open.sum('sidelight_stream_events_total', session), 1)
  assert.equal(open.sum('sidelight_exchanges_active', { sidelight_upstream_name: 'main' }), 1)
  const idle = open.find('sidelight_exchanges_active', { sidelight_upstream_name: 'idle' })
  assert.deepEqual(
    idle.map(({ value }) => value),
    [0],
  )
  stream?.endStream()
  await sidecar.recorder.exchangeOutcome('stream')
  const ended = await sidecar.metrics()
  assert.equal(ended.sum('sidelight_stream_duration_seconds_count', session), 1)
  assert.equal(ended.sum('mcp_server_operation_duration_seconds_count'), 0)
  assert.equal(ended.sum('sidelight_overhead_duration_seconds_count'), 0)
})

test('refusals are counted by reason, also of what never became a call', async () => {
  const sidecar = await scene((_request, reply) => reply.result({}))
  await requestOnce(sidecar.url('main'), { body: '{' })
  await requestOnce(sidecar.url('nowhere'), { body: CALL })
  await requestOnce(sidecar.url('main'), { body: CALL })
  const metrics = await sidecar.metrics()
  assert.deepEqual(
    metrics
      .find('sidelight_rejections_total')
      .map(({ labels, value }) => [
        labels['sidelight_upstream_name'],
        labels['sidelight_outcome_reason'],
        value,
      ]),
    [
      ['main', 'malformed', 1],
      ['_OTHER', 'unknown_upstream', 1],
    ],
  )
})

/** A server that gives out sessions, and ends them when it is told to; it forgets `gone`. */
const sessions: RawHandler = (request, reply) => {
  if (request.method === 'DELETE') return reply.send({ headers: [] })
  const { id, method } = request.json()
  if (method === 'initialize') {
    return reply.send({
      headers: ['Content-Type: application/json', 'Mcp-Session-Id: s-1'],
      body: JSON.stringify({ jsonrpc: '2.0', id, result: { protocolVersion: '2025-11-25' } }),
    })
  }
  reply.send({ status: '404 Not Found', body: '{}' })
}

test('a session over HTTP has its duration on both sides when its client ends it', async () => {
  const upstream = await startRawUpstream(sessions)
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
  await requestOnce(sidecar.url('main'), { body: INITIALIZE })
  await requestOnce(sidecar.url('main'), { method: 'DELETE', headers: ['Mcp-Session-Id: s-1'] })
  const metrics = await sidecar.metrics()
  const common = {
    mcp_protocol_version: '2025-11-25',
    network_protocol_name: 'http',
    sidelight_upstream_name: 'main',
  }
  const labelsOf = (side: string): readonly unknown[] =>
    metrics.find(`mcp_${side}_session_duration_seconds_count`).map(({ labels }) => labels)
  assert.deepEqual(labelsOf('server'), [common])
  assert.deepEqual(labelsOf('client'), [
    { ...common, server_address: '127.0.0.1', server_port: String(upstream.port) },
  ])
})

test('a session that the upstream has lost ended with an error', async () => {
  const sidecar = await scene(sessions)
  await requestOnce(sidecar.url('main'), { body: INITIALIZE })
  await requestOnce(sidecar.url('main'), {
    headers: [...JSON_HEADERS, 'Mcp-Session-Id: s-1'],
    body: CALL,
  })
  const metrics = await sidecar.metrics()
  const lost = { error_type: 'closed' }
  assert.equal(metrics.sum('mcp_server_session_duration_seconds_count', lost), 1)
  assert.equal(metrics.sum('mcp_client_session_duration_seconds_count', lost), 1)
})

test('a process that crashed ends its session with an error, and the next is a restart', async () => {
  const puppets = await startPuppets({
    onLine: (_line, puppet) =>
      puppet.say('{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}'),
  })
  const sidecar = await startTestSidecar({ upstreams: { main: { command: puppets.command } } })
  await requestOnce(sidecar.url('main'), { body: INITIALIZE })
  const before = await sidecar.metrics()
  assert.equal(before.sum('sidelight_processes_restarts_total'), 0)
  const puppet = await puppets.puppet(0)
  puppet.exit(3)
  await waitFor(
    async () => (await sidecar.metrics()).sum('sidelight_processes_ended_total') === 1,
    {
      within: SOON,
      what: 'the end of the process',
    },
  )
  await requestOnce(sidecar.url('main'), { body: INITIALIZE })
  const metrics = await sidecar.metrics()
  assert.equal(
    metrics.sum('sidelight_processes_restarts_total', { sidelight_upstream_name: 'main' }),
    1,
  )
  const lost = { error_type: 'process_exit', mcp_protocol_version: '2025-11-25' }
  const ofServer = metrics.find('mcp_server_session_duration_seconds_count', lost)
  assert.deepEqual(
    ofServer.map(({ labels }) => labels['network_protocol_name']),
    ['http'],
  )
  const ofClient = metrics.find('mcp_client_session_duration_seconds_count', lost)
  assert.deepEqual(
    ofClient.map(({ labels }) => labels['network_protocol_name']),
    [undefined],
  )
})
