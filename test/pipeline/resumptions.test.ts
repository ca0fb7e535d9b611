import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  CALL,
  exchangeOf,
  FakeClient,
  get,
  JSON_REPLY,
  post,
  RESULT,
  STREAM_REPLY,
  World,
} from './fakes.ts'

const SESSION = { 'mcp-session-id': 's1' }
const PRIMING = 'id: 1\ndata:\n\n'

/** Makes a call whose stream the server closes before the answer. */
function suspend(world: World, headers: Readonly<Record<string, string>> = SESSION, id = 1): void {
  world.send(post({ ...CALL, id }, headers))
  const { sink } = world.flight(world.flights.length - 1)
  sink.head(200, 'OK', STREAM_REPLY)
  sink.data(Buffer.from(PRIMING))
  sink.end()
}

/** Resumes with GET; the stream says `text` and ends. */
function resume(
  world: World,
  text: string,
  headers: Readonly<Record<string, string>> = SESSION,
  status = 200,
): void {
  world.send(get(headers))
  const { sink } = world.flight(world.flights.length - 1)
  sink.head(status, '', status === 200 ? STREAM_REPLY : [])
  if (text !== '') sink.data(Buffer.from(text))
  sink.end()
}

const ended = (world: World): string[] => world.told.filter((what) => what.startsWith('ended '))
const answer = (id = 1): string => `id: 2\ndata: ${RESULT.replace('"id":1', `"id":${id}`)}\n\n`

describe('A call whose stream the server closed on purpose', () => {
  it('holds no permit and has no outcome while it waits', () => {
    const world = new World()
    suspend(world)
    assert.equal(world.inFlight.size, 0)
    assert.equal(world.settled.length, 1)
    assert.deepEqual(ended(world), [])
    assert.equal(world.resumptions.size, 1)
  })

  it('ends with the answer on a later stream of its session', () => {
    const world = new World()
    suspend(world)
    resume(world, answer())
    assert.deepEqual(ended(world), ['ended ok'])
    assert.equal(world.resumptions.size, 0)
    resume(world, answer())
    assert.deepEqual(ended(world), ['ended ok'])
  })

  it('ends with the answer as it passes, not with the end of the stream', () => {
    const world = new World()
    suspend(world)
    world.send(get(SESSION))
    const { sink } = world.flight(1)
    sink.head(200, 'OK', STREAM_REPLY)
    assert.deepEqual(ended(world), [])
    sink.data(Buffer.from(answer()))
    assert.deepEqual(ended(world), ['ended ok'])
  })

  it('waits on when the later stream ends without the answer, or is refused', () => {
    const world = new World()
    suspend(world)
    resume(world, '')
    resume(world, PRIMING)
    resume(world, 'data: {"id":9,"result":{}}\n\n')
    resume(world, '', SESSION, 405)
    resume(world, '', SESSION, 503)
    assert.deepEqual(ended(world), [])
    assert.equal(world.resumptions.size, 1)
    resume(world, answer())
    assert.deepEqual(ended(world), ['ended ok'])
  })

  it('is not found on the stream of another session or upstream', () => {
    const world = new World()
    suspend(world)
    resume(world, answer(), { 'mcp-session-id': 's2' })
    resume(world, answer(), {})
    assert.deepEqual(ended(world), [])
    const other = { ...get(SESSION), upstreamName: 'other' }
    assert.deepEqual(world.resumptions.waitingFor(other), [])
    assert.equal(world.resumptions.waitingFor(get(SESSION)).length, 1)
  })

  it('is told from others of its session by its id', () => {
    const world = new World()
    suspend(world, SESSION, 1)
    suspend(world, SESSION, 2)
    resume(world, answer(2))
    assert.equal(world.resumptions.size, 1)
    resume(world, 'data: {"id":1,"error":{"code":5}}\n\n')
    assert.deepEqual(ended(world), ['ended ok', 'ended rpc_error'])
  })

  it('ends as closed when its time is up, and not before', () => {
    const world = new World()
    suspend(world)
    world.clock.now += 59_999
    world.resumptions.sweep()
    assert.deepEqual(ended(world), [])
    world.clock.now += 1
    world.resumptions.sweep()
    assert.deepEqual(ended(world), ['ended upstream_failed closed'])
    resume(world, answer())
    assert.equal(ended(world).length, 1)
  })

  it('ends as closed when the table is full and it is the oldest, and the limit is counted', () => {
    const world = new World()
    suspend(world, SESSION, 1)
    suspend(world, SESSION, 2)
    assert.ok(!world.told.includes('limit suspended_calls'))
    suspend(world, SESSION, 3)
    assert.deepEqual(ended(world), ['ended upstream_failed closed'])
    assert.ok(world.told.includes('limit suspended_calls'))
    assert.equal(world.resumptions.size, 2)
    resume(world, answer(1) + answer(2) + answer(3))
    assert.deepEqual(ended(world), ['ended upstream_failed closed', 'ended ok', 'ended ok'])
  })

  it('makes room by time whenever the table is swept, before it makes room by number', () => {
    const world = new World()
    suspend(world, SESSION, 1)
    suspend(world, SESSION, 2)
    world.clock.now += 60_000
    world.resumptions.sweep()
    suspend(world, SESSION, 3)
    assert.equal(world.resumptions.size, 1)
    assert.ok(!world.told.includes('limit suspended_calls'))
  })

  it('ends as closed at a shutdown', () => {
    const world = new World()
    suspend(world)
    world.resumptions.endAll()
    assert.deepEqual(ended(world), ['ended upstream_failed closed'])
    assert.equal(world.resumptions.size, 0)
  })
})

