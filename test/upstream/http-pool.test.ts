/** Connections of calls: how long they live, which stand ready, and what is told of them. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newAttempt } from '../../src/core/observer.ts'
import type { HttpTransport, HttpTransportOptions } from '../../src/upstream/http-transport.ts'
import type { Flight, Outbound, ReplySink } from '../../src/upstream/transport.ts'
import { exchangeOf } from '../pipeline/fakes.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { openTransport } from '../support/http-transport.ts'
import { PoolLog } from '../support/pool-log.ts'
import { startRawUpstream, type RawUpstream, type Reply } from '../support/raw-upstream.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const BODY = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/call"}')

/** Far longer than a test takes, so that only the test's clock ends anything. */
const LONG_MS = 600_000

interface Asked {
  readonly flight: Flight
  readonly answered: Promise<string>
}

class Scene {
  readonly clock = new FakeClock()
  readonly log = new PoolLog()
  readonly transport: HttpTransport

  constructor(url: string, options: Partial<HttpTransportOptions> = {}) {
    const { clock, log: pools } = this
    this.transport = openTransport(url, { clock, pools, idleMs: LONG_MS, ...options })
  }

  ask(longLived = false): Asked {
    const { promise, resolve } = Promise.withResolvers<string>()
    let text = ''
    const sink: ReplySink = {
      head: () => {},
      data: (chunk) => {
        text += chunk.toString()
        return true
      },
      end: () => resolve(text),
      failed: ({ detail }) => resolve(detail),
      cancelled: () => resolve('cancelled'),
    }
    const outbound: Outbound = {
      exchange: exchangeOf('message'),
      body: BODY,
      injection: undefined,
      longLived,
      attempt: newAttempt(1, 0),
    }
    return { flight: this.transport.send(outbound, sink), answered: promise }
  }

  tick(ms: number): void {
    this.clock.advance(ms)
    this.transport.tick(this.clock.nowMs)
  }

  /** Idle, used and pending of the pool of calls. */
  calls(): readonly number[] {
    const state = this.transport.pools().find(({ pool }) => pool === 'calls')
    return state === undefined ? [] : [state.idle, state.used, state.pending]
  }
}

/** An upstream that answers when it is told to. */
async function startHeld(): Promise<{ upstream: RawUpstream; replies: Reply[] }> {
  const replies: Reply[] = []
  const upstream = await startRawUpstream((_request, reply) => void replies.push(reply))
  return { upstream, replies }
}

async function held(replies: readonly Reply[], index: number): Promise<Reply> {
  return waitFor(() => replies[index], { within: SOON, what: `request ${index}` })
}

async function open(upstream: RawUpstream, count: number): Promise<void> {
  await waitFor(() => upstream.sockets.size === count, {
    within: SOON,
    what: `${count} connections`,
  })
}

const DONE = '{"jsonrpc":"2.0","id":1,"result":{}}'

describe('The lifetime of a connection', () => {
  it('ends it at once when it is idle', async () => {
    const upstream = await startRawUpstream()
    const scene = new Scene(upstream.url, { lifetimeMs: 60_000 })
    await scene.ask().answered
    scene.tick(59_999)
    assert.deepEqual(scene.calls(), [1, 0, 0])
    await scene.ask().answered
    assert.equal(upstream.connections, 1)
    scene.tick(1)
    await open(upstream, 0)
    assert.deepEqual(scene.calls(), [0, 0, 0])
    assert.equal(
      await scene.ask().answered,
      '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"done"}]}}',
    )
    assert.equal(upstream.connections, 2)
  })

  it('never ends one in the middle of a call, and lets it take no other', async () => {
    const { upstream, replies } = await startHeld()
    const scene = new Scene(upstream.url, { lifetimeMs: 60_000 })
    const first = scene.ask()
    const reply = await held(replies, 0)
    scene.tick(120_000)
    scene.tick(1_000)
    assert.deepEqual(scene.calls(), [0, 1, 0])
    reply.send({ body: DONE })
    assert.equal(await first.answered, DONE)
    const second = scene.ask()
    await held(replies, 1)
    const connections = upstream.requests.map(({ connection }) => connection)
    // A call that comes before the next look at the clock is the last one on it.
    const last = upstream.requests[1]?.values('connection')
    assert.deepEqual([connections, last], [[0, 0], ['close']])
    replies[1]?.send({ body: DONE })
    assert.equal(await second.answered, DONE)
    await open(upstream, 0)
    const third = scene.ask()
    ;(await held(replies, 2)).send({ body: DONE })
    await third.answered
    assert.equal(upstream.requests[2]?.connection, 1)
    assert.deepEqual(upstream.requests[2]?.values('connection'), ['keep-alive'])
  })

  it('is up to a tenth shorter by chance', async () => {
    const upstream = await startRawUpstream()
    const scene = new Scene(upstream.url, { lifetimeMs: 60_000, random: () => 0.5 })
    await scene.ask().answered
    scene.tick(56_999)
    assert.deepEqual(scene.calls(), [1, 0, 0])
    scene.tick(1)
    await open(upstream, 0)
  })
})

