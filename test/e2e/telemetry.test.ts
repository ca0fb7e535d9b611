/** What a collector gets: spans and metrics as the MCP conventions describe them, and nothing more. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MCP_DURATION_BUCKETS } from '../../src/telemetry/buckets.ts'
import { parseJson } from '../support/json.ts'
import { startOtlpSink, type OtlpSink } from '../support/otlp-sink.ts'
import { OTLP, plainAttributes, type HistogramPoint, type OtlpSpan } from '../support/otlp-types.ts'
import { JSON_HEADERS, RawClient, requestOnce } from '../support/raw-client.ts'
import {
  freePort,
  startRawUpstream,
  type RawHandler,
  type RawUpstream,
} from '../support/raw-upstream.ts'
import { runSidelight, startSidecarProcess } from '../support/sidecar-process.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { bounded, SOON } from '../support/wait-for.ts'

const CALL =
  '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"lookup","arguments":{"q":"private-argument"}}}'

const PARENT_A = `00-${'a'.repeat(32)}-${'1'.repeat(16)}-01`
const PARENT_B = `00-${'b'.repeat(32)}-${'2'.repeat(16)}-01`

interface Scene {
  readonly sink: OtlpSink
  readonly upstream: RawUpstream
  readonly sidecar: TestSidecar
}

async function scene(
  options: {
    readonly handler?: RawHandler
    readonly otel?: Readonly<Record<string, string>>
    readonly config?: Readonly<Record<string, unknown>>
    readonly upstream?: Readonly<Record<string, unknown>>
  } = {},
): Promise<Scene> {
  const sink = await startOtlpSink()
  const upstream = await startRawUpstream(options.handler)
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, ...options.upstream } },
    config: options.config ?? {},
    otel: { ...sink.env, ...options.otel },
  })
  return { sink, upstream, sidecar }
}

interface Pair {
  readonly server: OtlpSpan
  readonly client: OtlpSpan
}

/** The two spans of the only call. */
async function spanPair(sink: OtlpSink): Promise<Pair> {
  const spans = await sink.waitForSpans(2)
  assert.equal(spans.length, 2)
  const server = spans.find((span) => span.kind === OTLP.server)
  const client = spans.find((span) => span.kind === OTLP.client)
  assert.ok(server !== undefined && client !== undefined)
  return { server, client }
}

function errorBody(code: number, message: string): RawHandler {
  return (_request, reply) =>
    reply.send({ body: JSON.stringify({ jsonrpc: '2.0', id: 7, error: { code, message } }) })
}

const toolError: RawHandler = (_request, reply) =>
  reply.result({ isError: true, content: [{ type: 'text', text: 'private-result' }] })

function statusOf(span: OtlpSpan): { code: number; message: string } {
  return span.status
}

const UNSET = { code: OTLP.unset, message: '' }

