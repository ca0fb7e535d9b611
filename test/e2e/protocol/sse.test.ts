/** HTTP+SSE of 2024-11-05: clients post to us, under our prefix, and hear from the upstream's stream. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import {
  CallToolResultSchema,
  CreateMessageRequestSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { linesWithout } from '../../support/http-message.ts'
import { call, result } from '../../support/link.ts'
import { startSseServer, type SseServer } from '../../support/mcp-server-sse.ts'
import { RawClient, requestOnce } from '../../support/raw-client.ts'
import { startRawUpstream, type RawUpstream, type Reply } from '../../support/raw-upstream.ts'
import { closeAfterTest } from '../../support/scope.ts'
import { startTestSidecar, type TestSidecar } from '../../support/test-sidecar.ts'
import { bounded, signal, SOON, waitFor } from '../../support/wait-for.ts'

const SILENT = { telemetry: { propagateMeta: false, propagateHeaders: false } }
const OWN_HEADERS = ['host', 'content-length', 'connection', 'transfer-encoding', 'keep-alive']

async function connect(
  sidecar: TestSidecar,
  authorization?: string,
): Promise<{ client: Client; transport: SSEClientTransport }> {
  const client = new Client({ name: 'near', version: '1.0.0' }, { capabilities: { sampling: {} } })
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    model: 'none',
    role: 'assistant',
    content: { type: 'text', text: 'forty-two' },
  }))
  const headers: Record<string, string> =
    authorization === undefined ? {} : { Authorization: authorization }
  // oxlint-disable-next-line typescript/no-deprecated -- the old transport is what is tested
  const transport = new SSEClientTransport(new URL(`${sidecar.dataUrl}/main/sse`), {
    requestInit: { headers },
    eventSourceInit: {
      fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } }),
    },
  })
  closeAfterTest(() => client.close())
  await client.connect(transport)
  return { client, transport }
}

async function scene(): Promise<{ server: SseServer; sidecar: TestSidecar }> {
  const server = await startSseServer()
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: server.url, transport: 'sse' } },
  })
  return { server, sidecar }
}

test('case 48: the official client calls tools on the official server over HTTP+SSE, and every call has its outcome', async () => {
  const { sidecar } = await scene()
  const { client } = await connect(sidecar)
  const { tools } = await client.listTools()
  assert.deepEqual(
    tools.map(({ name }) => name),
    ['echo', 'fail', 'progress', 'sample', 'wait'],
  )
  const echo = await client.callTool({ name: 'echo', arguments: { text: 'é😀 \u2028' } })
  assert.deepEqual(echo['content'], [{ type: 'text', text: 'é😀 \u2028' }])
  assert.equal((await client.callTool({ name: 'fail' }))['isError'], true)
  const seen: number[] = []
  await client.callTool({ name: 'progress' }, CallToolResultSchema, {
    onprogress: ({ progress }) => void seen.push(progress),
  })
  assert.deepEqual(seen, [1, 2, 3])
  const sampled = await client.callTool({ name: 'sample' })
  assert.match(JSON.stringify(sampled['content']), /sampled .*forty-two/)
  const { recorder } = sidecar
  for (const [tool, kind] of [
    ['echo', 'ok'],
    ['fail', 'tool_error'],
    ['progress', 'ok'],
    ['sample', 'ok'],
  ]) {
    assert.deepEqual(await recorder.outcomeOf('tools/call', tool), { kind })
  }
  assert.deepEqual(await recorder.outcomeOf('initialize'), { kind: 'ok' })
  assert.deepEqual(await recorder.outcomeOf('tools/list'), { kind: 'ok' })
  assert.deepEqual(recorder.open, [])
  for (const { endings, method } of recorder.calls) assert.equal(endings, 1, method)
})

test('case 48: what a server says of its own accord comes on the stream, and its end ends the session', async () => {
  const { server, sidecar } = await scene()
  const { client } = await connect(sidecar)
  const heard = signal()
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => heard.resolve())
  server.announceTools()
  await bounded(heard.promise, { within: SOON, what: 'the notification' })
  assert.equal((await sidecar.metrics()).sum('sidelight_sessions_active'), 1)
  await client.close()
  await waitFor(() => server.sessions === 0, { within: SOON, what: 'the stream to close' })
  assert.deepEqual(await sidecar.recorder.exchangeOutcome('stream'), { kind: 'cancelled' })
  assert.equal((await sidecar.metrics()).sum('sidelight_sessions_active'), 0)
})

test('case 48: a call under way when its stream breaks has failed, and its client knows', async () => {
  const { server, sidecar } = await scene()
  const { client } = await connect(sidecar)
  const call_ = client.callTool({ name: 'wait' })
  const failed = assert.rejects(call_)
  await waitFor(() => sidecar.recorder.of('tools/call').length === 1, {
    within: SOON,
    what: 'the call',
  })
  await server.close()
  await client.close()
  await failed
  const outcome = await sidecar.recorder.outcomeOf('tools/call', 'wait')
  assert.ok(['upstream_failed', 'cancelled'].includes(outcome.kind), outcome.kind)
})

interface Streaming {
  readonly upstream: RawUpstream
  readonly sidecar: TestSidecar
  /** The client's stream. */
  readonly client: RawClient
  /** The upstream's end of it. */
  readonly stream: Reply
}

