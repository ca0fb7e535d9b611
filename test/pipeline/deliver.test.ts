import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { TransportFailure } from '../../src/upstream/transport.ts'
import { handle } from '../../src/pipeline/handle.ts'
import type { DecodeTee, ReplyFilter } from '../../src/pipeline/stages.ts'
import {
  CALL,
  exchangeOf,
  FakeClient,
  get,
  JSON_REPLY,
  post,
  RESULT,
  STALE,
  STREAM_REPLY,
  World,
} from './fakes.ts'

const RESET: TransportFailure = { reason: 'reset', sent: true, stale: false, detail: 'ECONNRESET' }
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

describe('A retry', () => {
  const BAD_GATEWAY = ['Content-Type', 'text/html']
  const answer = (world: World, index: number): void => {
    world.flight(index).sink.head(200, 'OK', JSON_REPLY)
    world.flight(index).sink.data(Buffer.from(RESULT))
    world.flight(index).sink.end()
  }

  it('is made when its wait is over, and each attempt ends once', () => {
    const world = new World({ retries: 1 })
    const client = world.send(post(CALL))
    world.flight(0).sink.failed(RESET)
    assert.equal(world.flights.length, 1)
    assert.deepEqual(client.sent, [])
    world.again(true)
    answer(world, 1)
    assert.deepEqual(world.told, [
      'begin tools/call',
      'attempt 1',
      'retry after upstream_failed reset',
      'attempt upstream_failed reset',
      'attempt 2',
      'attempt ok',
      'ended ok',
      'exchange ok',
    ])
    world.endedWith('ok')
  })

  it('keeps the head of a 502 from the client, and gives that reply up', () => {
    for (const status of [502, 503, 504]) {
      const world = new World({ retries: 1 })
      const client = world.send(post(CALL))
      world.flight(0).sink.head(status, '', BAD_GATEWAY)
      assert.equal(world.flight(0).aborted, 1)
      world.again(true)
      answer(world, 1)
      assert.deepEqual(client.sent, ['head 200 OK', `write ${RESULT}`, 'end'])
      world.endedWith('ok')
    }
  })

  it('is not made for other statuses, which pass through', () => {
    for (const status of [200, 404, 429, 500, 501, 505]) {
      const world = new World({ retries: 1 })
      const client = world.send(post(CALL))
      world.flight(0).sink.head(status, '', BAD_GATEWAY)
      world.flight(0).sink.end()
      assert.deepEqual(client.sent, [`head ${status} `, 'end'])
    }
  })

  it('that may not go after all leaves the failure, of which the attempt was told once', () => {
    const world = new World({ retries: 1 })
    const client = world.send(post(CALL))
    world.flight(0).sink.head(503, '', BAD_GATEWAY)
    world.again(false)
    assert.equal(world.flights.length, 1)
    assert.match(client.answered?.body ?? '', /It is not known whether the tool ran/)
    assert.equal(world.told.filter((what) => what.startsWith('attempt up')).length, 1)
    world.endedWith('upstream_failed http_5xx')
  })

  it('is taken back at once when the client leaves, or the sidecar stops', () => {
    const left = new World({ retries: 1 })
    const client = left.send(post(CALL))
    left.flight(0).sink.failed(RESET)
    client.hangUp()
    assert.ok(left.told.includes('retry taken back'))
    left.endedWith('cancelled')
    const stopped = new World({ retries: 1 })
    stopped.send(post(CALL))
    stopped.flight(0).sink.failed(RESET)
    stopped.inFlight.abortAll()
    assert.ok(stopped.told.includes('retry taken back'))
    stopped.endedWith('internal')
  })

  it('is taken back when its client takes the call back', () => {
    const world = new World({ retries: 1 })
    const headers = { 'mcp-session-id': 's' }
    const client = world.send(post(CALL, headers))
    world.flight(0).sink.failed(RESET)
    const params = { requestId: 1 }
    world.send(post({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, headers))
    assert.ok(world.told.includes('retry taken back'))
    assert.deepEqual(client.sent, ['head 202 Accepted', 'end'])
    assert.ok(world.told.includes('ended cancelled'))
  })

  it('does not make a call unsent that an earlier attempt sent', () => {
    const world = new World({ retries: 1 })
    const client = world.send(post(CALL))
    world.flight(0).sink.failed(RESET)
    world.again(true)
    world.flight(1).sink.failed({ ...STALE, reason: 'connect', stale: false })
    assert.match(client.answered?.body ?? '', /It is not known whether the tool ran/)
  })

  it('is not asked for when the bytes hold a proof for one use, or the head has passed', () => {
    for (const header of ['dpop', 'signature', 'content-digest']) {
      const world = new World({ retries: 1 })
      world.send(post(CALL, { [header]: 'x' }))
      world.flight(0).sink.failed(RESET)
      world.endedWith('upstream_failed reset')
    }
    const world = new World({ retries: 1 })
    world.send(post(CALL))
    world.flight(0).sink.head(200, 'OK', JSON_REPLY)
    world.flight(0).sink.failed(RESET)
    world.endedWith('upstream_failed reset')
  })

  it('is asked for when nothing was sent, proofs for one use or not', () => {
    const world = new World({ retries: 1 })
    world.send(post(CALL, { dpop: 'x' }))
    world.flight(0).sink.failed({ ...STALE, reason: 'connect', stale: false })
    world.again(true)
    answer(world, 1)
    world.endedWith('ok')
  })

  it('is not asked for by streams', () => {
    const world = new World({ retries: 1 })
    world.send(get())
    world.flight(0).sink.failed(RESET)
    assert.equal(world.flights.length, 1)
    world.endedWith('upstream_failed reset', [])
  })
})

describe('A batch of a request and a notification', () => {
  const BATCH = [CALL, { jsonrpc: '2.0', method: 'notifications/progress' }]
  const timeouts = { callMs: 30_000, callMaxMs: 30_000, firstByteMs: Infinity, idleMs: Infinity }

  it('is over in time with the answer to its request, however long its stream stays open', () => {
    const world = new World({ timeouts })
    const client = world.send(post(BATCH))
    const { sink } = world.flight()
    sink.head(200, 'OK', STREAM_REPLY)
    sink.data(Buffer.from(`data: ${RESULT}\n\n`))
    world.inFlight.tick((world.clock.now += 60_000))
    assert.equal(world.flight().aborted, 0)
    sink.end()
    assert.equal(client.sent.at(-1), 'end')
    assert.ok(world.told.includes('exchange ok'))
  })

  it('is late without that answer', () => {
    const world = new World({ timeouts })
    world.send(post(BATCH))
    world.flight().sink.head(200, 'OK', STREAM_REPLY)
    world.inFlight.tick((world.clock.now += 60_000))
    assert.equal(world.flight().aborted, 1)
  })
})

describe('A reply', () => {
  it('passes through byte for byte and ends its call once', () => {
    const world = new World()
    const client = world.send(post(CALL))
    const { sink } = world.flight()
    sink.head(200, 'OK', [...JSON_REPLY, 'X-Case', 'Kept'])
    assert.equal(sink.data(Buffer.from(RESULT.slice(0, 9))), true)
    assert.equal(sink.data(Buffer.from(RESULT.slice(9))), true)
    assert.equal(world.inFlight.size, 1)
    sink.end()
    assert.deepEqual(client.sent, [
      'head 200 OK',
      `write ${RESULT.slice(0, 9)}`,
      `write ${RESULT.slice(9)}`,
      'end',
    ])
    assert.deepEqual(client.rawHeaders, [...JSON_REPLY, 'X-Case', 'Kept'])
    assert.deepEqual(world.told, [
      'begin tools/call',
      'attempt 1',
      'attempt ok',
      'ended ok',
      'exchange ok',
    ])
    world.endedWith('ok')
  })

  it('of an exchange without calls gives the exchange its outcome by status', () => {
    const rows = [
      [200, 'ok'],
      [405, 'upstream_status'],
      [503, 'upstream_failed http_5xx'],
    ] as const
    for (const [status, outcome] of rows) {
      const world = new World()
      world.send(exchangeOf('end_session', { httpMethod: 'DELETE' }))
      world.flight().sink.head(status, '', [])
      world.flight().sink.end()
      world.endedWith(outcome, [])
    }
  })

  it('goes to the upstream as it came, and the query with it', () => {
    const world = new World()
    const exchange = { ...post(CALL), query: '?a=1' }
    world.send(exchange)
    const { outbound } = world.flight()
    assert.equal(outbound.body, exchange.body)
    assert.equal(outbound.exchange.rawHeaders, exchange.rawHeaders)
    assert.equal(outbound.exchange.httpMethod, 'POST')
    assert.equal(outbound.exchange.query, '?a=1')
    assert.equal(outbound.injection, undefined)
  })

  it('of a failed status passes through as any other', () => {
    const world = new World()
    const client = world.send(post(CALL))
    world.flight().sink.head(503, 'Busy', ['Content-Type', 'text/plain'])
    world.flight().sink.data(Buffer.from('later'))
    world.flight().sink.end()
    assert.deepEqual(client.sent, ['head 503 Busy', 'write later', 'end'])
    world.endedWith('upstream_failed http_5xx')
  })
})

describe('Trace context', () => {
  const injection = { traceparent: TRACEPARENT, tracestate: '' }

  it('goes into the body and the headers', () => {
    const world = new World({ injection })
    world.send(post(CALL))
    const { outbound } = world.flight()
    assert.equal(outbound.injection, injection)
    assert.equal(
      outbound.body.toString(),
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"traceparent":"${TRACEPARENT}"},"name":"add"}}`,
    )
  })

  it('goes only where it is wanted', () => {
    const exchange = post(CALL)
    const headersOnly = new World({ injection, propagate: { meta: false, headers: true } })
    headersOnly.send(exchange)
    assert.equal(headersOnly.flight().outbound.body, exchange.body)
    assert.equal(headersOnly.flight().outbound.injection, injection)
    const metaOnly = new World({ injection, propagate: { meta: true, headers: false } })
    metaOnly.send(exchange)
    assert.notEqual(metaOnly.flight().outbound.body, exchange.body)
    assert.equal(metaOnly.flight().outbound.injection, undefined)
  })

  it('stays out of a body that is signed', () => {
    for (const header of ['signature', 'content-digest', 'digest']) {
      const world = new World({ injection })
      const exchange = post(CALL, { [header]: 'x' })
      world.send(exchange)
      assert.equal(world.flight().outbound.body, exchange.body, header)
    }
  })
})

describe('A failed attempt', () => {
  it('is made again once when a stale connection broke before anything was sent', () => {
    const world = new World()
    const client = world.send(post(CALL))
    world.flight(0).sink.failed(STALE)
    assert.deepEqual(client.sent, [])
    assert.equal(world.flights.length, 2)
    world.flight(1).sink.head(200, 'OK', JSON_REPLY)
    world.flight(1).sink.data(Buffer.from(RESULT))
    world.flight(1).sink.end()
    assert.deepEqual(world.told, [
      'begin tools/call',
      'attempt 1',
      'attempt upstream_failed reset',
      'attempt 2',
      'attempt ok',
      'ended ok',
      'exchange ok',
    ])
    world.endedWith('ok')
  })

  it('is not made a third time', () => {
    const world = new World()
    const client = world.send(post(CALL))
    world.flight(0).sink.failed(STALE)
    world.flight(1).sink.failed(STALE)
    assert.equal(world.flights.length, 2)
    assert.deepEqual(client.sent, ['answer 200'])
    world.endedWith('upstream_failed reset')
  })

  it('is not made again when the connection was fresh, or when something may have been sent', () => {
    for (const failure of [
      { ...STALE, stale: false },
      { ...STALE, sent: true },
    ]) {
      const world = new World()
      world.send(post(CALL))
      world.flight().sink.failed(failure)
      assert.equal(world.flights.length, 1)
      world.endedWith('upstream_failed reset')
    }
  })

  it('is not made again once the head has been sent', () => {
    const world = new World()
    const client = world.send(post(CALL))
    world.flight().sink.head(200, 'OK', JSON_REPLY)
    world.flight().sink.failed(STALE)
    assert.equal(world.flights.length, 1)
    assert.deepEqual(client.sent, ['head 200 OK', 'abort'])
    world.endedWith('upstream_failed reset')
  })

  it('before the head is answered here; after it, the connection is broken', () => {
    const before = new World()
    const answered = before.send(post(CALL))
    before.flight().sink.failed(RESET)
    assert.deepEqual(answered.sent, ['answer 200'])
    assert.match(answered.answered?.body ?? '', /broke the connection before it answered/)
    before.endedWith('upstream_failed reset')
    const after = new World()
    const broken = after.send(post(CALL))
    after.flight().sink.head(200, 'OK', STREAM_REPLY)
    after.flight().sink.failed(RESET)
    assert.deepEqual(broken.sent, ['head 200 OK', 'abort'])
    after.endedWith('upstream_failed reset')
  })

  it('that cut off a JSON body leaves no answer, however much of it had passed', () => {
    const world = new World()
    world.send(post(CALL))
    world.flight().sink.head(200, 'OK', JSON_REPLY)
    world.flight().sink.data(Buffer.from(RESULT))
    world.flight().sink.failed({ ...RESET, reason: 'closed' })
    world.endedWith('upstream_failed closed')
  })

  it('after the answer of a stream does not take the answer back', () => {
    const world = new World()
    world.send(post(CALL))
    world.flight().sink.head(200, 'OK', STREAM_REPLY)
    world.flight().sink.data(Buffer.from(`data: ${RESULT}\n\n`))
    world.flight().sink.failed(RESET)
    world.endedWith('ok')
  })

  it('is logged without address, header or body', () => {
    const world = new World()
    world.send(post({ ...CALL, params: { name: 'add', arguments: { key: 'hunter2' } } }))
    world.flight().sink.failed(RESET)
    assert.deepEqual(
      world.logged.find(({ event }) => event === 'sidelight.upstream.failed'),
      {
        event: 'sidelight.upstream.failed',
        fields: {
          'sidelight.upstream.name': 'up',
          'error.type': 'reset',
          'sidelight.detail': 'ECONNRESET',
          'sidelight.call.sent': true,
        },
      },
    )
    assert.doesNotMatch(JSON.stringify(world.logged), /hunter2/)
  })
})

describe('A client that leaves', () => {
  it('ends its call as cancelled and the attempt with it', () => {
    const early = new World()
    early.send(post(CALL)).hangUp()
    assert.equal(early.flight().aborted, 1)
    early.endedWith('cancelled')
    const late = new World()
    const client = late.send(post(CALL))
    late.flight().sink.head(200, 'OK', STREAM_REPLY)
    client.hangUp()
    assert.equal(late.flight().aborted, 1)
    late.endedWith('cancelled')
  })

  it('after the end changes nothing', () => {
    const world = new World()
    const client = world.send(post(CALL))
    world.flight().sink.head(200, 'OK', JSON_REPLY)
    world.flight().sink.data(Buffer.from(RESULT))
    world.flight().sink.end()
    client.hangUp()
    assert.equal(world.flight().aborted, 0)
    world.endedWith('ok')
  })

  it('during the second attempt ends that one', () => {
    const world = new World()
    const client = world.send(post(CALL))
    world.flight(0).sink.failed(STALE)
    client.hangUp()
    assert.deepEqual([world.flight(0).aborted, world.flight(1).aborted], [0, 1])
    world.endedWith('cancelled')
  })
})

describe('A shutdown', () => {
  it('ends a stream in good order', () => {
    const world = new World()
    const client = world.send(get())
    world.flight().sink.head(200, 'OK', STREAM_REPLY)
    world.inFlight.stopLongLived()
    assert.deepEqual(client.sent, ['head 200 OK', 'end'])
    assert.equal(world.flight().aborted, 1)
    world.endedWith('ok', [])
  })

  it('leaves short calls alone, and ends a subscription', () => {
    const world = new World()
    world.send(post(CALL))
    world.inFlight.stopLongLived()
    assert.equal(world.inFlight.size, 1)
    const listening = new World()
    listening.send(post({ jsonrpc: '2.0', id: 1, method: 'subscriptions/listen' }))
    listening.flight().sink.head(200, 'OK', STREAM_REPLY)
    listening.inFlight.stopLongLived()
    listening.endedWith('ok')
  })

  it('ends a subscription with the result of its request, between two events', () => {
    const sentAfter = (event: string): readonly string[] => {
      const world = new World()
      const client = world.send(post({ jsonrpc: '2.0', id: 'l-1', method: 'subscriptions/listen' }))
      world.flight().sink.head(200, 'OK', STREAM_REPLY)
      world.flight().sink.data(Buffer.from(event))
      world.inFlight.stopLongLived()
      return client.sent.slice(2)
    }
    const result =
      '{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":"l-1"}}'
    assert.deepEqual(sentAfter('data: {}\n\n'), [
      `write event: message\ndata: {"jsonrpc":"2.0","id":"l-1","result":${result}}\n\n`,
      'end',
    ])
    assert.deepEqual(sentAfter('data: {"half'), ['end'])
  })

  it('breaks off what is left when the time is up', () => {
    const world = new World()
    const client = world.send(post(CALL))
    world.inFlight.abortAll()
    assert.deepEqual(client.sent, ['abort'])
    assert.equal(world.flight().aborted, 1)
    world.endedWith('internal')
  })
})

describe('A slow reader', () => {
  it('pauses the upstream until it has caught up', () => {
    const world = new World()
    const client = world.send(post(CALL))
    const flight = world.flight()
    flight.sink.head(200, 'OK', STREAM_REPLY)
    client.keepsUp = false
    assert.equal(flight.sink.data(Buffer.from(': a\n')), false)
    assert.equal(flight.resumed, 0)
    client.drain()
    assert.equal(flight.resumed, 1)
    assert.equal(flight.sink.data(Buffer.from(': b\n')), true)
  })

  it('resumes nothing after the end', () => {
    const world = new World()
    const client = world.send(post(CALL))
    const flight = world.flight()
    flight.sink.head(200, 'OK', STREAM_REPLY)
    client.keepsUp = false
    flight.sink.data(Buffer.from(': a\n'))
    flight.sink.failed(RESET)
    client.drain()
    assert.equal(flight.resumed, 0)
  })
})

describe('A chunk', () => {
  it('is given back once the client needs its bytes no more, and once only', () => {
    const world = new World()
    const client = world.send(post(CALL))
    const { sink, spent } = world.flight()
    sink.head(200, 'OK', STREAM_REPLY)
    const [first, second, third] = [Buffer.from(': a\n'), Buffer.from(': b\n'), Buffer.from(':c\n')]
    client.keepsNothing = true
    sink.data(first)
    assert.deepEqual(spent, [first])
    client.keepsNothing = false
    client.keepsUp = false
    sink.data(second)
    client.drain()
    assert.deepEqual(spent, [first], 'some of it has not left')
    client.keepsNothing = true
    client.drain()
    client.drain()
    assert.deepEqual(spent, [first, second])
    sink.data(third)
    assert.equal(spent.at(-1), third)
    assert.equal(spent.length, 3)
  })

  it('is not given back while a copy of it waits to be decoded', () => {
    const { world, client } = compressed()
    client.keepsNothing = true
    world.flight().sink.data(Buffer.from('zzz'))
    client.drain()
    assert.deepEqual(world.flight().spent, [])
  })

  it('is not given back while it is held to be filtered', () => {
    const filter: ReplyFilter = {
      bytesMax: 1_000,
      budget: { take: () => true, give: () => {} },
      json: (body) => body,
      events: () => assert.fail('no stream'),
    }
    const world = new World({ stages: { replyFilter: () => filter } })
    const client = world.send(post(CALL))
    client.keepsNothing = true
    world.flight().sink.head(200, 'OK', JSON_REPLY)
    world.flight().sink.data(Buffer.from(RESULT))
    assert.deepEqual(world.flight().spent, [])
  })
})

/** A decoder that decodes nothing: it hands on what the test tells it to. */
class FakeTee implements DecodeTee {
  keepsUp = true
  dropped = 0
  #onData: (chunk: Buffer) => void
  #resume: () => void = () => assert.fail('nobody listens for a drain')
  #done: ((readable: boolean) => void) | undefined

  constructor(onData: (chunk: Buffer) => void) {
    this.#onData = onData
  }

  write(): boolean {
    return this.keepsUp
  }

  end(done: (readable: boolean) => void): void {
    this.#done = done
  }

  onDrain(resume: () => void): void {
    this.#resume = resume
  }

  drop(): void {
    this.dropped += 1
  }

  decode(text: string): void {
    this.#onData(Buffer.from(text))
  }

  drain(): void {
    this.keepsUp = true
    this.#resume()
  }

  finish(readable: boolean): void {
    this.#done?.(readable)
  }
}

function compressed(): { world: World; client: ReturnType<World['send']>; tee: FakeTee } {
  let tee: FakeTee | undefined
  const codings: (string | undefined)[] = []
  const world = new World({
    stages: {
      decodeTee: (coding, onData) => {
        codings.push(coding)
        tee = new FakeTee(onData)
        return tee
      },
    },
  })
  const client = world.send(post(CALL))
  world.flight().sink.head(200, 'OK', ['content-ENCODING', 'gzip', ...JSON_REPLY])
  assert.ok(tee)
  assert.deepEqual(codings, ['gzip'])
  return { world, client, tee }
}

describe('A compressed reply', () => {
  it('passes as it is while a decoded copy is watched', () => {
    const { world, client, tee } = compressed()
    world.flight().sink.data(Buffer.from('zzz'))
    world.flight().sink.end()
    assert.deepEqual(client.sent, ['head 200 OK', 'write zzz', 'end'])
    assert.deepEqual(world.settled, [], 'the copy is not decoded yet')
    tee.decode('{"id":1,"result":{"isError":true}}')
    tee.finish(true)
    world.endedWith('tool_error')
  })

  it('waits for the copy as for the client', () => {
    const { world, client, tee } = compressed()
    const flight = world.flight()
    tee.keepsUp = false
    assert.equal(flight.sink.data(Buffer.from('z')), false)
    client.keepsUp = false
    assert.equal(flight.sink.data(Buffer.from('z')), false)
    tee.drain()
    assert.equal(flight.resumed, 0, 'the client is still behind')
    client.drain()
    assert.equal(flight.resumed, 1)
    assert.equal(flight.sink.data(Buffer.from('z')), true)
  })

  it('is not hurried by the client while the copy lags behind', () => {
    const { world, client, tee } = compressed()
    const flight = world.flight()
    tee.keepsUp = false
    client.keepsUp = false
    flight.sink.data(Buffer.from('z'))
    client.drain()
    assert.equal(flight.resumed, 0, 'the copy is still behind')
    tee.drain()
    assert.equal(flight.resumed, 1)
  })

  it('that cannot be decoded counts by its status', () => {
    const { world, tee } = compressed()
    world.flight().sink.data(Buffer.from('z'))
    world.flight().sink.end()
    tee.finish(false)
    world.endedWith('ok')
  })

  it('of an unknown coding counts by its status', () => {
    const world = new World({ stages: { decodeTee: () => 'unreadable' } })
    world.send(post(CALL))
    world.flight().sink.head(200, 'OK', ['Content-Encoding', 'x', ...JSON_REPLY])
    world.flight().sink.data(Buffer.from('zzz'))
    world.flight().sink.end()
    world.endedWith('ok')
  })

  it('frees its decoder whichever way it breaks off', () => {
    const gone = compressed()
    gone.client.hangUp()
    assert.equal(gone.tee.dropped, 1)
    gone.world.endedWith('cancelled')
    const aborted = compressed()
    aborted.world.inFlight.abortAll()
    assert.equal(aborted.tee.dropped, 1)
    aborted.world.endedWith('internal')
    const failed = compressed()
    failed.world.flight().sink.failed(RESET)
    assert.equal(failed.tee.dropped, 1)
    failed.world.endedWith('upstream_failed reset')
  })

  it('ends once when the client leaves while the copy is decoded', () => {
    const { world, client, tee } = compressed()
    world.flight().sink.end()
    client.hangUp()
    tee.decode('{"id":1,"result":{}}')
    tee.finish(true)
    world.endedWith('cancelled')
  })
})

describe('A defect', () => {
  it('in watching does not disturb the reply', () => {
    for (const broken of ['write', 'end'] as const) {
      const world = new World({
        stages: {
          watchReply: () => ({
            resumable: false,
            events: 0,
            write: () => {
              if (broken === 'write') throw new Error('watcher')
            },
            end: () => {
              if (broken === 'end') throw new Error('watcher')
            },
            drop: () => {},
          }),
        },
      })
      const client = world.send(post(CALL))
      const { sink } = world.flight()
      sink.head(200, 'OK', JSON_REPLY)
      assert.equal(sink.data(Buffer.from('a')), true)
      assert.equal(sink.data(Buffer.from('b')), true)
      sink.end()
      assert.deepEqual(client.sent, ['head 200 OK', 'write a', 'write b', 'end'])
      world.endedWith('ok')
      const defects = world.logged.filter(({ event }) => event === 'sidelight.sidecar.defect')
      assert.equal(defects.length, 1)
    }
  })

  it('in making the watcher or the decoder does not disturb the reply', () => {
    for (const stage of ['watchReply', 'decodeTee'] as const) {
      const world = new World({
        stages: {
          [stage]: () => {
            throw new Error('stage')
          },
        },
      })
      const client = world.send(post(CALL))
      const { sink } = world.flight()
      sink.head(200, 'OK', [...JSON_REPLY, 'Content-Encoding', 'gzip'])
      sink.data(Buffer.from('a'))
      sink.end()
      assert.deepEqual(client.sent, ['head 200 OK', 'write a', 'end'], stage)
      world.endedWith('ok')
    }
  })

  it('in a head that cannot be sent on is answered as a bad message', () => {
    const world = new World()
    const exchange = post(CALL)
    const client = new FakeClient()
    client.head = () => {
      throw new Error('Invalid character in header content')
    }
    handle(exchange, client, world.stages)
    world.flight().sink.head(200, 'OK', JSON_REPLY)
    assert.deepEqual(client.sent, ['answer 200'])
    assert.equal(world.flight().aborted, 1)
    world.endedWith('upstream_failed bad_message')
  })

  it('in sending gives the permit back', () => {
    const world = new World({
      injection: { traceparent: TRACEPARENT, tracestate: '' },
      stages: {
        spliceMeta: () => {
          throw new Error('splice')
        },
      },
    })
    const client = world.send(post(CALL))
    assert.deepEqual(client.sent, ['answer 500'])
    world.endedWith('internal')
  })

  it('of an observer gives the permit back', () => {
    const world = new World()
    const { observer } = world.stages
    Object.assign(observer, {
      exchangeEnded: () => {
        throw new Error('observer')
      },
    })
    world.send(post(CALL))
    const { sink } = world.flight()
    sink.head(200, 'OK', JSON_REPLY)
    sink.data(Buffer.from(RESULT))
    try {
      sink.end()
    } catch (error) {
      assert.match(String(error), /observer/)
    }
    assert.deepEqual(world.settled, ['ok'])
    assert.equal(world.inFlight.size, 0)
  })
})

/** Says what a transport may say: one head, then data, nothing after an end or once aborted. */
class FakeUpstream {
  readonly #world: World
  readonly #headed = new Set<number>()
  readonly #ended = new Set<number>()

  constructor(world: World) {
    this.#world = world
  }

  say(step: string): void {
    const index = this.#world.flights.length - 1
    const { sink, aborted } = this.#world.flight(index)
    if (aborted > 0 || this.#ended.has(index)) return
    if (step === 'failed' || step === 'stale') {
      this.#ended.add(index)
      sink.failed(step === 'stale' ? STALE : RESET)
    } else if (step === 'head') {
      if (!this.#headed.has(index)) sink.head(200, 'OK', STREAM_REPLY)
      this.#headed.add(index)
    } else if (this.#headed.has(index)) this.#body(step, index)
  }

  #body(step: string, index: number): void {
    const { sink } = this.#world.flight(index)
    if (step === 'end') {
      this.#ended.add(index)
      sink.end()
    } else sink.data(Buffer.from(step === 'answer' ? `data: ${RESULT}\n\n` : ': x\n\n'))
  }
}

describe('Whatever happens in whatever order', () => {
  const steps = [
    'head',
    'data',
    'answer',
    'end',
    'failed',
    'stale',
    'gone',
    'stop',
    'abort',
    'drain',
  ]
  const run = (world: World, order: readonly string[], streaming: boolean): void => {
    const client = world.send(streaming ? get() : post(CALL))
    const upstream = new FakeUpstream(world)
    const acts: Readonly<Record<string, () => void>> = {
      gone: () => client.hangUp(),
      drain: () => client.drain(),
      stop: () => world.inFlight.stopLongLived(),
      abort: () => world.inFlight.abortAll(),
    }
    for (const step of order) {
      const act = acts[step]
      if (act === undefined) upstream.say(step)
      else act()
    }
    // Sooner or later every exchange ends.
    world.inFlight.abortAll()
  }

  it('a call has one outcome, and so have its exchange and its permit', () => {
    const order = fc.array(fc.constantFrom(...steps), { maxLength: 12 })
    fc.assert(
      fc.property(order, (events) => {
        const world = new World()
        run(world, events, false)
        const count = (start: string): number =>
          world.told.filter((what) => what.startsWith(start)).length
        assert.equal(count('ended '), 1, world.told.join('; '))
        assert.equal(count('exchange '), 1)
        assert.equal(world.settled.length, 1)
        assert.equal(world.inFlight.size, 0)
        assert.equal(count('attempt '), 2 * world.flights.length, 'attempts start and end')
        assert.ok(world.flights.length <= 2)
      }),
      { numRuns: 1_500 },
    )
  })

  it('an exchange without calls has one outcome, and so has its permit', () => {
    const order = fc.array(fc.constantFrom(...steps), { maxLength: 10 })
    fc.assert(
      fc.property(order, (events) => {
        const world = new World()
        run(world, events, true)
        assert.equal(world.told.filter((what) => what.startsWith('exchange ')).length, 1)
        assert.equal(world.settled.length, 1)
        assert.equal(world.inFlight.size, 0)
      }),
      { numRuns: 700 },
    )
  })

  it('the client gets one head or one answer, and one end', () => {
    const order = fc.array(fc.constantFrom(...steps), { maxLength: 12 })
    fc.assert(
      fc.property(order, fc.boolean(), (events, streaming) => {
        const world = new World()
        const sent: string[] = []
        const handleOf = world.send.bind(world)
        world.send = (exchange) => {
          const client = handleOf(exchange)
          Object.defineProperty(client, 'sent', { value: sent })
          return client
        }
        run(world, events, streaming)
        const count = (...starts: string[]): number =>
          sent.filter((what) => starts.some((start) => what.startsWith(start))).length
        assert.ok(count('head', 'answer') <= 1, sent.join('; '))
        assert.ok(count('end', 'abort', 'answer') <= 1, sent.join('; '))
      }),
      { numRuns: 700 },
    )
  })
})
