/** Calls that hold a place at an upstream, or wait for one, and how they let go of it. */

import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { FakeClock } from '../support/fake-clock.ts'
import { JSON_HEADERS, RawClient, requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type RawUpstream, type Reply } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { bounded, SOON, waitFor } from '../support/wait-for.ts'

const IN_SESSION = [...JSON_HEADERS, 'Mcp-Session-Id: s']

const call = (id: number): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t"}}`

const cancelled = (id: number): string =>
  `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`

interface Scene {
  readonly clock: FakeClock
  readonly upstream: RawUpstream
  /** The upstream's replies, for the test to give; notifications are taken at once. */
  readonly replies: Reply[]
  readonly sidecar: TestSidecar
  readonly send: (body: string, headers?: readonly string[]) => Promise<RawClient>
}

async function startScene(
  settings: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>> = {},
): Promise<Scene> {
  const clock = new FakeClock()
  const replies: Reply[] = []
  const upstream = await startRawUpstream((request, reply) => {
    if (request.json()['id'] === undefined) reply.send({ status: '202 Accepted', headers: [] })
    else replies.push(reply)
  })
  const sidecar = await startTestSidecar({
    upstreams: { a: { url: upstream.url, ...settings } },
    config,
    clock,
  })
  return {
    clock,
    upstream,
    replies,
    sidecar,
    send: async (body, headers = JSON_HEADERS) => {
      const client = await RawClient.open(sidecar.dataUrl)
      client.send({ path: '/a/mcp', headers, body })
      return client
    },
  }
}

async function untilActive({ sidecar }: Scene, count: number): Promise<void> {
  await waitFor(async () => (await sidecar.metrics()).sum('sidelight_exchanges_active') === count, {
    within: SOON,
    what: `${count} calls under way`,
  })
}

describe('A shutdown', () => {
  test('ends calls that wait for a place together with those that hold them, and begins none', async () => {
    const scene = await startScene(
      { concurrency: 2, timeout: 'off', timeoutMax: 'off', queueTimeout: '1h' },
      { shutdown: { drainTimeout: '300ms', flushTimeout: '1s' } },
    )
    const clients: RawClient[] = []
    for (let id = 0; id < 6; id += 1) clients.push(await scene.send(call(id)))
    await untilActive(scene, 6)
    assert.equal(scene.upstream.requests.length, 2)
    await bounded(scene.sidecar.close(), { within: SOON, what: 'the shutdown' })
    for (const client of clients) await client.gone()
    assert.equal(scene.upstream.requests.length, 2)
  })
})

describe('A call that its client took back', () => {
  test('gives back its place when its time is over, though its stream stays open', async () => {
    const scene = await startScene({ concurrency: 1, queueTimeout: '60s', timeout: '20s' })
    const { clock, replies, send, upstream, sidecar } = scene
    const first = await send(call(1), IN_SESSION)
    await upstream.request(0)
    replies[0]?.stream()
    await first.head()
    await requestOnce(sidecar.url('a'), { headers: IN_SESSION, body: cancelled(1) })
    assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'cancelled' })
    clock.advance(19_000)
    const second = await send(call(2), IN_SESSION)
    await untilActive(scene, 2)
    clock.advance(1_000)
    await first.until('0\r\n\r\n')
    await waitFor(() => replies.length === 2, { within: SOON, what: 'the second call' })
    replies[1]?.result({})
    assert.equal((await second.response()).status, 200)
    assert.equal(upstream.requests.length, 3)
  })
})

describe('A call that waits for a place', () => {
  test('is refused when its time is over before its turn has come', async () => {
    const scene = await startScene({ concurrency: 1, timeout: '5s' })
    const { clock, replies, send, upstream, sidecar } = scene
    await send(call(1))
    await upstream.request(0)
    replies[0]?.stream()
    clock.advance(3_000)
    const second = await send(call(2))
    await untilActive(scene, 2)
    replies[0]?.event({ jsonrpc: '2.0', method: 'notifications/progress', params: {} })
    await waitFor(
      async () => (await sidecar.metrics()).sum('sidelight_stream_events_total') === 1,
      { within: SOON, what: 'progress' },
    )
    clock.advance(4_900)
    replies[0]?.event({ jsonrpc: '2.0', method: 'notifications/progress', params: {} })
    await waitFor(
      async () => (await sidecar.metrics()).sum('sidelight_stream_events_total') === 2,
      { within: SOON, what: 'more progress' },
    )
    clock.advance(100)
    assert.match((await second.response()).body.toString(), /"reason":"queue_timeout"/)
    assert.equal(upstream.requests.length, 1)
  })
})

describe('A client that does not read', () => {
  test('is no failure of the upstream when its time is over', async () => {
    const scene = await startScene({ timeout: '5s' })
    const { clock, replies, send, upstream, sidecar } = scene
    const client = await send(call(1))
    await upstream.request(0)
    client.socket.pause()
    replies[0]?.raw('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n')
    replies[0]?.raw(`Content-Length: ${64 * 1024 * 1024}\r\n\r\n{"jsonrpc":"2.0","id":1,"result":"`)
    await fillUntilHeldUp(replies[0]?.socket)
    clock.advance(5_000)
    assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'cancelled' })
  })
})

/** Writes until nothing more is taken. */
async function fillUntilHeldUp(socket: Socket | undefined): Promise<void> {
  let since = performance.now()
  const fill = (): void => {
    since = performance.now()
    while (socket?.write('x'.repeat(16_384)) === true);
  }
  socket?.on('drain', fill)
  fill()
  await waitFor(() => performance.now() - since > 250, {
    within: SOON,
    what: 'the upstream to be held up',
  })
}

describe('HTTP+SSE', () => {
  test('a message that could not be posted ends its call, and counts against the upstream', async () => {
    const upstream = await startRawUpstream((asked, reply) => {
      if (asked.method === 'POST') return void reply.socket.destroy()
      reply.stream()
      reply.chunk('event: endpoint\ndata: /post\n\n')
    })
    const sidecar = await startTestSidecar({
      upstreams: { a: { url: upstream.url, transport: 'sse' } },
    })
    const client = await RawClient.open(sidecar.dataUrl)
    client.send({ method: 'GET', path: '/a/sse', headers: ['Accept: text/event-stream'] })
    const bytes = Buffer.concat([await client.until('sessionId='), await client.until('\n\n')])
    const path = /data: (\S+)/.exec(bytes.toString())?.[1] ?? ''
    for (let id = 1; id <= 5; id += 1) {
      const answer = await requestOnce(sidecar.dataUrl + path, { body: call(id) })
      assert.equal(answer.status, 502)
      assert.match(answer.body.toString(), /"code":101[23]/)
    }
    assert.deepEqual(
      sidecar.recorder.of('tools/call').map(({ outcome }) => outcome?.kind),
      Array.from({ length: 5 }, () => 'upstream_failed'),
    )
    const sixth = await requestOnce(sidecar.dataUrl + path, { body: call(6) })
    assert.equal(sixth.status, 503)
    assert.match(sixth.body.toString(), /"reason":"breaker_open"/)
  })
})