describe('A call whose client hung up in a session', () => {
  /** Makes a call whose client leaves after what the stream has said. */
  function leave(
    world: World,
    said: string,
    body: unknown = CALL,
    headers: Readonly<Record<string, string>> = SESSION,
  ): void {
    const client = world.send(post(body, headers))
    const { sink } = world.flight(world.flights.length - 1)
    sink.head(200, 'OK', STREAM_REPLY)
    if (said !== '') sink.data(Buffer.from(said))
    client.hangUp()
  }

  it('waits for its client to come back when its stream can be resumed', () => {
    const world = new World()
    leave(world, PRIMING)
    assert.equal(world.flight().aborted, 1)
    assert.deepEqual(ended(world), [])
    assert.deepEqual(world.settled, ['cancelled'])
    resume(world, answer())
    assert.deepEqual(ended(world), ['ended ok'])
  })

  it('ends as cancelled when nobody comes back, at the instant it was left', () => {
    const world = new World()
    const at: number[] = []
    const { observer } = world.stages
    Object.assign(observer, {
      begin: () => ({
        attemptStarted: () => undefined,
        attemptEnded: () => {},
        ended: (outcome: { kind: string }, atMs: number) => {
          world.told.push(`ended ${outcome.kind}`)
          at.push(atMs)
        },
      }),
    })
    world.clock.now = 5_000
    leave(world, PRIMING)
    world.clock.now += 60_000
    world.resumptions.sweep()
    assert.deepEqual(ended(world), ['ended cancelled'])
    assert.deepEqual(at, [5_000], 'the wait is no part of the call')
  })

  it('ends as cancelled at once when there is nothing to come back to', () => {
    const stateless = {
      ...CALL,
      params: { name: 'a', _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } },
    }
    const rows: readonly (readonly [string, unknown, Readonly<Record<string, string>>])[] = [
      ['', CALL, SESSION],
      ['data: {"method":"a"}\n\n', CALL, SESSION],
      [PRIMING, CALL, {}],
      [PRIMING, stateless, SESSION],
    ]
    for (const [said, body, headers] of rows) {
      const world = new World()
      leave(world, said, body, headers)
      assert.deepEqual(ended(world), ['ended cancelled'], JSON.stringify([said, headers]))
      assert.equal(world.resumptions.size, 0)
    }
  })
})

describe('A call that is posted to HTTP+SSE', () => {
  const open = (world: World): FakeClient =>
    world.send(exchangeOf('stream', { httpMethod: 'GET', endpoint: 'sse_stream', sessionId: 's' }))
  const call = (world: World, id = 1): FakeClient =>
    world.send({ ...post({ ...CALL, id }), endpoint: 'sse_post', sessionId: 's' })

  it('is answered on the stream, though its own reply comes later', () => {
    const world = new World()
    open(world)
    world.flight(0).sink.head(200, 'OK', STREAM_REPLY)
    call(world)
    world.flight(0).sink.data(Buffer.from(`data: ${RESULT}\n\n`))
    assert.deepEqual(ended(world), ['ended ok'])
    world.flight(1).sink.head(202, 'Accepted', [])
    world.flight(1).sink.end()
    assert.deepEqual(ended(world), ['ended ok'])
    assert.equal(world.resumptions.size, 0)
  })

  it('waits as long as its stream lives, and ends with it', () => {
    const world = new World()
    open(world)
    world.flight(0).sink.head(200, 'OK', STREAM_REPLY)
    call(world)
    world.flight(1).sink.head(202, 'Accepted', [])
    world.flight(1).sink.end()
    world.clock.now += 10_000_000
    world.resumptions.sweep()
    assert.deepEqual(ended(world), [])
    world.flight(0).sink.end()
    assert.deepEqual(ended(world), ['ended upstream_failed closed'])
    assert.equal(world.resumptions.size, 0)
  })

  it('ends as cancelled when its client closes the stream', () => {
    const world = new World()
    const listener = open(world)
    world.flight(0).sink.head(200, 'OK', STREAM_REPLY)
    call(world)
    listener.hangUp()
    assert.deepEqual(ended(world), ['ended cancelled'])
  })

  it('ends with its own reply when that one says that it was not taken', () => {
    for (const [status, outcome] of [
      [400, 'ended upstream_status'],
      [503, 'ended upstream_failed http_5xx'],
    ] as const) {
      const world = new World()
      open(world)
      world.flight(0).sink.head(200, 'OK', STREAM_REPLY)
      call(world)
      world.flight(1).sink.head(status, '', JSON_REPLY)
      world.flight(1).sink.end()
      assert.deepEqual(ended(world), [outcome])
      assert.equal(world.resumptions.size, 0)
    }
  })

  it('is told from another session by its stream', () => {
    const world = new World()
    open(world)
    world.flight(0).sink.head(200, 'OK', STREAM_REPLY)
    world.send({ ...post(CALL), endpoint: 'sse_post', sessionId: 'other' })
    world.flight(0).sink.data(Buffer.from(`data: ${RESULT}\n\n`))
    assert.deepEqual(ended(world), [])
    assert.equal(world.resumptions.size, 1)
  })
})