test('a tool call is a SERVER span with a CLIENT child, attribute by attribute', async () => {
  const { sink, upstream, sidecar } = await scene({
    handler: (_request, reply) => reply.result({ content: [] }),
  })
  const client = await RawClient.open(sidecar.dataUrl)
  client.send({
    path: '/main/mcp',
    headers: [...JSON_HEADERS, 'Mcp-Session-Id: s-1', 'MCP-Protocol-Version: 2025-11-25'],
    body: CALL,
  })
  await client.response()
  const spans = await spanPair(sink)
  const common = {
    'mcp.method.name': 'tools/call',
    'gen_ai.tool.name': 'lookup',
    'gen_ai.operation.name': 'execute_tool',
    'jsonrpc.request.id': '7',
    'mcp.session.id': 's-1',
    'mcp.protocol.version': '2025-11-25',
    'network.transport': 'tcp',
    'network.protocol.name': 'http',
    'network.protocol.version': '1.1',
    'sidelight.upstream.name': 'main',
    'sidelight.outcome': 'ok',
  }
  assert.deepEqual(attributesOf(spans.server), {
    ...common,
    'client.address': '127.0.0.1',
    'client.port': client.socket.localPort,
  })
  const { 'sidelight.connect.duration': connected, ...ofClient } = attributesOf(spans.client)
  assert.ok(Number(connected) > 0 && Number(connected) < 60)
  assert.deepEqual(ofClient, {
    ...common,
    'server.address': '127.0.0.1',
    'server.port': upstream.port,
    'sidelight.attempt': 1,
    'sidelight.request.size': upstream.requests[0]?.body.length,
    'sidelight.response.size': 48,
  })
  for (const span of [spans.server, spans.client]) {
    assert.equal(span.name, 'tools/call lookup')
    assert.deepEqual(statusOf(span), UNSET)
    assert.deepEqual(span.events ?? [], [])
    assert.deepEqual(span.links ?? [], [])
  }
  const ports = [...spans.server.attributes, ...spans.client.attributes].filter(({ key }) =>
    key.endsWith('.port'),
  )
  assert.ok(ports.every(({ value }) => value.intValue !== undefined))
  assert.equal(spans.client.parentSpanId, spans.server.spanId)
  assert.equal(spans.client.traceId, spans.server.traceId)
  assert.equal(spans.server.parentSpanId ?? '', '')
  const times = [
    spans.server.startTimeUnixNano,
    spans.client.startTimeUnixNano,
    spans.client.endTimeUnixNano,
    spans.server.endTimeUnixNano,
  ].map(BigInt)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
  )
  const age = Date.now() - Number(times[0]) / 1e6
  assert.ok(age >= 0 && age < 60_000, `the span starts ${age} ms ago`)
})

test('spans name who made them and what it ran on', async () => {
  const { sink, sidecar } = await scene()
  await requestOnce(sidecar.url('main'), { body: CALL })
  await spanPair(sink)
  const [resource] = sink.resourceSpans
  const [scope] = resource?.scopeSpans ?? []
  assert.equal(scope?.scope.name, 'sidelight')
  assert.equal(scope?.scope.version, '0.0.0-test')
  assert.match(scope?.schemaUrl ?? '', /^https:\/\/opentelemetry\.io\/schemas\/gen-ai/)
  const about = plainAttributes(resource?.resource.attributes ?? [])
  assert.equal(about['service.name'], 'sidelight')
  assert.equal(about['service.version'], '0.0.0-test')
  assert.match(String(about['service.instance.id']), /^[0-9a-f-]{36}$/)
})

function attributesOf(span: OtlpSpan): Record<string, unknown> {
  return plainAttributes(span.attributes)
}

/** Each kind of message, with its span's name and the attributes that only it has. */
const MESSAGES: readonly (readonly [string, string, Readonly<Record<string, unknown>>])[] = [
  ['{"jsonrpc":"2.0","id":"x","method":"tools/list"}', 'tools/list', { 'jsonrpc.request.id': 'x' }],
  [
    '{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"greet"}}',
    'prompts/get greet',
    {
      'gen_ai.prompt.name': 'greet',
      'gen_ai.tool.name': undefined,
      'gen_ai.operation.name': undefined,
    },
  ],
  [
    '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///a"}}',
    'resources/read',
    { 'mcp.resource.uri': 'file:///a' },
  ],
  [
    '{"jsonrpc":"2.0","method":"notifications/initialized"}',
    'notifications/initialized',
    { 'jsonrpc.request.id': undefined },
  ],
  [
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}',
    'initialize',
    { 'mcp.protocol.version': '2025-06-18', 'mcp.session.id': undefined },
  ],
  [
    '{"jsonrpc":"1.0","id":1,"method":"vendor/thing"}',
    'vendor/thing',
    { 'jsonrpc.protocol.version': '1.0' },
  ],
]

for (const [body, name, attributes] of MESSAGES) {
  test(`${name} has its own name and attributes`, async () => {
    const { sink, sidecar } = await scene()
    await requestOnce(sidecar.url('main'), { body })
    const { server, client } = await spanPair(sink)
    for (const span of [server, client]) {
      assert.equal(span.name, name)
      const found = attributesOf(span)
      for (const [key, value] of Object.entries(attributes)) assert.equal(found[key], value, key)
    }
  })
}

interface Expected {
  readonly type: string | undefined
  readonly message?: string
}