describe('Connections that stand ready', () => {
  it('are made without a call, and taken by the next ones', async () => {
    const { upstream, replies } = await startHeld()
    const scene = new Scene(upstream.url, { prewarm: 2 })
    scene.tick(1_000)
    await open(upstream, 2)
    await waitFor(() => scene.calls()[0] === 2, { within: SOON, what: 'two idle ones' })
    const calls = [scene.ask(), scene.ask(), scene.ask()]
    await held(replies, 2)
    assert.equal(upstream.connections, 3)
    assert.deepEqual(scene.log.told.filter((what) => what === 'calls created').length, 3)
    for (const reply of replies) reply.send({ body: DONE })
    for (const call of calls) assert.equal(await call.answered, DONE)
    // Three idle ones are enough.
    scene.tick(1_000)
    assert.deepEqual([scene.calls(), upstream.connections], [[3, 0, 0], 3])
  })

  it('are made anew when they were idle for too long, and when the server closed them', async () => {
    const upstream = await startRawUpstream()
    const scene = new Scene(upstream.url, { prewarm: 1, idleMs: 4_000 })
    scene.tick(1_000)
    await waitFor(() => scene.calls()[0] === 1, { within: SOON, what: 'an idle one' })
    scene.tick(4_000)
    await waitFor(() => upstream.connections === 2, { within: SOON, what: 'a second one' })
    await open(upstream, 1)
    await waitFor(() => scene.calls()[0] === 1, { within: SOON, what: 'an idle one' })
    for (const socket of upstream.sockets) socket.end()
    await waitFor(() => scene.calls()[0] === 0, { within: SOON, what: 'it to be forgotten' })
    scene.tick(1_000)
    await waitFor(() => upstream.connections === 3, { within: SOON, what: 'a third one' })
  })

  it('are never more than there may be connections', async () => {
    const { upstream, replies } = await startHeld()
    const scene = new Scene(upstream.url, { prewarm: 5, connectionsMax: 2 })
    const call = scene.ask()
    const reply = await held(replies, 0)
    scene.tick(1_000)
    await waitFor(() => scene.calls()[0] === 1, { within: SOON, what: 'an idle one' })
    scene.tick(1_000)
    assert.deepEqual([scene.calls(), upstream.connections], [[1, 1, 0], 2])
    reply.send({ body: DONE })
    await call.answered
  })

  it('are not tried again and again where nothing listens', async () => {
    const upstream = await startRawUpstream()
    await upstream.close()
    const scene = new Scene(upstream.url, { prewarm: 1 })
    scene.tick(1_000)
    // Its own connection is refused too, after that of the spare.
    assert.equal(await scene.ask().answered, 'ECONNREFUSED')
    const again = await startRawUpstream(undefined, { port: upstream.port })
    scene.tick(9_000)
    assert.equal(await scene.ask().answered.then((text) => text.includes('done')), true)
    assert.equal(again.connections, 1)
  })
})

describe('What is told of connections', () => {
  it('is how long calls waited for one and used it, with those that wait now', async () => {
    const { upstream, replies } = await startHeld()
    const scene = new Scene(upstream.url, { connectionsMax: 1 })
    const first = scene.ask()
    const reply = await held(replies, 0)
    const second = scene.ask()
    assert.deepEqual(scene.calls(), [0, 1, 1])
    scene.clock.advance(250)
    reply.send({ body: DONE })
    await first.answered
    ;(await held(replies, 1)).send({ body: DONE })
    await second.answered
    assert.deepEqual(scene.log.told, [
      'calls created',
      'calls waited',
      'calls used',
      'calls waited',
      'calls used',
    ])
    assert.deepEqual(
      [scene.log.waitsMs, scene.log.usesMs],
      [
        [0, 250],
        [250, 0],
      ],
    )
    assert.deepEqual(scene.calls(), [1, 0, 0])
  })

  it('counts calls whose time was over while they waited, and not those that clients gave up', async () => {
    const { upstream, replies } = await startHeld()
    const scene = new Scene(upstream.url, { connectionsMax: 1 })
    scene.ask()
    await held(replies, 0)
    scene.ask().flight.abort()
    assert.equal(scene.log.told.includes('calls timed out'), false)
    scene.ask().flight.abort('late')
    assert.equal(scene.log.told.filter((what) => what === 'calls timed out').length, 1)
    assert.deepEqual(scene.calls(), [0, 1, 0])
  })

  it('keeps streams apart from calls', async () => {
    const { upstream, replies } = await startHeld()
    const scene = new Scene(upstream.url, { connectionsMax: 1 })
    const stream = scene.ask(true)
    await held(replies, 0)
    const states = scene.transport.pools()
    assert.deepEqual(states, [
      { pool: 'calls', idle: 0, used: 0, max: 1, pending: 0 },
      { pool: 'streams', idle: 0, used: 1, max: undefined, pending: 0 },
    ])
    stream.flight.abort()
    await open(upstream, 0)
    assert.equal(scene.log.told.at(-1), 'streams used')
  })
})
