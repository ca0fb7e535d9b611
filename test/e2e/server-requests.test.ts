/** Requests that upstreams make of their clients: spans with the roles turned round, on every carrier. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startOtlpSink, type OtlpSink } from '../support/otlp-sink.ts'
import { OTLP, plainAttributes, type OtlpSpan } from '../support/otlp-types.ts'
import { parseJson } from '../support/json.ts'
import { startPuppets } from '../support/puppets.ts'
import { JSON_HEADERS, RawClient, requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type RawHandler, type Reply } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'
import { startWrapProcess } from '../support/wrap-process.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"ask"}}'
const ANSWER =
  '{"jsonrpc":"2.0","id":"q1","result":{"action":"accept","content":{"a":"private-answer"}}}'
const REFUSAL = '{"jsonrpc":"2.0","id":"q1","error":{"code":-1,"message":"User rejected"}}'
const PARENT = `00-${'a'.repeat(32)}-${'1'.repeat(16)}-01`

function ask(method: string, meta?: Readonly<Record<string, string>>): object {
  const params = { message: 'private-question', ...(meta === undefined ? {} : { _meta: meta }) }
  return { jsonrpc: '2.0', id: 'q1', method, params }
}

interface Pair {
  readonly server: OtlpSpan
  readonly client: OtlpSpan
}

/** The two spans of the only request of this method. */
async function pairOf(sink: OtlpSink, method: string): Promise<Pair> {
  const spans = await waitFor(
    () => {
      const found = sink.spans.filter(({ name }) => name === method)
      return found.length === 2 ? found : undefined
    },
    { within: SOON, what: `two spans of ${method}` },
  )
  const server = spans.find(({ kind }) => kind === OTLP.server)
  const client = spans.find(({ kind }) => kind === OTLP.client)
  assert.ok(server !== undefined && client !== undefined)
  assert.equal(client.parentSpanId, server.spanId)
  assert.equal(client.traceId, server.traceId)
  for (const { body } of sink.received) assert.doesNotMatch(body.toString(), /private-/)
  return { server, client }
}

/** Asks on the stream of a call, and answers the call when the answer has come. */
function asksOnReply(method: string): RawHandler {
  let open: Reply | undefined
  return (request, reply) => {
    const { id, method: called } = request.json()
    if (called === 'tools/call') {
      open = reply
      reply.stream()
      reply.event(ask(method))
      return
    }
    reply.send({ status: '202 Accepted', headers: [] })
    open?.event({ jsonrpc: '2.0', id: 7, result: { content: [] } })
    open?.endStream()
    assert.equal(id, 'q1')
  }
}

async function sceneOf(
  handler: RawHandler,
  upstream: Readonly<Record<string, unknown>> = {},
  telemetry: Readonly<Record<string, unknown>> = {},
): Promise<{ sink: OtlpSink; sidecar: TestSidecar; port: number }> {
  const sink = await startOtlpSink()
  const { url, port } = await startRawUpstream(handler)
  const sidecar = await startTestSidecar({
    upstreams: { main: { url, ...upstream } },
    config: { telemetry },
    otel: { ...sink.env },
  })
  return { sink, sidecar, port }
}

for (const revision of ['2025-06-18', '2025-11-25']) {
  test(`a question on the stream of a call is a SERVER span under it, in ${revision}`, async () => {
    const { sink, sidecar, port } = await sceneOf(asksOnReply('elicitation/create'))
    const headers = [...JSON_HEADERS, 'Mcp-Session-Id: s-1', `MCP-Protocol-Version: ${revision}`]
    const client = await RawClient.open(sidecar.dataUrl)
    client.send({ path: '/main/mcp', headers, body: CALL })
    await client.until('"id":"q1"')
    await requestOnce(sidecar.url('main'), { headers, body: ANSWER })
    await client.until('"id":7')
    const asked = await pairOf(sink, 'elicitation/create')
    const call = await pairOf(sink, 'tools/call ask')
    assert.equal(asked.server.parentSpanId, call.client.spanId)
    assert.equal(asked.server.traceId, call.client.traceId)
    const common = {
      'mcp.method.name': 'elicitation/create',
      'jsonrpc.request.id': 'q1',
      'mcp.session.id': 's-1',
      'mcp.protocol.version': revision,
      'network.transport': 'tcp',
      'network.protocol.name': 'http',
      'network.protocol.version': '1.1',
      'sidelight.upstream.name': 'main',
      'sidelight.outcome': 'ok',
    }
    assert.deepEqual(plainAttributes(asked.server.attributes), {
      ...common,
      'client.address': '127.0.0.1',
      'client.port': port,
    })
    assert.deepEqual(plainAttributes(asked.client.attributes), {
      ...common,
      'server.address': '127.0.0.1',
      'server.port': client.socket.localPort,
    })
    for (const span of [asked.server, asked.client]) {
      assert.equal(span.status.code ?? OTLP.unset, OTLP.unset)
    }
    await sidecar.close()
    for (const side of ['server', 'client']) {
      const points = sink.metrics.get(`mcp.${side}.operation.duration`)?.histogram?.dataPoints ?? []
      const own = points
        .map(({ attributes }) => plainAttributes(attributes))
        .filter((attributes) => attributes['mcp.method.name'] === 'elicitation/create')
      assert.deepEqual(own, [
        {
          'mcp.method.name': 'elicitation/create',
          'sidelight.upstream.name': 'main',
          'mcp.protocol.version': revision,
          'network.transport': 'tcp',
          'network.protocol.name': 'http',
          'network.protocol.version': '1.1',
        },
      ])
    }
  })
}