/** How calls can end, and what each side's span then says. */
const ENDINGS: readonly {
  readonly what: string
  readonly handler: RawHandler
  readonly server: Expected
  readonly client: Expected
  readonly rpcStatus?: string
  readonly outcome: string
  readonly reason?: string
}[] = [
  {
    what: 'a tool error',
    handler: toolError,
    server: { type: 'tool_error' },
    client: { type: 'tool_error' },
    outcome: 'tool_error',
  },
  {
    what: 'an internal error of the server',
    handler: errorBody(-32603, 'boom'),
    server: { type: '-32603', message: 'boom' },
    client: { type: '-32603', message: 'boom' },
    rpcStatus: '-32603',
    outcome: 'rpc_error',
  },
  {
    what: "a mistake of the caller's",
    handler: errorBody(-32602, 'Unknown tool'),
    server: { type: undefined },
    client: { type: '-32602', message: 'Unknown tool' },
    rpcStatus: '-32602',
    outcome: 'rpc_error',
  },
  {
    what: 'an error of the application',
    handler: errorBody(4711, 'own'),
    server: { type: '4711', message: 'own' },
    client: { type: '4711', message: 'own' },
    rpcStatus: '4711',
    outcome: 'rpc_error',
  },
  {
    what: 'a status of the upstream',
    handler: (_request, reply) =>
      reply.send({ status: '401 Unauthorized', headers: ['WWW-Authenticate: Bearer'] }),
    server: { type: undefined },
    client: { type: '401' },
    outcome: 'upstream_status',
  },
  {
    what: 'a failure of the upstream',
    handler: (_request, reply) => reply.send({ status: '503 Down', headers: [] }),
    server: { type: '503' },
    client: { type: '503' },
    outcome: 'upstream_failed',
    reason: 'http_5xx',
  },
  {
    what: 'a broken connection',
    handler: (_request, reply) => reply.socket.resetAndDestroy(),
    server: { type: 'reset' },
    client: { type: 'reset' },
    outcome: 'upstream_failed',
    reason: 'reset',
  },
]

for (const ending of ENDINGS) {
  test(`${ending.what} reads the same in spans, histograms and counters`, async () => {
    const { sink, sidecar } = await scene({ handler: ending.handler })
    await requestOnce(sidecar.url('main'), { body: CALL })
    const spans = await spanPair(sink)
    for (const side of ['server', 'client'] as const) {
      const { type, message } = ending[side]
      const attributes = attributesOf(spans[side])
      assert.equal(attributes['error.type'], type, side)
      assert.equal(attributes['rpc.response.status_code'], ending.rpcStatus, side)
      assert.equal(attributes['sidelight.outcome'], ending.outcome, side)
      assert.equal(attributes['sidelight.outcome.reason'], ending.reason, side)
      assert.equal(statusOf(spans[side]).code, type === undefined ? OTLP.unset : OTLP.error, side)
      assert.equal(statusOf(spans[side]).message || undefined, message, side)
    }
    await sidecar.close()
    for (const side of ['server', 'client'] as const) {
      const points = histogram(sink, `mcp.${side}.operation.duration`)
      assert.equal(points.length, 1)
      const attributes = plainAttributes(points[0]?.attributes ?? [])
      assert.equal(attributes['error.type'], ending[side].type, side)
      assert.equal(attributes['rpc.response.status_code'], ending.rpcStatus, side)
    }
    for (const { body } of sink.received) assert.doesNotMatch(body.toString(), /private-/)
  })
}

function histogram(sink: OtlpSink, name: string): readonly HistogramPoint[] {
  return sink.metrics.get(name)?.histogram?.dataPoints ?? []
}

test('a call that its client gave up is cancelled', async () => {
  const { sink, upstream, sidecar } = await scene({ handler: () => {} })
  const client = await RawClient.open(sidecar.dataUrl)
  client.send({ path: '/main/mcp', body: CALL })
  await upstream.request()
  client.close()
  for (const span of Object.values(await spanPair(sink))) {
    assert.equal(attributesOf(span)['sidelight.outcome'], 'cancelled')
    assert.equal(attributesOf(span)['error.type'], 'cancelled')
  }
})

