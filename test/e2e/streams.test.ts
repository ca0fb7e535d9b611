/** Streams: nothing is held back, nothing piles up, and whoever leaves is noticed. */

import assert from 'node:assert/strict'
import diagnostics from 'node:diagnostics_channel'
import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, Socket } from 'node:net'
import { test } from 'node:test'
import { startHttpUpstream } from '../support/http-upstream.ts'
import { RawClient } from '../support/raw-client.ts'
import { startRawUpstream, type RawUpstream, type Reply } from '../support/raw-upstream.ts'
import { startSidecarProcess } from '../support/sidecar-process.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { bounded, signal, SOON, waitFor } from '../support/wait-for.ts'

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}'
const RESULT = { jsonrpc: '2.0', id: 1, result: { content: [] } }

interface Streaming {
  readonly sidecar: TestSidecar
  readonly upstream: RawUpstream
  readonly client: RawClient
  /** The reply under way at the upstream. */
  readonly reply: Reply
}

/** Sends a request and hands the test the open ends at the client and at the upstream. */
async function streaming(
  request: {
    readonly method?: string
    readonly body?: string
    readonly headers?: readonly string[]
  },
  work: (parts: Streaming) => Promise<void>,
  config: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const replied = signal<Reply>()
  const upstream = await startRawUpstream((_request, reply) => replied.resolve(reply))
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url }, config })
  const client = await RawClient.open(sidecar.dataUrl)
  client.send({ path: '/main/mcp', ...request })
  const reply = await bounded(replied.promise, { within: SOON, what: 'the upstream to be asked' })
  await work({ sidecar, upstream, client, reply })
}

const GET = { method: 'GET', headers: ['Accept: text/event-stream', 'Mcp-Session-Id: s'] }

test('each event reaches the client before the upstream sends the next one', async () => {
  await streaming({ body: CALL }, async ({ client, reply, sidecar }) => {
    reply.stream()
    await client.head()
    for (let progress = 0; progress < 20; progress += 1) {
      const event = { jsonrpc: '2.0', method: 'notifications/progress', params: { progress } }
      reply.event(event)
      await client.until(`data: ${JSON.stringify(event)}\n\n`)
    }
    reply.event(RESULT)
    await client.until(JSON.stringify(RESULT))
    assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'ok' })
    reply.endStream()
    await client.until('0\r\n\r\n')
  })
})

test('the head of a reply arrives before the first byte of its body', async () => {
  for (const request of [{ body: CALL }, GET]) {
    await streaming(request, async ({ client, reply }) => {
      const sentAt = performance.now()
      reply.stream(['X-Accel-Buffering: no'])
      const head = await client.head()
      assert.equal(head.startLine, 'HTTP/1.1 200 OK')
      assert.ok(performance.now() - sentAt < 500)
      assert.equal(client.received.length, 0)
    })
  }
  await streaming({ body: CALL }, async ({ client, reply }) => {
    const body = JSON.stringify(RESULT)
    reply.raw(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
    )
    await client.head()
    reply.raw(body.slice(0, 10))
    await client.until(body.slice(0, 10))
    reply.raw(body.slice(10))
    await client.until(body.slice(10))
  })
})

test('comments, ids, retry fields, priming events and every kind of line end pass byte for byte', async () => {
  const bytes = Buffer.from(
    [
      '\uFEFFid: p-1\ndata:\n\n',
      ': keepalive\n\n',
      'retry: 1500\r\nid: e-2\r\nevent: message\r\ndata: {"jsonrpc":"2.0",\r\ndata: "method":"notifications/progress"}\r\n\r\n',
      'event: ping\rdata: x\r\r',
      `id: e-3\ndata: ${JSON.stringify(RESULT)}\n\n`,
    ].join(''),
  )
  await streaming({ body: CALL }, async ({ client, reply, sidecar }) => {
    reply.stream()
    // One byte at a time: line ends, fields and characters are cut in every place.
    for (const byte of bytes) reply.chunk(Buffer.from([byte]))
    reply.endStream()
    const response = await client.response()
    assert.deepEqual(response.body, bytes)
    assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'ok' })
  })
})

test('characters that are cut between chunks arrive whole', async () => {
  const text = `data: {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"é😀漢\u2028"}],"isError":true}}\n\n`
  const bytes = Buffer.from(text)
  await streaming({ body: CALL }, async ({ client, reply, sidecar }) => {
    reply.stream()
    for (let at = 0; at < bytes.length; at += 3) reply.chunk(bytes.subarray(at, at + 3))
    reply.endStream()
    assert.equal((await client.response()).body.toString(), text)
    assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'tool_error' })
  })
})

