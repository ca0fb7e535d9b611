/** After anything that can happen to an exchange, the next one finds the sidecar as it was. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JSON_HEADERS, RawClient, requestOnce } from '../support/raw-client.ts'
import {
  answerWell,
  freePort,
  startRawUpstream,
  type RawHandler,
  type Reply,
} from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const call = (id: string | number = 1): string =>
  `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"tools/call","params":{"name":"t"}}`

/** The ways in which an exchange can end, and what the upstream does in each. */
const ENDINGS: readonly (readonly [string, RawHandler])[] = [
  ['an answer', answerWell],
  ['a reset before the head', (_request, reply) => reply.socket.resetAndDestroy()],
  ['an end before the head', (_request, reply) => void reply.socket.end()],
  ['noise', (_request, reply) => reply.raw('noise\r\n\r\n')],
  [
    'a switch of protocols',
    (_request, reply) =>
      reply.raw('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
  ],
  [
    'a head that cannot be sent on',
    (_request, reply) => reply.raw('HTTP/1.1 200 \x01\r\nContent-Length: 2\r\n\r\n{}'),
  ],
  [
    'a status out of range',
    (_request, reply) => reply.raw('HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\n{}'),
  ],
  [
    'a body cut short',
    (_request, reply) => {
      reply.raw('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}')
      reply.socket.end()
    },
  ],
  [
    'a stream cut short',
    (_request, reply) => {
      reply.stream()
      reply.chunk('data: x')
      reply.socket.resetAndDestroy()
    },
  ],
  [
    'broken gzip',
    (_request, reply) =>
      reply.send({
        headers: ['Content-Type: application/json', 'Content-Encoding: gzip'],
        body: 'this is no gzip',
      }),
  ],
  [
    'an unknown coding',
    (_request, reply) =>
      reply.send({
        headers: ['Content-Type: application/json', 'Content-Encoding: rot13'],
        body: '{}',
      }),
  ],
  [
    'two codings',
    (_request, reply) =>
      reply.send({
        headers: ['Content-Type: application/json', 'Content-Encoding: gzip, br'],
        body: '{}',
      }),
  ],
  [
    'an empty stream',
    (_request, reply) => {
      reply.stream()
      reply.endStream()
    },
  ],
  [
    'two lengths',
    (_request, reply) =>
      reply.raw('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}'),
  ],
  [
    'a length that is none',
    (_request, reply) => reply.raw('HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}'),
  ],
  [
    'a 204 with a body',
    (_request, reply) => reply.raw('HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}'),
  ],
]

test('no way to end costs a place among limits.streams, nor leaves a call open', async () => {
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url, down: `http://127.0.0.1:${await freePort()}/mcp` },
    config: { limits: { streams: 1 } },
  })
  for (const [what, handler] of ENDINGS) {
    upstream.handle(handler)
    const client = await RawClient.open(sidecar.dataUrl)
    client.send({ path: '/main/mcp', body: call() })
    await waitFor(() => sidecar.recorder.open.length === 0 && sidecar.recorder.calls.length > 0, {
      within: SOON,
      what: `the call to be settled after ${what}`,
    })
    await waitFor(() => client.received.length > 0 || client.closed, {
      within: SOON,
      what: `the client to hear something after ${what}`,
    })
    client.close()
    await requestOnce(sidecar.url('down'), { body: call() })
    await assertWorks(sidecar, () => upstream.handle(answerWell), what)
  }
  for (const { endings, method } of sidecar.recorder.calls) assert.equal(endings, 1, method)
})

async function assertWorks(sidecar: TestSidecar, mend: () => void, after: string): Promise<void> {
  mend()
  const response = await requestOnce(sidecar.url('main'), { body: call('good') })
  assert.match(
    response.body.toString(),
    /"id":"good","result":\{"content":\[\{"type":"text","text":"done"/,
    after,
  )
  await waitFor(async () => (await sidecar.metrics()).sum('sidelight_exchanges_active') === 0, {
    within: SOON,
    what: `nothing to be under way after ${after}`,
  })
}

test('three hundred concurrent calls each get their own answer', async () => {
  const upstream = await startRawUpstream((request, reply) => {
    const { id } = request.json()
    // Answers leave in another order than calls came.
    setTimeout(() => reply.result({ content: [], echo: id }), Number(id) % 7)
  })
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, connections: 16 } },
  })
  const clients = await Promise.all(
    Array.from({ length: 30 }, () => RawClient.open(sidecar.dataUrl)),
  )
  await Promise.all(
    clients.map(async (client, lane) => {
      for (let turn = 0; turn < 10; turn += 1) {
        const id = lane * 10 + turn
        client.send({ path: '/main/mcp', body: call(id) })
        const response = await client.response()
        assert.deepEqual(response.json(), { jsonrpc: '2.0', id, result: { content: [], echo: id } })
      }
    }),
  )
  assert.equal(
    (await sidecar.metrics()).sum('sidelight_calls_total', { sidelight_outcome: 'ok' }),
    300,
  )
})

test('a request of 15 MiB arrives byte for byte', async () => {
  const upstream = await startRawUpstream((_request, reply) =>
    reply.send({ body: '{"jsonrpc":"2.0","id":1,"result":{}}' }),
  )
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    config: { telemetry: { propagateMeta: false } },
  })
  const body = call().replace(
    '"name"',
    `"arguments":{"x":"${'\u00e9y'.repeat(5 * 1024 * 1024)}"},"name"`,
  )
  const client = await RawClient.open(sidecar.dataUrl)
  client.send({ path: '/main/mcp', body })
  assert.equal((await client.response({ within: 20_000 })).status, 200)
  assert.ok((await upstream.request()).body.equals(Buffer.from(body)))
})