test('a question with trace context of its own is a child of that, and an error answer is one', async () => {
  const { sink, sidecar } = await sceneOf((request, reply) => {
    if (request.method !== 'GET') return reply.send({ status: '202 Accepted', headers: [] })
    reply.stream()
    reply.event(ask('sampling/createMessage', { traceparent: PARENT }))
  })
  const headers = [...JSON_HEADERS, 'Mcp-Session-Id: s-1', 'MCP-Protocol-Version: 2025-06-18']
  const listener = await RawClient.open(sidecar.dataUrl)
  listener.send({ method: 'GET', path: '/main/mcp', headers })
  await listener.until('"id":"q1"')
  await requestOnce(sidecar.url('main'), { headers, body: REFUSAL })
  const { server, client } = await pairOf(sink, 'sampling/createMessage')
  assert.equal(server.traceId, 'a'.repeat(32))
  assert.equal(server.parentSpanId, '1'.repeat(16))
  for (const span of [server, client]) {
    const attributes = plainAttributes(span.attributes)
    assert.equal(attributes['rpc.response.status_code'], '-1')
    assert.equal(attributes['error.type'], '-1')
    assert.deepEqual(
      { code: span.status.code, message: span.status.message },
      { code: OTLP.error, message: 'User rejected' },
    )
  }
})

test('in mode link a question with the context of another trace stays in the trace of its call', async () => {
  const { sink, sidecar } = await sceneOf(
    (_request, reply) => {
      reply.stream()
      reply.event(ask('sampling/createMessage', { traceparent: PARENT }))
      reply.event({
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { requestId: 'q1' },
      })
      reply.event({ jsonrpc: '2.0', id: 7, result: { content: [] } })
      reply.endStream()
    },
    {},
    { propagation: 'link' },
  )
  const headers = [...JSON_HEADERS, 'Mcp-Session-Id: s-1']
  await requestOnce(sidecar.url('main'), { headers, body: CALL })
  const { server } = await pairOf(sink, 'sampling/createMessage')
  assert.notEqual(server.traceId, 'a'.repeat(32))
  assert.deepEqual(
    server.links.map(({ traceId, spanId }) => [traceId, spanId]),
    [['a'.repeat(32), '1'.repeat(16)]],
  )
})

test('a question that the upstream takes back is cancelled', async () => {
  const { sink, sidecar } = await sceneOf((_request, reply) => {
    reply.stream()
    reply.event(ask('elicitation/create'))
    reply.event({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'q1' } })
    reply.event({ jsonrpc: '2.0', id: 7, result: { content: [] } })
    reply.endStream()
  })
  const headers = [...JSON_HEADERS, 'Mcp-Session-Id: s-1']
  await requestOnce(sidecar.url('main'), { headers, body: CALL })
  const { server } = await pairOf(sink, 'elicitation/create')
  const attributes = plainAttributes(server.attributes)
  assert.equal(attributes['sidelight.outcome'], 'cancelled')
  assert.equal(attributes['error.type'], 'cancelled')
})

test('a question of no session is passed on and not followed, as in 2026-07-28', async () => {
  const { sink, sidecar } = await sceneOf((_request, reply) => {
    reply.stream()
    reply.event(ask('elicitation/create'))
    reply.event({ jsonrpc: '2.0', id: 7, result: { content: [] } })
    reply.endStream()
  })
  const { body } = await requestOnce(sidecar.url('main'), { body: CALL })
  assert.match(body.toString(), /elicitation\/create/)
  await sidecar.close()
  assert.deepEqual(sink.spans.map(({ name }) => name).toSorted(), [
    'tools/call ask',
    'tools/call ask',
  ])
})