test('a single event of 10 MiB passes, and its outcome is read', async () => {
  const text = 'a"b\\'.repeat((10 * 1024 * 1024) / 4)
  const message = {
    jsonrpc: '2.0',
    id: 1,
    result: { content: [{ type: 'text', text }], isError: true },
  }
  const sent = Buffer.from(`data: ${JSON.stringify(message)}\n\n`)
  const upstream = await startHttpUpstream((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.end(sent)
  })
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
  const response = await fetch(sidecar.url('main'), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: CALL,
  })
  const body = Buffer.from(await response.arrayBuffer())
  assert.equal(digest(body), digest(sent))
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'tool_error' })
})

test('large replies arrive byte for byte, beside others whose clients do not read', async () => {
  const bodies = Array.from({ length: 6 }, (_, index) => {
    const text = randomBytes(index % 2 === 0 ? 9_000_000 : 3_000_000).toString('base64')
    return JSON.stringify({ ...RESULT, result: { content: [{ type: 'text', text }] } })
  })
  const upstream = await startHttpUpstream((request, response) => {
    const body = bodies[Number(request.headers['x-index'])] ?? ''
    const length = request.headers['x-index'] === '3' ? {} : { 'Content-Length': body.length }
    response.writeHead(200, { 'Content-Type': 'application/json', ...length })
    response.end(body)
  })
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
  const responses = await Promise.all(
    bodies.map((_, index) => {
      const headers = { 'Content-Type': 'application/json', 'X-Index': String(index) }
      const request = httpRequest(sidecar.url('main'), { method: 'POST', headers }).end(CALL)
      return new Promise<IncomingMessage>((resolve) => request.once('response', resolve))
    }),
  )
  const read = async (index: number): Promise<void> => {
    const hash = createHash('sha256')
    for await (const chunk of responses[index] ?? []) hash.update(chunk)
    assert.equal(hash.digest('hex'), digest(Buffer.from(bodies[index] ?? '')), `reply ${index}`)
  }
  await Promise.all([read(1), read(3), read(5)])
  await Promise.all([read(0), read(2), read(4)])
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'ok' })
})

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

test('two streams of one session with the same request id do not mix', async () => {
  const replies: Reply[] = []
  const upstream = await startRawUpstream((_request, reply) => {
    replies.push(reply)
    reply.stream()
  })
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
  const clients = [await RawClient.open(sidecar.dataUrl), await RawClient.open(sidecar.dataUrl)]
  const headers = ['Content-Type: application/json', 'Mcp-Session-Id: shared']
  for (const [index, client] of clients.entries()) {
    client.send({ path: '/main/mcp', headers, body: CALL })
    await waitFor(() => replies.length === index + 1, { within: SOON, what: 'the stream' })
  }
  for (const [index, reply] of replies.entries()) {
    reply.event({ ...RESULT, result: { content: [], isError: index === 1 } })
    reply.endStream()
  }
  for (const [index, client] of clients.entries()) {
    const { body } = await client.response()
    assert.match(body.toString(), new RegExp(`"isError":${index === 1}`))
  }
  assert.deepEqual(
    sidecar.recorder.calls.map((call) => call.outcome?.kind),
    ['ok', 'tool_error'],
  )
})

test('a silent stream has no timer over it, in either direction', async () => {
  const sockets: Socket[] = []
  const onSocket = (message: unknown): void => {
    if (typeof message !== 'object' || message === null || !('socket' in message)) return
    if (message.socket instanceof Socket) sockets.push(message.socket)
  }
  diagnostics.subscribe('net.client.socket', onSocket)
  try {
    for (const request of [GET, { body: CALL }]) {
      const upstream = await startRawUpstream((_request, reply) => reply.stream())
      const sidecar = await startTestSidecar({
        upstreams: { main: upstream.url },
        config: { limits: { requestTimeout: '200ms' } },
      })
      const client = await RawClient.open(sidecar.dataUrl)
      client.send({ path: '/main/mcp', ...request })
      await client.head()
      const ours = sockets.filter(({ remotePort }) => remotePort === upstream.port)
      assert.ok(ours.length > 0, 'no connection to the upstream was seen')
      for (const { timeout } of ours) assert.equal(timeout ?? 0, 0)
    }
  } finally {
    diagnostics.unsubscribe('net.client.socket', onSocket)
  }
})