test('an upstream that is down is an error without any secret in it', async () => {
  const sink = await startOtlpSink()
  const port = await freePort()
  const sidecar = await startTestSidecar({
    upstreams: {
      main: {
        url: `http://127.0.0.1:${port}/mcp?key=secret-query`,
        headers: { Authorization: 'Bearer secret-header' },
        retry: { attempts: 1 },
      },
    },
    otel: sink.env,
  })
  await requestOnce(`${sidecar.url('main')}?token=secret-client`, {
    headers: [...JSON_HEADERS, 'Cookie: secret-cookie', 'baggage: k=secret-baggage'],
    body: CALL,
  })
  for (const span of Object.values(await spanPair(sink))) {
    assert.equal(attributesOf(span)['error.type'], 'connect')
    assert.equal(statusOf(span).code, OTLP.error)
    assert.equal(statusOf(span).message ?? '', '')
  }
  await sidecar.close()
  assert.ok(sink.received.some(({ path }) => path === '/v1/metrics'))
  for (const { body } of sink.received) assert.doesNotMatch(body.toString(), /secret|private-/)
  assert.doesNotMatch(JSON.stringify(sidecar.logs), /secret|private-/)
})

test('a refused call has a SERVER span and no CLIENT span', async () => {
  const { sink, sidecar } = await scene()
  await requestOnce(`${sidecar.dataUrl}/nowhere/mcp`, { body: CALL })
  await requestOnce(sidecar.url('main'), { body: CALL })
  const spans = await sink.waitForSpans(3)
  const refused = spans.find((span) => attributesOf(span)['sidelight.outcome'] === 'rejected')
  assert.ok(refused !== undefined)
  assert.equal(refused.kind, OTLP.server)
  assert.equal(attributesOf(refused)['sidelight.outcome.reason'], 'unknown_upstream')
  assert.equal(spans.filter((span) => span.traceId === refused.traceId).length, 1)
})

test('a call whose headers contradict it has a SERVER span and no CLIENT span', async () => {
  const { sink, sidecar } = await scene()
  const headers = [...JSON_HEADERS, 'MCP-Protocol-Version: 2026-07-28', 'Mcp-Method: tools/list']
  await requestOnce(sidecar.url('main'), { headers, body: CALL })
  await requestOnce(sidecar.url('main'), { body: CALL })
  const spans = await sink.waitForSpans(3)
  const refused = spans.find((span) => attributesOf(span)['sidelight.outcome'] === 'rejected')
  assert.ok(refused !== undefined)
  assert.equal(refused.kind, OTLP.server)
  assert.equal(refused.name, 'tools/call lookup')
  const attributes = attributesOf(refused)
  assert.equal(attributes['sidelight.outcome.reason'], 'header_mismatch')
  assert.equal(attributes['mcp.method.name'], 'tools/call')
  assert.equal(attributes['jsonrpc.request.id'], '7')
  assert.equal(spans.filter((span) => span.traceId === refused.traceId).length, 1)
})

test('every call of a batch has spans of its own, and each request carries its own context', async () => {
  const { sink, upstream, sidecar } = await scene({
    handler: (_request, reply) =>
      reply.send({
        body: '[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"result":{}}]',
      }),
  })
  const body =
    '[{"jsonrpc":"2.0","id":1,"method":"tools/list"},{"jsonrpc":"2.0","id":2,"method":"prompts/list"}]'
  await requestOnce(sidecar.url('main'), { body })
  const spans = await sink.waitForSpans(4)
  const arrived = parseJson<
    readonly {
      method: string
      params: { _meta: { traceparent: string } }
    }[]
  >((await upstream.request()).body.toString())
  for (const { method, params } of arrived) {
    const client = spans.find((span) => span.kind === OTLP.client && span.name === method)
    assert.equal(params._meta.traceparent, `00-${client?.traceId}-${client?.spanId}-01`)
  }
})

function withParents(
  meta: string | undefined,
  header: string | undefined,
): { headers: string[]; body: string } {
  return {
    headers: [...JSON_HEADERS, ...(header === undefined ? [] : [`traceparent: ${header}`])],
    body:
      meta === undefined
        ? CALL
        : CALL.replace('"params":{', `"params":{"_meta":{"traceparent":"${meta}"},`),
  }
}