/** Opens a stream between bare sockets; the upstream has said nothing on it yet. */
async function streaming(headers: readonly string[] = []): Promise<Streaming> {
  const streams: Reply[] = []
  const upstream = await startRawUpstream((asked, reply) => {
    if (asked.method === 'POST') {
      return reply.send({ status: '202 Accepted', headers: ['X-A: b'], body: 'Accepted' })
    }
    streams.push(reply)
    reply.stream(['X-Own: yes'])
  })
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url.replace('/mcp', '/base/sse?k=v'), transport: 'sse' } },
    config: SILENT,
  })
  const client = await RawClient.open(sidecar.dataUrl)
  client.send({
    method: 'GET',
    path: '/main/sse',
    headers: ['Accept: text/event-stream', ...headers],
  })
  assert.equal((await client.head()).startLine, 'HTTP/1.1 200 OK')
  const [stream] = streams
  assert.ok(stream !== undefined)
  return { upstream, sidecar, client, stream }
}

/** Where the client is told to post; the chunk's framing is left out. */
async function endpointOf(client: RawClient): Promise<string> {
  const bytes = Buffer.concat([await client.until('sessionId='), await client.until('\n\n')])
  const match = /event: endpoint\ndata: (\/main\/message\?sessionId=[\w-]{22,})\n\n$/.exec(
    bytes.toString(),
  )
  assert.ok(match !== null, bytes.toString())
  return match[1] ?? ''
}

for (const [what, spelled] of [
  ['a path', 'event: endpoint\ndata: /base/messages?sessionId=up&x=%20\n\n'],
  [
    'a whole URL, with CRLF',
    'event:endpoint\r\ndata:{origin}/base/messages?sessionId=up&x=%20\r\n\r\n',
  ],
  [
    'a relative path after a comment',
    ': hi\n\nevent: endpoint\ndata: messages?sessionId=up&x=%20\n\n',
  ],
]) {
  test(`case 48: an endpoint that is ${what} becomes ours, and messages posted there reach it`, async () => {
    const { upstream, sidecar, client, stream } = await streaming()
    assert.equal(upstream.requests[0]?.target, '/base/sse?k=v')
    const bytes = (spelled ?? '').replace('{origin}', new URL(upstream.url).origin)
    for (const byte of Buffer.from(bytes)) stream.chunk(Buffer.from([byte]))
    const endpoint = await endpointOf(client)
    const headers = ['Content-Type: application/json', 'X-Mine: 1']
    const posted = await requestOnce(sidecar.dataUrl + endpoint, { headers, body: call('1') })
    assert.equal(posted.startLine, 'HTTP/1.1 202 Accepted')
    assert.equal(posted.body.toString(), 'Accepted')
    assert.deepEqual(posted.values('x-a'), ['b'])
    const arrived = upstream.requests[1]
    assert.equal(arrived?.target, '/base/messages?sessionId=up&x=%20')
    assert.equal(arrived?.body.toString(), call('1'))
    assert.deepEqual(linesWithout(arrived?.rawHeaders ?? [], OWN_HEADERS), headers)
    // What follows passes byte for byte, even what looks like another endpoint.
    const rest = `: x\nid: 7\nevent: message\ndata: ${result('1', '{"n":1.0}')}\n\nevent: endpoint\ndata: /x\n\n`
    stream.chunk(rest)
    await client.until(rest)
    assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'ok' })
  })
}