test('a stream that is silent for six seconds goes on as if nothing had been', async () => {
  await streaming(
    GET,
    async ({ client, reply, sidecar }) => {
      reply.stream()
      await client.head()
      // Time itself is the subject: longer than the idle limits of the pool and of Node's
      // server, and many times the limit on requests.
      await new Promise((resolve) => setTimeout(resolve, 6_000))
      assert.equal(client.closed, false)
      reply.event({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
      await client.until('list_changed')
      assert.equal(sidecar.recorder.exchanges.length, 0)
    },
    { limits: { requestTimeout: '500ms' } },
  )
})

/** Reads the resident memory of a process in MiB. */
async function rssMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

const BIG = 50 * 1024 * 1024

/** A 50 MiB answer, as JSON and as an event, written as fast as the reader lets it. */
const BIG_ANSWERS = [
  { type: 'application/json', prefix: '', suffix: '' },
  { type: 'text/event-stream', prefix: 'data: ', suffix: '\n\n' },
]

for (const { type, prefix, suffix } of BIG_ANSWERS) {
  test(
    `a slow reader of 50 MiB of ${type} holds the upstream back, and memory stays bounded`,
    { skip: process.platform !== 'linux' },
    async () => {
      const piece = Buffer.alloc(64 * 1024, 'x')
      let written = 0
      let stalled = false
      const produce = (response: ServerResponse): void => {
        while (written < BIG) {
          written += piece.length
          if (!response.write(piece)) {
            stalled = true
            response.once('drain', () => {
              stalled = false
              produce(response)
            })
            return
          }
        }
        response.end(`"}]}}${suffix}`)
      }
      const upstream = await startHttpUpstream((_request, response) => {
        response.writeHead(200, { 'Content-Type': type })
        response.write(
          `${prefix}{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"`,
        )
        produce(response)
      })
      const sidecar = await startSidecarProcess({ args: ['--upstream', `main=${upstream.url}`] })
      const { port } = new URL(sidecar.dataUrl)
      const socket = connect(Number(port), '127.0.0.1')
      const before = await rssMiB(sidecar.pid)
      socket.write(
        `POST /main/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${CALL.length}\r\n\r\n${CALL}`,
      )
      socket.pause()
      // Nothing is read: everything between must fill up, and then the upstream must wait.
      let seen = -1
      let since = performance.now()
      await waitFor(
        () => {
          if (written !== seen || !stalled) {
            seen = written
            since = performance.now()
          }
          return written > 0 && performance.now() - since > 500
        },
        { within: 20_000, what: 'the upstream to be held back' },
      )
      assert.ok(written < BIG / 2, `${written} bytes were taken from the upstream`)
      const held = (await rssMiB(sidecar.pid)) - before
      assert.ok(held < 30, `${held} MiB are held for a reader that reads nothing`)
      const reader = { bytes: 0, peakMiB: 0 }
      socket.on('data', (chunk: Buffer) => {
        reader.bytes += chunk.length
      })
      socket.resume()
      await waitFor(
        async () => {
          reader.peakMiB = Math.max(reader.peakMiB, await rssMiB(sidecar.pid))
          return reader.bytes >= BIG
        },
        { within: 20_000, what: 'the whole answer' },
      )
      // Passing at full speed leaves garbage, but never the whole answer twice.
      assert.ok(reader.peakMiB - before < 100, `from ${before} to ${reader.peakMiB} MiB`)
      const metrics = await waitFor(
        async () => {
          const now = await sidecar.metrics()
          return now.sum('sidelight_calls_total', { sidelight_outcome: 'ok' }) === 1 && now
        },
        { within: SOON, what: 'the outcome of the call' },
      )
      assert.equal(metrics.sum('sidelight_calls_total'), 1)
      socket.destroy()
    },
  )
}

/** What each request looks like when the client hangs up on it. */
const HANG_UPS: readonly (readonly [string, Parameters<typeof streaming>[0], boolean])[] = [
  ['before the head of the reply', { body: CALL }, false],
  ['in the middle of an event stream', { body: CALL }, true],
  ['on a GET stream', GET, true],
]

for (const [when, request, begun] of HANG_UPS) {
  test(`a client that hangs up ${when} ends the upstream's work within 200 ms`, async () => {
    await streaming(request, async ({ client, reply, sidecar }) => {
      if (begun) {
        reply.stream()
        await client.head()
      }
      const gone = signal<number>()
      reply.socket.on('close', () => gone.resolve(performance.now()))
      const leftAt = performance.now()
      client.close()
      const noticedAt = await bounded(gone.promise, {
        within: SOON,
        what: 'the upstream to notice',
      })
      assert.ok(noticedAt - leftAt < 200, `it took ${noticedAt - leftAt} ms`)
      const kind = request.method === 'GET' ? 'stream' : 'message'
      assert.deepEqual(await sidecar.recorder.exchangeOutcome(kind), { kind: 'cancelled' })
      assert.deepEqual(sidecar.recorder.open, [])
    })
  })
}

/** How an upstream can die in the middle of a reply, and what that is called. */
const DEATHS: readonly (readonly [string, (reply: Reply) => void, readonly string[]])[] = [
  ['closes the connection', (reply) => reply.socket.destroy(), ['closed', 'reset']],
  ['ends its side', (reply) => void reply.socket.end(), ['closed']],
  ['resets the connection', (reply) => void reply.socket.resetAndDestroy(), ['reset']],
  ['breaks the chunk framing', (reply) => reply.raw('zz\r\n'), ['bad_message']],
]

for (const [what, die, reasons] of DEATHS) {
  test(`an upstream that ${what} in the middle of a stream breaks the client's stream too`, async () => {
    await streaming({ body: CALL }, async ({ client, reply, sidecar, upstream }) => {
      reply.stream()
      reply.event({ jsonrpc: '2.0', method: 'notifications/progress' })
      await client.head()
      await client.until('notifications/progress')
      die(reply)
      await client.gone()
      assert.ok(!client.received.includes('0\r\n\r\n'), 'the stream must not look complete')
      const outcome = await sidecar.recorder.outcomeOf('tools/call')
      assert.equal(outcome.kind, 'upstream_failed')
      assert.ok(
        outcome.kind === 'upstream_failed' && outcome.sent && reasons.includes(outcome.reason),
        `${JSON.stringify(outcome)} ${JSON.stringify(sidecar.logs)}`,
      )
      upstream.handle((_request, next) => next.result({ content: [] }))
      const again = await RawClient.open(sidecar.dataUrl)
      again.send({ path: '/main/mcp', body: CALL })
      assert.equal((await again.response()).status, 200)
    })
  })
}

test('an answer that has passed stays the outcome, however the stream ends after it', async () => {
  await streaming({ body: CALL }, async ({ client, reply, sidecar }) => {
    reply.stream()
    reply.event(RESULT)
    await client.until(JSON.stringify(RESULT))
    assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'ok' })
    reply.socket.resetAndDestroy()
    await client.gone()
    await sidecar.recorder.exchangeOutcome('message')
    assert.equal(sidecar.recorder.calls[0]?.endings, 1)
    assert.deepEqual(sidecar.recorder.calls[0]?.outcome, { kind: 'ok' })
  })
})

