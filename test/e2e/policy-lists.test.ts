/** Lists as clients see them under a policy: without what they may not use, and otherwise as they were. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { startSseServer } from '../support/mcp-server-sse.ts'
import { startV1Server } from '../support/mcp-server-v1.ts'
import { startV2Server } from '../support/mcp-server-v2.ts'
import { JSON_HEADERS, RawClient, requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type RawHandler } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { waitFor, SOON } from '../support/wait-for.ts'

/** Everybody has these rights. */
function policy(
  rules: { readonly allow: readonly unknown[]; readonly deny?: readonly unknown[] },
  more: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return { policy: { ...more, roles: { anonymous: rules } } }
}

const FEW = policy({
  allow: ['main:echo', 'main:p*', 'main:prompt/greet', 'main:resource/test://fixed'],
})

function names(list: readonly { readonly name: string }[]): string[] {
  return list.map(({ name }) => name)
}

async function connectV1(transport: TransportV1 | SSEClientTransport): Promise<ClientV1> {
  const client = new ClientV1({ name: 'test', version: '1.0.0' })
  closeAfterTest(() => client.close())
  await client.connect(transport)
  return client
}

for (const json of [true, false]) {
  test(`a session client sees only its tools, prompts and resources, in ${json ? 'JSON' : 'event streams'}`, async () => {
    const server = await startV1Server({ json })
    const sidecar = await startTestSidecar({ upstreams: { main: server.url }, config: FEW })
    const client = await connectV1(new TransportV1(new URL(sidecar.url('main'))))
    assert.deepEqual(names((await client.listTools()).tools), ['echo', 'progress'])
    assert.deepEqual(names((await client.listPrompts()).prompts), ['greet'])
    const { resources } = await client.listResources()
    assert.deepEqual(
      resources.map(({ uri }) => uri),
      ['test://fixed'],
    )
    assert.deepEqual((await client.listResourceTemplates()).resourceTemplates, [])
    const called = await client.callTool({ name: 'echo', arguments: { text: 'hi' } })
    assert.deepEqual(called.content, [{ type: 'text', text: 'hi' }])
    const refused = await client.callTool({ name: 'fail' })
    assert.equal(refused.isError, true)
    assert.match(JSON.stringify(refused.content), /does not allow the tool .{1,2}fail/)
  })
}

test('a stateless client sees only its tools, and may keep the list for itself alone', async () => {
  const server = await startV2Server({ modernOnly: true })
  const sidecar = await startTestSidecar({ upstreams: { main: server.url }, config: FEW })
  const client = new ClientV2(
    { name: 'test', version: '2.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  )
  closeAfterTest(() => client.close())
  await client.connect(new TransportV2(new URL(sidecar.url('main'))))
  assert.deepEqual(names((await client.listTools()).tools), ['echo', 'progress'])
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/list',
    params: {
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  })
  const headers = [...JSON_HEADERS, 'MCP-Protocol-Version: 2026-07-28', 'Mcp-Method: tools/list']
  const { body: reply } = await requestOnce(sidecar.url('main'), { headers, body })
  assert.match(reply.toString('utf8'), /"cacheScope":"private"/)
  assert.doesNotMatch(reply.toString('utf8'), /"fail"/)
})

test('a client of HTTP+SSE sees only its tools, on the stream of its session', async () => {
  const server = await startSseServer()
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: server.url, transport: 'sse' } },
    config: policy({ allow: ['main:echo'] }),
  })
  // oxlint-disable-next-line typescript/no-deprecated -- the old transport is what is tested
  const client = await connectV1(new SSEClientTransport(new URL(`${sidecar.dataUrl}/main/sse`)))
  assert.deepEqual(names((await client.listTools()).tools), ['echo'])
  await assert.rejects(client.callTool({ name: 'fail' }), /403/)
  const called = await client.callTool({ name: 'echo', arguments: { text: 'hi' } })
  assert.deepEqual(called.content, [{ type: 'text', text: 'hi' }])
})