for (const address of [
  'https://evil.example/messages',
  '//evil.example/x',
  'http://[',
  'file:///etc',
]) {
  test(`case 48: an endpoint of another origin, ${address}, is never told nor used`, async () => {
    const { client, stream, sidecar } = await streaming()
    stream.chunk(`event: endpoint\ndata: ${address}\n\n`)
    // A stream that nobody can post to is of no use: it breaks, so that its client knows.
    await client.gone()
    await waitFor(() => stream.socket.destroyed, {
      within: SOON,
      what: 'the stream to be given up',
    })
    assert.doesNotMatch(client.received.toString(), /evil|etc|sessionId|endpoint/)
    const guessed = await requestOnce(`${sidecar.dataUrl}/main/message?sessionId=guess`, {
      body: call('1'),
    })
    assert.equal(guessed.status, 404)
  })
}

test('case 48: two streams have two sessions, and an answer comes on its own', async () => {
  const replies: Reply[] = []
  const upstream = await startRawUpstream((asked, reply) => {
    if (asked.method === 'POST') return reply.send({ status: '202 Accepted', headers: [] })
    replies.push(reply)
    reply.stream()
    reply.chunk(`event: endpoint\ndata: /messages?sessionId=${replies.length}\n\n`)
  })
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, transport: 'sse' } },
    config: SILENT,
  })
  const clients: RawClient[] = []
  for (const expected of ['/messages?sessionId=1', '/messages?sessionId=2']) {
    const client = await RawClient.open(sidecar.dataUrl)
    client.send({ method: 'GET', path: '/main/sse', headers: [] })
    await client.head()
    const endpoint = await endpointOf(client)
    await requestOnce(sidecar.dataUrl + endpoint, { body: call('1') })
    assert.equal(upstream.requests.at(-1)?.target, expected)
    clients.push(client)
  }
  replies[1]?.chunk(`data: ${result('1', '{"isError":true}')}\n\n`)
  await clients[1]?.until('"isError":true')
  replies[0]?.chunk(`data: ${result('1')}\n\n`)
  const first = await clients[0]?.until(result('1'))
  assert.doesNotMatch(first?.toString() ?? '', /isError/)
  await waitFor(() => sidecar.recorder.open.length === 0, { within: SOON, what: 'both outcomes' })
  assert.deepEqual(
    sidecar.recorder.of('tools/call').map(({ outcome }) => outcome?.kind),
    ['ok', 'tool_error'],
  )
})

/** An unsigned token whose subject is the principal. */
function tokenOf(subject: string): string {
  const payload = Buffer.from(JSON.stringify({ iss: 'https://as.example', sub: subject }))
  return `Bearer e30.${payload.toString('base64url')}.c2ln`
}

test("case 49: another principal's stream cannot be posted to (SSE→SSE)", async () => {
  const { upstream, sidecar, client, stream } = await streaming([
    `Authorization: ${tokenOf('ada')}`,
  ])
  stream.chunk('event: endpoint\ndata: /base/messages\n\n')
  const url = sidecar.dataUrl + (await endpointOf(client))
  for (const own of [[`Authorization: ${tokenOf('eve')}`], []]) {
    const headers = ['Content-Type: application/json', ...own]
    const refused = await requestOnce(url, { headers, body: call('1') })
    assert.equal(refused.status, 404)
    assert.match(refused.body.toString(), /"error":\{"code":-32001,/)
  }
  assert.equal(upstream.requests.length, 1)
  const headers = ['Content-Type: application/json', `Authorization: ${tokenOf('ada')}`]
  assert.equal((await requestOnce(url, { headers, body: call('1') })).status, 202)
  assert.deepEqual(upstream.requests[1]?.values('authorization'), [tokenOf('ada')])
})

test('case 49: the official client keeps its session with its own token (SSE→SSE)', async () => {
  const { server, sidecar } = await scene()
  const { client } = await connect(sidecar, tokenOf('ada'))
  await client.callTool({ name: 'echo', arguments: { text: 'x' } })
  assert.deepEqual([...new Set(server.credentials)], [tokenOf('ada')])
})

test('case 48: methods that the endpoints do not have are answered 405', async () => {
  const { sidecar } = await scene()
  for (const [method, path] of [
    ['POST', '/main/sse'],
    ['DELETE', '/main/sse'],
    ['GET', '/main/message?sessionId=x'],
  ]) {
    const body = method === 'POST' ? call('1') : ''
    const response = await requestOnce(sidecar.dataUrl + path, { method: method ?? '', body })
    assert.equal(response.status, 405, `${method} ${path}`)
  }
})