test('a hundred streams open at once do not hold up a call', async () => {
  const upstream = await startRawUpstream((request, reply) => {
    if (request.method === 'GET') reply.stream()
    else reply.result({ content: [] })
  })
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, connections: 2 } },
  })
  const streams: RawClient[] = []
  for (let i = 0; i < 100; i += 1) {
    const client = await RawClient.open(sidecar.dataUrl)
    client.send({ path: '/main/mcp', ...GET })
    streams.push(client)
  }
  for (const client of streams) await client.head()
  const caller = await RawClient.open(sidecar.dataUrl)
  caller.send({ path: '/main/mcp', body: CALL })
  assert.equal((await caller.response()).status, 200)
  for (const client of [...streams, caller]) client.close()
  await waitFor(() => sidecar.recorder.exchanges.length === 101, {
    within: SOON,
    what: 'every stream to end',
  })
  const metrics = await sidecar.metrics()
  assert.equal(metrics.sum('sidelight_exchanges_active'), 0)
})

test('listen streams do not take the connections of calls', async () => {
  const upstream = await startRawUpstream((request, reply) => {
    if (request.json()['method'] === 'subscriptions/listen') reply.stream()
    else reply.result({ content: [] })
  })
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, connections: 2 } },
  })
  const listeners: RawClient[] = []
  for (let i = 0; i < 4; i += 1) {
    const client = await RawClient.open(sidecar.dataUrl)
    client.send({
      path: '/main/mcp',
      body: `{"jsonrpc":"2.0","id":"listen-${i}","method":"subscriptions/listen","params":{}}`,
    })
    listeners.push(client)
  }
  for (const client of listeners) await client.head()
  const caller = await RawClient.open(sidecar.dataUrl)
  caller.send({ path: '/main/mcp', body: CALL })
  assert.equal((await caller.response()).status, 200)
})