test('a client of a stdio server sees only its tools', async () => {
  const command = [process.execPath, 'test/support/stdio-server-v1.ts']
  const sidecar = await startTestSidecar({
    upstreams: { main: { command } },
    config: policy({ allow: ['main:*'], deny: ['main:crash', 'main:*e*'] }),
  })
  const client = await connectV1(new TransportV1(new URL(sidecar.url('main'))))
  assert.deepEqual(names((await client.listTools()).tools), [
    'fail',
    'wait',
    'ask',
    'log',
    'pid',
    'count',
  ])
})

const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
const BEFORE =
  '{"jsonrpc":"2.0", "id":1,"result":{"tools":[ {"name":"secret","x":1.0},{"name":"ok","x":1.0}\n],"nextCursor":"2","y":1e3}}'
const AFTER =
  '{"jsonrpc":"2.0", "id":1,"result":{"tools":[ {"name":"ok","x":1.0}\n],"nextCursor":"2","y":1e3}}'

const OK_ONLY = policy({ allow: ['main:ok'] })

async function rawSidecar(
  handler: RawHandler,
  config: Readonly<Record<string, unknown>> = OK_ONLY,
): Promise<{ sidecar: TestSidecar; upstream: Awaited<ReturnType<typeof startRawUpstream>> }> {
  const upstream = await startRawUpstream(handler)
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url }, config })
  return { sidecar, upstream }
}

test('a list keeps every byte but those of the entries that are hidden, and its cursor', async () => {
  const { sidecar } = await rawSidecar((_request, reply) => reply.send({ body: BEFORE }))
  const reply = await requestOnce(sidecar.url('main'), { body: LIST })
  assert.equal(reply.body.toString('utf8'), AFTER)
  assert.deepEqual(reply.values('content-length'), [String(AFTER.length)])
})

test('an upstream is asked not to compress a list, and may compress everything else', async () => {
  const { sidecar, upstream } = await rawSidecar((request, reply) =>
    request.json()['method'] === 'tools/list' ? reply.send({ body: BEFORE }) : reply.result({}),
  )
  const headers = [...JSON_HEADERS, 'Accept-Encoding: gzip']
  await requestOnce(sidecar.url('main'), { headers, body: LIST })
  const call = '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"ok"}}'
  await requestOnce(sidecar.url('main'), { headers, body: call })
  const encodings = upstream.requests.map((request) => request.values('accept-encoding'))
  assert.deepEqual(encodings, [[], ['gzip']])
})

test('a list that is compressed all the same is filtered too', async () => {
  const headers = ['Content-Type: application/json', 'Content-Encoding: gzip', 'ETag: "1"']
  const { sidecar } = await rawSidecar((_request, reply) =>
    reply.send({ headers, body: gzipSync(BEFORE) }),
  )
  const reply = await requestOnce(sidecar.url('main'), { body: LIST })
  assert.equal(reply.body.toString('utf8'), AFTER)
  assert.deepEqual([reply.values('content-encoding'), reply.values('etag')], [[], []])
})

test('a compressed event stream with a list is filtered too', async () => {
  const events = `data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\nid: 1\ndata: ${BEFORE.replace('\n', ' ')}\n\n`
  const { sidecar } = await rawSidecar((_request, reply) => {
    reply.stream(['Content-Encoding: gzip'])
    reply.chunk(gzipSync(events))
    reply.endStream()
  })
  const reply = await requestOnce(sidecar.url('main'), { body: LIST })
  assert.equal(reply.body.toString('utf8'), events.replace(' {"name":"secret","x":1.0},', ' '))
})

