/** The fault proxy does what its faults say, and nothing when there are none. */

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { RawClient, requestOnce } from '../support/raw-client.ts'
import { answerWell, startRawUpstream } from '../support/raw-upstream.ts'
import { SOON, waitFor } from '../support/wait-for.ts'
import { flapping, ManualTime, seeded } from './schedule.ts'
import { startFaultProxy } from './start-fault-proxy.ts'

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}'
const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
const DONE = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"done"}]}}'

/** The reply of the upstream that `answerWell` gives to CALL, byte for byte. */
const REPLY = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 77\r\n\r\n${DONE}`

test('without faults requests and replies pass byte for byte, on one connection each', async () => {
  const upstream = await startRawUpstream()
  const proxy = await startFaultProxy({ url: upstream.url })
  const client = await RawClient.open(proxy.url)
  for (let i = 0; i < 2; i += 1) {
    client.send({ path: '/mcp?a=1', body: CALL })
    assert.equal((await client.until(DONE)).toString(), REPLY)
  }
  const { startLine, body, whole } = await upstream.request(1)
  assert.equal(startLine, 'POST /mcp?a=1 HTTP/1.1')
  assert.equal(body.toString(), CALL)
  assert.ok(whole.toString().endsWith(`Content-Length: 68\r\n\r\n${CALL}`))
  assert.equal(upstream.connections, 1)
  assert.equal(proxy.counts.requests, 2)
  client.close()
  await waitFor(() => proxy.open === 0 && upstream.sockets.size === 0, {
    within: SOON,
    what: 'both connections to close',
  })
})

test('a large body passes whole both ways', async () => {
  const upstream = await startRawUpstream((request, reply) => reply.send({ body: request.body }))
  const proxy = await startFaultProxy({ url: upstream.url })
  const body = 'ab'.repeat(2_000_000)
  assert.equal((await requestOnce(proxy.url, { body })).body.toString(), body)
})

test('latency holds bytes back until its time has come, and jitter follows from the seed', async () => {
  const time = new ManualTime()
  const upstream = await startRawUpstream()
  const proxy = await startFaultProxy({
    url: upstream.url,
    faults: [{ kind: 'latency', ms: 1_000, jitterMs: 500 }],
    time,
  })
  const client = await RawClient.open(proxy.url)
  client.send({ path: '/mcp', body: CALL })
  await waitFor(() => time.waiting === 1, { within: SOON, what: 'the reply at the proxy' })
  time.advance(1_313)
  assert.equal(time.waiting, 1)
  // 1000 + 500 × the first number of seed 1.
  assert.equal(Math.floor(seeded(1)() * 500), 313)
  time.advance(1)
  assert.equal((await client.response()).body.toString(), DONE)
})

test('bandwidth lets so many bytes pass in a second', async () => {
  const time = new ManualTime()
  const upstream = await startRawUpstream()
  const proxy = await startFaultProxy({
    url: upstream.url,
    faults: [{ kind: 'bandwidth', bytesPerSecond: 100 }],
    time,
  })
  const client = await RawClient.open(proxy.url)
  client.send({ path: '/mcp', body: CALL })
  await waitFor(() => time.waiting === 1, { within: SOON, what: 'the reply at the proxy' })
  time.advance(500)
  await waitFor(() => client.received.length === 51, { within: SOON, what: 'half a second of it' })
  time.advance(2_000)
  assert.equal((await client.response()).body.toString(), DONE)
})

test('slices of one byte arrive one by one', async () => {
  const upstream = await startRawUpstream()
  const proxy = await startFaultProxy({
    url: upstream.url,
    faults: [{ kind: 'slice', bytes: 1, everyMs: 1 }],
  })
  const client = await RawClient.open(proxy.url)
  let pieces = 0
  client.socket.on('data', () => (pieces += 1))
  client.send({ path: '/mcp', body: CALL })
  assert.equal((await client.until(DONE)).toString(), REPLY)
  assert.ok(pieces > REPLY.length / 2, `${pieces} pieces of ${REPLY.length} bytes`)
})

test('requests are sliced when that is what is asked for', async () => {
  const upstream = await startRawUpstream()
  const proxy = await startFaultProxy({
    url: upstream.url,
    faults: [{ kind: 'slice', way: 'toServer', bytes: 1 }],
  })
  let pieces = 0
  const client = await RawClient.open(proxy.url)
  const counting = setInterval(() => {
    for (const socket of upstream.sockets) {
      if (socket.listenerCount('data') === 1) socket.on('data', () => (pieces += 1))
    }
  }, 1)
  await waitFor(() => upstream.sockets.size === 1, { within: SOON, what: 'the connection' })
  client.send({ path: '/mcp', body: CALL })
  assert.equal((await client.response()).body.toString(), DONE)
  clearInterval(counting)
  assert.ok(pieces > 20, `${pieces} pieces`)
})

test('a black hole accepts and never answers, and what is open falls into it too', async () => {
  const upstream = await startRawUpstream()
  const proxy = await startFaultProxy({ url: upstream.url })
  const open = await RawClient.open(proxy.url)
  open.send({ path: '/mcp', body: CALL })
  await open.response()
  await proxy.set({ kind: 'black_hole' })
  const fresh = await RawClient.open(proxy.url)
  for (const client of [open, fresh]) client.send({ path: '/mcp', body: CALL })
  await waitFor(() => proxy.counts.requests === 3, { within: SOON, what: 'both at the proxy' })
  await proxy.clear()
  // Only what comes after the hole is answered.
  assert.equal((await requestOnce(proxy.url, { body: CALL })).status, 200)
  assert.equal(upstream.requests.length, 2)
  for (const client of [open, fresh]) {
    assert.equal(client.received.length, 0)
    assert.equal(client.ended, false)
  }
})

test('a stall holds the reply until it is lifted', async () => {
  const upstream = await startRawUpstream()
  const proxy = await startFaultProxy({ url: upstream.url, faults: [{ kind: 'stall' }] })
  const client = await RawClient.open(proxy.url)
  client.send({ path: '/mcp', body: CALL })
  await upstream.request()
  // The upstream has written before a second request can be answered by it.
  assert.equal((await requestOnce(upstream.url, { body: CALL })).status, 200)
  assert.equal(client.received.length, 0)
  await proxy.clear()
  assert.equal((await client.response()).body.toString(), DONE)
})

for (const [kind, error] of [
  ['reset', 'ECONNRESET'],
  ['truncate', undefined],
] as const) {
  test(`${kind} breaks the connection after so many bytes of the reply`, async () => {
    const upstream = await startRawUpstream()
    const proxy = await startFaultProxy({
      url: upstream.url,
      faults: [{ kind, afterBytes: 30 }],
    })
    const client = await RawClient.open(proxy.url)
    client.send({ path: '/mcp', body: CALL })
    await client.gone()
    if (kind === 'truncate') assert.equal(client.received.toString(), REPLY.slice(0, 30))
    else await waitFor(() => client.closed, { within: SOON, what: 'the reset' })
    assert.equal(client.error?.code, error)
    assert.equal(proxy.counts.cuts, 1)
    await waitFor(() => upstream.sockets.size === 0, { within: SOON, what: 'the other connection' })
  })
}

test('half a close ends the replies of a connection and not its requests', async () => {
  const upstream = await startRawUpstream()
  const proxy = await startFaultProxy({
    url: upstream.url,
    faults: [{ kind: 'half_close', afterBytes: 0 }],
  })
  const client = await RawClient.open(proxy.url, { halfOpen: true })
  client.send({ path: '/mcp', body: CALL })
  await waitFor(() => client.ended, { within: SOON, what: 'the end' })
  assert.equal(client.received.length, 0)
  client.send({ path: '/mcp', body: CALL })
  await upstream.request(1)
})

test('garbage is as long as the reply, nothing of it, and the same for the same seed', async () => {
  const upstream = await startRawUpstream()
  const received: string[] = []
  for (const seed of [7, 7, 8]) {
    const proxy = await startFaultProxy({
      url: upstream.url,
      faults: [{ kind: 'garbage' }],
      seed,
    })
    const client = await RawClient.open(proxy.url)
    client.send({ path: '/mcp', body: CALL })
    await waitFor(() => client.received.length === REPLY.length, { within: SOON, what: 'it all' })
    assert.ok([...client.received].every((byte, i) => byte !== REPLY.charCodeAt(i)))
    received.push(client.received.toString('hex'))
  }
  assert.equal(received[0], received[1])
  assert.notEqual(received[0], received[2])
})

test('a refusing upstream resets what is open, refuses what is new, and comes back on its port', async () => {
  const upstream = await startRawUpstream()
  const proxy = await startFaultProxy({ url: upstream.url })
  const open = await RawClient.open(proxy.url)
  open.send({ path: '/mcp', body: CALL })
  await open.response()
  await proxy.set({ kind: 'refuse' })
  await waitFor(() => open.closed, { within: SOON, what: 'the reset' })
  assert.equal(open.error?.code, 'ECONNRESET')
  assert.equal(await errorOfConnecting(proxy.port), 'ECONNREFUSED')
  await proxy.clear()
  assert.equal((await requestOnce(proxy.url, { body: CALL })).status, 200)
})

test('a storm answers what it means and nothing else, and the connection goes on', async () => {
  const upstream = await startRawUpstream()
  const proxy = await startFaultProxy({
    url: upstream.url,
    faults: [
      {
        kind: 'answer',
        methods: ['tools/call'],
        status: '429 Too Many Requests',
        headers: ['Retry-After: 7'],
        body: 'slow down',
      },
    ],
  })
  const client = await RawClient.open(proxy.url)
  const statuses: number[] = []
  for (const body of [CALL, LIST, CALL]) {
    client.send({ path: '/mcp', body })
    const response = await client.response()
    statuses.push(response.status)
    if (response.status === 429) {
      assert.deepEqual(response.values('retry-after'), ['7'])
      assert.equal(response.body.toString(), 'slow down')
    }
  }
  assert.deepEqual(statuses, [429, 200, 429])
  assert.equal(upstream.requests.length, 1)
})

test('a share of requests is chosen by the seed', async () => {
  const upstream = await startRawUpstream()
  const runs: string[] = []
  for (let run = 0; run < 2; run += 1) {
    const proxy = await startFaultProxy({
      url: upstream.url,
      faults: [{ kind: 'answer', share: 0.5 }],
      seed: 3,
    })
    const statuses: number[] = []
    for (let i = 0; i < 12; i += 1) {
      statuses.push((await requestOnce(proxy.url, { body: CALL })).status)
    }
    runs.push(statuses.join(' '))
  }
  assert.equal(runs[0], runs[1])
  assert.deepEqual(new Set(runs[0]?.split(' ')), new Set(['200', '503']))
})

test('a swallowed call gets no answer while others on other connections do', async () => {
  const upstream = await startRawUpstream()
  const proxy = await startFaultProxy({
    url: upstream.url,
    faults: [{ kind: 'swallow', methods: ['tools/call'] }],
  })
  const client = await RawClient.open(proxy.url)
  client.send({ path: '/mcp', body: CALL })
  await waitFor(() => proxy.counts.swallowed === 1, { within: SOON, what: 'the call' })
  assert.equal((await requestOnce(proxy.url, { body: LIST })).status, 200)
  assert.equal(client.received.length, 0)
  assert.equal(upstream.requests.length, 1)
})

test('faults combine: slow, sliced, and then cut off', async () => {
  const time = new ManualTime()
  const upstream = await startRawUpstream()
  const proxy = await startFaultProxy({
    url: upstream.url,
    faults: [
      { kind: 'latency', ms: 100 },
      { kind: 'slice', bytes: 10, everyMs: 50 },
      { kind: 'truncate', afterBytes: 25 },
    ],
    time,
  })
  const client = await RawClient.open(proxy.url)
  client.send({ path: '/mcp', body: CALL })
  await waitFor(() => time.waiting === 1, { within: SOON, what: 'the reply at the proxy' })
  const seen: number[] = []
  for (const [ms, bytes] of [
    [99, 0],
    [1, 10],
    [50, 20],
    [50, 25],
  ] as const) {
    time.advance(ms)
    await waitFor(() => client.received.length === bytes, {
      within: SOON,
      what: () => `${bytes} bytes after ${seen.join()}`,
    })
    seen.push(bytes)
  }
  time.advance(50)
  await client.gone()
  assert.equal(client.received.toString(), REPLY.slice(0, 25))
})

test('a schedule sets faults by the clock', async () => {
  const time = new ManualTime()
  const upstream = await startRawUpstream(answerWell)
  const proxy = await startFaultProxy({ url: upstream.url, time })
  proxy.play(flapping({ faults: [{ kind: 'answer' }], downMs: 1_000, upMs: 500, times: 2 }))
  const statuses: number[] = []
  for (let i = 0; i < 7; i += 1) {
    time.advance(i === 0 ? 0 : 500)
    statuses.push((await requestOnce(proxy.url, { body: CALL })).status)
  }
  assert.deepEqual(statuses, [503, 503, 200, 503, 503, 200, 200])
})

test('a server that is not there resets the client', async () => {
  const upstream = await startRawUpstream()
  const proxy = await startFaultProxy({ url: upstream.url })
  await upstream.close()
  const client = await RawClient.open(proxy.url)
  await waitFor(() => client.closed, { within: SOON, what: 'the reset' })
  assert.equal(proxy.open, 0)
})

function errorOfConnecting(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy()
      resolve(undefined)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
  })
}