test('an upstream that answers before it has read the request is passed on', async () => {
  const upstream = await startRawUpstream(undefined, {
    onConnection: (socket) => {
      socket.once('data', () => {
        socket.write(
          'HTTP/1.1 413 Payload Too Large\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\ntoo big',
        )
        socket.resume()
      })
    },
  })
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
  const body = call().replace('"name"', `"arguments":{"x":"${'y'.repeat(4 * 1024 * 1024)}"},"name"`)
  const response = await requestOnce(sidecar.url('main'), { body })
  assert.equal(response.status, 413)
  assert.equal(response.body.toString(), 'too big')
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), {
    kind: 'upstream_status',
    status: 413,
  })
})

test("an upstream's wish to close its connection is not passed on", async () => {
  const upstream = await startRawUpstream((_request, reply) => {
    reply.raw('HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    reply.socket.end()
  })
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
  const client = await RawClient.open(sidecar.dataUrl)
  for (let i = 0; i < 3; i += 1) {
    client.send({
      path: '/main/mcp',
      body: '{"jsonrpc":"2.0","method":"notifications/initialized"}',
    })
    const response = await client.response()
    assert.equal(response.status, 202)
    assert.ok(!response.values('connection').includes('close'))
  }
})

test('an HTTP/1.0 client gets its answer unframed, ended by the connection', async () => {
  const upstream = await startRawUpstream((_request, reply) => {
    reply.stream()
    reply.event({ jsonrpc: '2.0', id: 1, result: {} })
    reply.endStream()
  })
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
  const client = await RawClient.open(sidecar.dataUrl)
  client.write(
    `POST /main/mcp HTTP/1.0\r\nHost: localhost\r\n${JSON_HEADERS.join('\r\n')}\r\nContent-Length: ${call().length}\r\n\r\n${call()}`,
  )
  const response = await client.response()
  assert.deepEqual(response.values('transfer-encoding'), [])
  assert.equal(response.body.toString(), 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n')
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'ok' })
})

test('requests to upgrade or to tunnel do not get past HTTP', async () => {
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
  const response = await requestOnce(sidecar.url('main'), {
    headers: [
      ...JSON_HEADERS,
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
    ],
    body: call(),
  })
  assert.equal(response.status, 200)
  const request = await upstream.request()
  for (const name of ['upgrade', 'http2-settings']) assert.deepEqual(request.values(name), [])
  const tunnel = await RawClient.open(sidecar.dataUrl)
  tunnel.write('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n')
  await tunnel.gone()
  assert.ok(!tunnel.received.includes(' 200 '))
  await assertWorks(sidecar, () => {}, 'CONNECT')
})

test('a name with several addresses is reached at the one that listens', async () => {
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: { main: `http://localhost:${upstream.port}/mcp` },
  })
  await assertWorks(sidecar, () => {}, 'the start')
})

/** A stream that can be resumed, closed before the answer. */
const suspend: RawHandler = (request, reply) => {
  if (request.method === 'GET') return reply.stream()
  reply.stream()
  reply.chunk('id: e-1\ndata:\n\n')
  reply.endStream()
}

const SESSION = (id: string): readonly string[] => [...JSON_HEADERS, `Mcp-Session-Id: ${id}`]

test('a suspended call that nobody resumes ends as closed after suspendedWait', async () => {
  const upstream = await startRawUpstream(suspend)
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    config: { limits: { suspendedWait: '300ms' } },
  })
  await requestOnce(sidecar.url('main'), { headers: SESSION('a'), body: call() })
  assert.equal(sidecar.recorder.calls[0]?.outcome, undefined)
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), {
    kind: 'upstream_failed',
    reason: 'closed',
    sent: true,
  })
})

test('a suspended call is settled by its own session alone, and a full table gives up its oldest', async () => {
  const streams: Reply[] = []
  const upstream = await startRawUpstream((request, reply) => {
    suspend(request, reply)
    if (request.method === 'GET') streams.push(reply)
  })
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    config: { limits: { suspendedCalls: 2 } },
  })
  for (const [session, id] of [
    ['a', 1],
    ['b', 1],
    ['b', 2],
  ] as const) {
    await requestOnce(sidecar.url('main'), { headers: SESSION(session), body: call(id) })
  }
  const outcomes = (): readonly (string | undefined)[] =>
    sidecar.recorder.calls.map(({ outcome }) => outcome?.kind)
  assert.deepEqual(outcomes(), ['upstream_failed', undefined, undefined])
  assert.equal(
    (await sidecar.metrics()).sum('sidelight_limit_hits_total', {
      sidelight_limit: 'suspended_calls',
    }),
    1,
  )
  for (const session of ['c', 'b']) {
    const client = await RawClient.open(sidecar.dataUrl)
    client.send({
      path: '/main/mcp',
      method: 'GET',
      headers: [...SESSION(session), 'Last-Event-ID: e-1'],
    })
    await client.head()
    streams.at(-1)?.event({ jsonrpc: '2.0', id: 2, result: { isError: session === 'b' } })
    await client.until('"id":2')
    if (session === 'c') assert.deepEqual(outcomes(), ['upstream_failed', undefined, undefined])
  }
  assert.deepEqual(outcomes(), ['upstream_failed', undefined, 'tool_error'])
  assert.deepEqual(upstream.requests.at(-1)?.values('last-event-id'), ['e-1'])
})