test('a list that comes on another stream of the session is filtered there', async () => {
  const { sidecar, upstream } = await rawSidecar((request, reply) => {
    if (request.method !== 'GET') return
    reply.stream()
    reply.event({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    reply.chunk(`id: 7\ndata: ${BEFORE.replace('\n', '')}\n\n`)
  })
  const client = await RawClient.open(sidecar.dataUrl)
  const headers = ['Accept: text/event-stream', 'Mcp-Session-Id: s', 'Last-Event-ID: 3']
  client.send({ method: 'GET', path: '/main/mcp', headers })
  const got = await client.until('"nextCursor"')
  assert.match(got.toString('utf8'), /list_changed/)
  assert.doesNotMatch(got.toString('utf8'), /secret/)
  assert.deepEqual(upstream.requests[0]?.values('last-event-id'), ['3'])
})

test('each event of a stream goes on as it comes, also where lists are filtered', async () => {
  const { sidecar, upstream } = await rawSidecar(() => {})
  const client = await RawClient.open(sidecar.dataUrl)
  const told: { event?: (message: unknown) => void } = {}
  upstream.handle((_request, reply) => {
    reply.stream()
    told.event = (message) => reply.event(message)
  })
  client.send({
    method: 'GET',
    path: '/main/mcp',
    headers: ['Accept: text/event-stream', 'Mcp-Session-Id: s'],
  })
  await client.head()
  for (let n = 0; n < 5; n += 1) {
    told.event?.({ jsonrpc: '2.0', method: 'notifications/message', params: { n } })
    await client.until(`"n":${n}`)
  }
})

test('a list that is too large is refused whole, and nothing of it is seen', async () => {
  const large = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    result: { tools: [{ name: 'secret', description: 'x'.repeat(4_000) }] },
  })
  const config = policy({ allow: ['main:ok'] }, { listBytes: '2KiB' })
  const { sidecar } = await rawSidecar((_request, reply) => reply.send({ body: large }), config)
  const reply = await requestOnce(sidecar.url('main'), { body: LIST })
  const text = reply.body.toString('utf8')
  assert.match(text, /"code":1015/)
  assert.doesNotMatch(text, /secret/)
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/list'), {
    kind: 'upstream_failed',
    reason: 'bad_message',
    sent: true,
  })
  assert.deepEqual(sidecar.recorder.limits, ['lists'])
})

test('an event that is too large ends its stream, and nothing of it is seen', async () => {
  const config = policy({ allow: ['main:ok'] }, { listBytes: '2KiB' })
  const { sidecar } = await rawSidecar((_request, reply) => {
    reply.stream()
    reply.chunk(`data: ${JSON.stringify({ id: 1, result: { tools: [{ name: 'secret' }] } })}`)
    reply.chunk(' '.repeat(4_000))
  }, config)
  const client = await RawClient.open(sidecar.dataUrl)
  client.send({ path: '/main/mcp', body: LIST })
  await client.gone()
  assert.doesNotMatch(client.received.toString('utf8'), /secret/)
})

test('a list that cannot be read is not passed on', async () => {
  const bodies: readonly [contentType: string, body: string][] = [
    ['application/json', BEFORE.slice(0, 60)],
    ['application/json', `${BEFORE}${BEFORE}`],
    ['text/plain', BEFORE],
  ]
  for (const [contentType, body] of bodies) {
    const { sidecar } = await rawSidecar((_request, reply) =>
      reply.send({ headers: [`Content-Type: ${contentType}`], body }),
    )
    const reply = await requestOnce(sidecar.url('main'), { body: LIST })
    assert.doesNotMatch(reply.body.toString('utf8'), /secret/, body)
    assert.match(reply.body.toString('utf8'), /"code":1015/)
  }
})

test('an error in reply to a list is passed on as it is', async () => {
  const body = '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no  tools"}}'
  const { sidecar } = await rawSidecar((_request, reply) => reply.send({ body }))
  const reply = await requestOnce(sidecar.url('main'), { body: LIST })
  assert.equal(reply.body.toString('utf8'), body)
})

test('what observes a list sees all of it, so it does not change with who asks', async () => {
  const { sidecar } = await rawSidecar((_request, reply) =>
    reply.result({ tools: [{ name: 'ok' }, { name: 'secret' }] }),
  )
  await requestOnce(sidecar.url('main'), { body: LIST })
  await waitFor(async () => (await sidecar.metrics()).sum('sidelight_catalogue_tools') === 2, {
    within: SOON,
    what: 'both tools in the catalogue',
  })
})

test('nothing is hidden in a dry run', async () => {
  const config = policy({ allow: ['main:ok'] }, { mode: 'dry_run' })
  const { sidecar } = await rawSidecar((_request, reply) => reply.send({ body: BEFORE }), config)
  const reply = await requestOnce(sidecar.url('main'), { body: LIST })
  assert.equal(reply.body.toString('utf8'), BEFORE)
})