test("the parent is _meta's context, and the HTTP header's is linked", async () => {
  const { sink, sidecar } = await scene()
  await requestOnce(sidecar.url('main'), withParents(PARENT_A, PARENT_B))
  const { server } = await spanPair(sink)
  assert.equal(server.traceId, 'a'.repeat(32))
  assert.equal(server.parentSpanId, '1'.repeat(16))
  assert.deepEqual(
    server.links?.map(({ traceId, spanId }) => [traceId, spanId]),
    [['b'.repeat(32), '2'.repeat(16)]],
  )
})

test('the HTTP header alone is the parent, and one context in both places is not linked', async () => {
  for (const request of [withParents(undefined, PARENT_A), withParents(PARENT_A, PARENT_A)]) {
    const { sink, sidecar } = await scene()
    await requestOnce(sidecar.url('main'), request)
    const { server } = await spanPair(sink)
    assert.equal(server.traceId, 'a'.repeat(32))
    assert.equal(server.parentSpanId, '1'.repeat(16))
    assert.deepEqual(server.links ?? [], [])
  }
})

const INVALID_PARENTS: readonly string[] = [
  'nonsense',
  `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`,
  `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`,
  `ff-${'a'.repeat(32)}-${'1'.repeat(16)}-01`,
  `00-${'A'.repeat(32)}-${'1'.repeat(16)}-01`,
  `00-${'a'.repeat(32)}-${'1'.repeat(16)}-01-more`,
]