test('a question on the stream of an HTTP+SSE session is followed to its answer', async () => {
  let stream: Reply | undefined
  const { sink, sidecar } = await sceneOf(
    (request, reply) => {
      if (request.method === 'GET') {
        stream = reply
        reply.stream()
        reply.chunk('event: endpoint\ndata: /message?s=1\n\n')
        reply.event(ask('roots/list'))
        return
      }
      reply.send({ status: '202 Accepted', headers: [] })
      stream?.event({ jsonrpc: '2.0', method: 'notifications/message', params: {} })
    },
    { transport: 'sse' },
  )
  const listener = await RawClient.open(sidecar.dataUrl)
  listener.send({ method: 'GET', path: '/main/sse' })
  const opened = (await listener.until('"id":"q1"')).toString()
  const endpoint = /data: (\/main\/message\?sessionId=[\w-]+)/.exec(opened)?.[1] ?? ''
  await requestOnce(`${sidecar.dataUrl}${endpoint}`, { body: ANSWER })
  const { server } = await pairOf(sink, 'roots/list')
  assert.equal(plainAttributes(server.attributes)['sidelight.outcome'], 'ok')
})

const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}'
const AGREED = { protocolVersion: '2025-06-18', capabilities: {} }

test('a question of a stdio server is received over a pipe and sent on over HTTP', async () => {
  const puppets = await startPuppets({
    onLine: (line, puppet) => {
      const text = line.toString()
      if (text.includes('"initialize"')) {
        puppet.say(JSON.stringify({ jsonrpc: '2.0', id: 1, result: AGREED }))
      } else if (text.includes('"tools/call"')) puppet.say(JSON.stringify(ask('ping')))
      else if (text.includes('"q1"')) puppet.say('{"jsonrpc":"2.0","id":7,"result":{"content":[]}}')
    },
  })
  const sink = await startOtlpSink()
  const sidecar = await startTestSidecar({
    upstreams: { main: { command: puppets.command } },
    otel: { ...sink.env },
  })
  const begun = await requestOnce(sidecar.url('main'), { body: INITIALIZE })
  const session = begun.values('mcp-session-id')[0] ?? ''
  const headers = [
    ...JSON_HEADERS,
    `Mcp-Session-Id: ${session}`,
    'MCP-Protocol-Version: 2025-06-18',
  ]
  const client = await RawClient.open(sidecar.dataUrl)
  client.send({ path: '/main/mcp', headers, body: CALL })
  await client.until('"id":"q1"')
  await requestOnce(sidecar.url('main'), { headers, body: ANSWER })
  await client.until('"id":7')
  const asked = await pairOf(sink, 'ping')
  assert.equal(plainAttributes(asked.server.attributes)['network.transport'], 'pipe')
  assert.equal(plainAttributes(asked.client.attributes)['network.transport'], 'tcp')
  const call = await pairOf(sink, 'tools/call ask')
  assert.equal(asked.server.parentSpanId, call.client.spanId)
})

test('a question of a wrapped program passes as it came, and is followed to its answer', async () => {
  const question = JSON.stringify(ask('sampling/createMessage'))
  const puppets = await startPuppets({
    onLine: (line, puppet) => {
      if (line.includes('"initialize"')) {
        puppet.say(JSON.stringify({ jsonrpc: '2.0', id: 1, result: AGREED }))
        puppet.say(question)
      }
    },
  })
  const sink = await startOtlpSink()
  const wrap = startWrapProcess(['--', ...puppets.command], { env: sink.env })
  wrap.say(INITIALIZE)
  assert.equal(await wrap.line(1), question)
  wrap.say(REFUSAL)
  const { server, client } = await pairOf(sink, 'sampling/createMessage')
  assert.equal(plainAttributes(server.attributes)['network.transport'], 'pipe')
  assert.equal(plainAttributes(client.attributes)['network.transport'], 'pipe')
  assert.equal(plainAttributes(client.attributes)['error.type'], '-1')
  wrap.end()
  await wrap.ended()
  const [session] = sink.metrics.get('mcp.server.session.duration')?.histogram?.dataPoints ?? []
  const attributes = plainAttributes(session?.attributes ?? [])
  assert.equal(attributes['mcp.protocol.version'], '2025-06-18')
  assert.equal(attributes['network.protocol.name'], undefined)
  assert.equal(attributes['error.type'], undefined)
})

test('calls over pipes carry the revision that the server agreed to, which no message repeats', async () => {
  const puppets = await startPuppets({
    onLine: (line, puppet) => {
      const { id, method } = parseJson<{ id?: number; method: string }>(line)
      const result = method === 'initialize' ? { ...AGREED, protocolVersion: '2025-03-26' } : {}
      if (id !== undefined) puppet.say(JSON.stringify({ jsonrpc: '2.0', id, result }))
    },
  })
  const sink = await startOtlpSink()
  const wrap = startWrapProcess(['--', ...puppets.command], { env: sink.env })
  wrap.say(INITIALIZE)
  await wrap.line(0)
  wrap.say('{"jsonrpc":"2.0","id":2,"method":"tools/list"}')
  await wrap.line(1)
  for (const span of Object.values(await pairOf(sink, 'tools/list'))) {
    assert.equal(plainAttributes(span.attributes)['mcp.protocol.version'], '2025-03-26')
  }
  wrap.end()
  await wrap.ended()
})