test('an invalid context begins a new trace, and the upstream gets the valid one', async () => {
  const { sink, upstream, sidecar } = await scene()
  for (const parent of INVALID_PARENTS) {
    await requestOnce(sidecar.url('main'), withParents(parent, undefined))
    await requestOnce(sidecar.url('main'), withParents(undefined, parent))
  }
  const spans = await sink.waitForSpans(INVALID_PARENTS.length * 4)
  const servers = spans.filter((span) => span.kind === OTLP.server)
  assert.equal(new Set(servers.map((span) => span.traceId)).size, servers.length)
  assert.ok(servers.every((span) => (span.parentSpanId ?? '') === ''))
  for (const request of upstream.requests) {
    const [header] = request.values('traceparent')
    assert.match(header ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    assert.deepEqual(metaOf(request.body), { traceparent: header })
  }
})

function metaOf(body: Buffer): unknown {
  const message = parseJson<{ params?: { _meta?: unknown } }>(body.toString())
  return message.params?._meta
}

test('the upstream gets the CLIENT span as parent, in the header and in _meta', async () => {
  const { sink, upstream, sidecar } = await scene()
  const request = withParents(PARENT_A, PARENT_B)
  await requestOnce(sidecar.url('main'), {
    headers: [...request.headers, 'tracestate: header=2', 'baggage: k=v'],
    body: request.body.replace(
      '"_meta":{',
      '"_meta":{"tracestate":"meta=1","baggage":"b=1","progressToken":0,',
    ),
  })
  const { client } = await spanPair(sink)
  const arrived = await upstream.request()
  const traceparent = `00-${'a'.repeat(32)}-${client.spanId}-01`
  assert.deepEqual(arrived.values('traceparent'), [traceparent])
  assert.deepEqual(arrived.values('tracestate'), ['meta=1'])
  assert.deepEqual(arrived.values('baggage'), [])
  assert.deepEqual(metaOf(arrived.body), {
    tracestate: 'meta=1',
    progressToken: 0,
    traceparent,
  })
})

test('propagation can be switched off for _meta, for headers, and for both', async () => {
  for (const [propagateMeta, propagateHeaders] of [
    [false, true],
    [true, false],
    [false, false],
  ] as const) {
    const { sink, upstream, sidecar } = await scene({
      config: { telemetry: { propagateMeta, propagateHeaders } },
    })
    await requestOnce(sidecar.url('main'), withParents(PARENT_A, PARENT_B))
    const { client } = await spanPair(sink)
    const own = `00-${'a'.repeat(32)}-${client.spanId}-01`
    const arrived = await upstream.request()
    assert.deepEqual(arrived.values('traceparent'), [propagateHeaders ? own : PARENT_B])
    assert.deepEqual(metaOf(arrived.body), { traceparent: propagateMeta ? own : PARENT_A })
  }
})

test('OTEL_PROPAGATORS=none reads and writes no context', async () => {
  const { sink, upstream, sidecar } = await scene({ otel: { OTEL_PROPAGATORS: 'none' } })
  await requestOnce(sidecar.url('main'), withParents(PARENT_A, PARENT_B))
  const { server } = await spanPair(sink)
  assert.notEqual(server.traceId, 'a'.repeat(32))
  const arrived = await upstream.request()
  assert.deepEqual(arrived.values('traceparent'), [PARENT_B])
  assert.deepEqual(metaOf(arrived.body), { traceparent: PARENT_A })
})

test('OTEL_SDK_DISABLED exports nothing and changes nothing, and /metrics goes on', async () => {
  const { sink, upstream, sidecar } = await scene({ otel: { OTEL_SDK_DISABLED: 'true' } })
  await requestOnce(sidecar.url('main'), withParents(PARENT_A, PARENT_B))
  const arrived = await upstream.request()
  assert.deepEqual(arrived.values('traceparent'), [PARENT_B])
  assert.deepEqual(metaOf(arrived.body), { traceparent: PARENT_A })
  assert.equal((await sidecar.metrics()).sum('sidelight_calls_total'), 1)
  await sidecar.close()
  assert.equal(sink.received.length, 0)
})

test('with always_off no span is exported, and the context still flows with flag 00', async () => {
  const { sink, upstream, sidecar } = await scene({ otel: { OTEL_TRACES_SAMPLER: 'always_off' } })
  await requestOnce(sidecar.url('main'), withParents(PARENT_A, undefined))
  await requestOnce(sidecar.url('main'), { body: CALL })
  const [known] = (await upstream.request(0)).values('traceparent')
  assert.match(known ?? '', new RegExp(`^00-${'a'.repeat(32)}-[0-9a-f]{16}-00$`))
  assert.notEqual(known?.slice(36, 52), '1'.repeat(16))
  const [fresh] = (await upstream.request(1)).values('traceparent')
  assert.match(fresh ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
  await sidecar.close()
  assert.deepEqual(sink.spans, [])
  assert.equal(histogram(sink, 'mcp.server.operation.duration')[0]?.count, 2)
})

test('an unsampled parent is respected', async () => {
  const { sink, upstream, sidecar } = await scene()
  await requestOnce(sidecar.url('main'), withParents(PARENT_A.replace(/01$/, '00'), undefined))
  assert.match((await upstream.request()).values('traceparent')[0] ?? '', /-00$/)
  await sidecar.close()
  assert.deepEqual(sink.spans, [])
})

/** Attributes that no metric may have: they would make a series per session, request or client. */
const NEVER_ON_METRICS =
  /^(mcp\.session\.id|jsonrpc\.request\.id|mcp\.resource\.uri|client\.|user|trace)/

test('pushed metrics are the scraped ones', async () => {
  const { sink, sidecar } = await scene({
    handler: (request, reply) => {
      const { id, params } = parseJson<{ id: number; params?: { name?: string } }>(request.body)
      if (params?.name === 'bad') toolError(request, reply)
      else reply.send({ body: JSON.stringify({ jsonrpc: '2.0', id, result: {} }) })
    },
  })
  const headers = [...JSON_HEADERS, 'Mcp-Session-Id: s-1', 'MCP-Protocol-Version: 2025-11-25']
  for (const body of [
    CALL,
    CALL.replace('lookup', 'bad'),
    CALL,
    '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a://b"}}',
  ]) {
    await requestOnce(sidecar.url('main'), { headers, body })
  }
  const scraped = await sidecar.metrics()
  await sidecar.close()
  for (const side of ['server', 'client']) {
    const points = histogram(sink, `mcp.${side}.operation.duration`)
    assert.equal(sink.metrics.get(`mcp.${side}.operation.duration`)?.unit, 's')
    assert.equal(points.length, 3)
    const name = `mcp_${side}_operation_duration_seconds`
    assert.equal(scraped.find(`${name}_count`).length, 3)
    for (const point of points) {
      assert.deepEqual(point.explicitBounds, MCP_DURATION_BUCKETS)
      const labels = Object.fromEntries(
        Object.entries(plainAttributes(point.attributes)).map(([key, value]) => [
          key.replaceAll('.', '_'),
          String(value),
        ]),
      )
      for (const { key } of point.attributes) assert.doesNotMatch(key, NEVER_ON_METRICS)
      // A tool that failed and one that did not differ by error.type alone, so the labels must be equal.
      const exact = (suffix: string): readonly number[] =>
        scraped
          .find(name + suffix, labels)
          .filter(
            (sample) =>
              Object.keys(sample.labels).filter((key) => key !== 'le').length ===
              Object.keys(labels).length,
          )
          .map((sample) => sample.value)
      assert.deepEqual(exact('_count'), [point.count])
      assert.deepEqual(exact('_sum'), [point.sum])
      let below = 0
      assert.deepEqual(
        exact('_bucket'),
        point.bucketCounts.map((count) => (below += count)),
      )
    }
  }
  const calls = sink.metrics.get('sidelight.calls')?.sum
  assert.equal(calls?.isMonotonic, true)
  assert.equal(
    calls?.dataPoints.reduce((sum, point) => sum + (point.asDouble ?? 0), 0),
    scraped.sum('sidelight_calls_total'),
  )
  // What has no series yet is only described, and only where it is scraped.
  const scrapedNames = new Set(
    scraped.samples
      .map(({ name, labels }) => (labels['le'] === undefined ? name : name.slice(0, -7)))
      .map((name) => name.replace(/_(seconds|bytes)_(sum|count)$/, '_$1'))
      .filter((name) => name !== 'target_info'),
  )
  for (const metric of sink.metrics.values()) {
    const base = metric.name.replaceAll('.', '_')
    const suffixes = [
      '',
      '_seconds',
      '_bytes',
      '_ratio',
      '_total',
      '_bytes_total',
      '_seconds_total',
    ]
    assert.ok(
      suffixes.some((suffix) => scrapedNames.has(base + suffix)),
      metric.name,
    )
  }
  assert.equal(sink.metrics.size, scrapedNames.size)
})

test('http/protobuf is what is sent when nothing else is asked for', async () => {
  const { sink, sidecar } = await scene({ otel: { OTEL_EXPORTER_OTLP_PROTOCOL: '' } })
  await requestOnce(sidecar.url('main'), { body: CALL })
  await sidecar.close()
  assert.deepEqual([...new Set(sink.received.map(({ path }) => path))].toSorted(), [
    '/v1/logs',
    '/v1/metrics',
    '/v1/traces',
  ])
  for (const { contentType, body } of sink.received) {
    assert.equal(contentType, 'application/x-protobuf')
    assert.ok(body.length > 100)
    assert.notEqual(body[0], '{'.charCodeAt(0))
  }
  assert.ok(sink.received.some(({ body }) => body.includes('tools/call lookup')))
})

test('a process takes its name, attributes and exporters from the environment', async () => {
  const sink = await startOtlpSink()
  const upstream = await startRawUpstream()
  const sidecar = await startSidecarProcess({
    args: ['--upstream', `main=${upstream.url}`],
    env: {
      ...sink.env,
      OTEL_SERVICE_NAME: 'my-agent-sidecar',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,service.name=ignored,team=a%20b',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=secret-key',
    },
  })
  await requestOnce(sidecar.url('main'), { body: CALL })
  await sink.waitForSpans(2)
  const attributes = plainAttributes(sink.resourceSpans[0]?.resource.attributes ?? [])
  assert.equal(attributes['service.name'], 'my-agent-sidecar')
  assert.equal(attributes['deployment.environment.name'], 'test')
  assert.equal(attributes['team'], 'a b')
  sidecar.signal('SIGTERM')
  const { code, stderr } = await sidecar.finished(SOON)
  assert.equal(code, 0)
  assert.ok(sink.received.some(({ path }) => path === '/v1/metrics'))
  assert.doesNotMatch(stderr, /secret-key/)
})

/** Collectors that are of no use, and how the sidecar is told of them. */
const USELESS: Readonly<Record<string, () => Promise<Readonly<Record<string, string>>>>> = {
  'that is not there': async () => ({
    ...(await startOtlpSink()).env,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
  }),
  'that never answers': async () => (await startOtlpSink({ answer: false })).env,
}

for (const [what, otelOf] of Object.entries(USELESS)) {
  test(`a collector ${what} delays no call, and the end by no more than flushTimeout`, async () => {
    const upstream = await startRawUpstream()
    const sidecar = await startTestSidecar({
      upstreams: { main: upstream.url },
      config: { shutdown: { drainTimeout: '2s', flushTimeout: '500ms' } },
      otel: {
        ...(await otelOf()),
        OTEL_BSP_SCHEDULE_DELAY: '10',
        OTEL_METRIC_EXPORT_INTERVAL: '20',
      },
    })
    const durations: number[] = []
    for (let call = 0; call < 100; call += 1) {
      const startedAt = performance.now()
      const response = await requestOnce(sidecar.url('main'), { body: CALL })
      durations.push(performance.now() - startedAt)
      assert.equal(response.status, 200)
    }
    const slowest = Math.max(...durations)
    assert.ok(slowest < 500, `the slowest call took ${slowest} ms`)
    assert.equal(
      (await sidecar.metrics()).sum('sidelight_calls_total', { sidelight_outcome: 'ok' }),
      100,
    )
    const startedAt = performance.now()
    await bounded(sidecar.close(), { within: SOON, what: 'the sidecar to end' })
    const took = performance.now() - startedAt
    assert.ok(took < 1_500, `the end took ${took} ms`)
    // An export that fails is said once, not once per export.
    const complaints = sidecar.logs.filter(
      (record) => record.event === 'sidelight.telemetry.export_failed',
    )
    assert.ok(complaints.length <= 4, `${complaints.length} complaints`)
  })
}

test('a process ends in time though its collector never answers', async () => {
  const sink = await startOtlpSink({ answer: false })
  const upstream = await startRawUpstream()
  const sidecar = await startSidecarProcess({
    args: ['--upstream', `main=${upstream.url}`],
    env: sink.env,
  })
  await requestOnce(sidecar.url('main'), { body: CALL })
  sidecar.signal('SIGTERM')
  const startedAt = performance.now()
  const { code } = await sidecar.finished(10_000)
  const took = performance.now() - startedAt
  assert.equal(code, 0)
  assert.ok(took < 3_000 + 1_500, `the end took ${took} ms with a flushTimeout of 3 s`)
})

test('a protocol or propagator that is not supported, or a file that is not there, refuses the start and says so', async () => {
  const upstream = await startRawUpstream()
  for (const [name, value, message] of [
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', /OTEL_EXPORTER_OTLP_PROTOCOL.*grpc.*http\/protobuf/],
    ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'grpc', /OTEL_EXPORTER_OTLP_TRACES_PROTOCOL.*grpc/],
    ['OTEL_PROPAGATORS', 'b3', /OTEL_PROPAGATORS.*"b3".*tracecontext/],
    ['OTEL_TRACES_EXPORTER', 'zipkin', /OTEL_TRACES_EXPORTER.*"zipkin".*otlp/],
    ['OTEL_CONFIG_FILE', 'otel.yaml', /OTEL_CONFIG_FILE: otel\.yaml: there is no such file/],
  ] as const) {
    const { code, stderr, stdout } = await runSidelight(
      ['run', '--upstream', upstream.url, '--listen', '127.0.0.1:0', '--admin', 'off'],
      { OTEL_TRACES_EXPORTER: 'otlp', OTEL_METRICS_EXPORTER: 'otlp', [name]: value },
    )
    assert.equal(code, 2, name)
    assert.match(stderr, message)
    assert.equal(stderr.trim().split('\n').length, 1, stderr)
    assert.equal(stdout, '')
  }
})
