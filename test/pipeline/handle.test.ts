import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reject, rejectOver } from '../../src/core/outcome.ts'
import type { Stages } from '../../src/pipeline/stages.ts'
import { refuseUnread } from '../../src/pipeline/handle.ts'
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

describe('An exchange', () => {
  it('that is no JSON-RPC is refused before anything is asked of an upstream', () => {
    const world = new World()
    const client = world.send(post('{'))
    assert.deepEqual(client.sent, ['answer 400'])
    assert.deepEqual(world.told, ['exchange rejected malformed'])
    assert.equal(world.permits, 0)
    assert.equal(world.flights.length, 0)
  })

  it('that hits a limit is counted under it', () => {
    const world = new World()
    world.send(post('['.repeat(60)))
    assert.deepEqual(world.told, ['limit depth', 'exchange rejected invalid_request'])
  })

  it('is refused while the sidecar drains', () => {
    const world = new World({
      stages: { drainRejection: () => reject('draining', 'shutting down') },
    })
    const client = world.send(post(CALL))
    assert.deepEqual(client.sent, ['answer 200'])
    assert.equal(world.flights.length, 0)
    world.endedWith('rejected draining')
  })

  it('for an upstream that is not there is told which are', () => {
    const world = new World()
    const client = world.send({ ...post(CALL), upstreamName: 'x'.repeat(500) })
    world.endedWith('rejected unknown_upstream')
    const { text } = JSON.parse(client.answered?.body ?? '').result.content[0]
    assert.ok(
      text.includes(`There is no upstream named "${'x'.repeat(64)}"; configured: up.`),
      text,
    )
  })

  it('that the upstream does not admit is refused, and its limit counted', () => {
    const world = new World({ admit: rejectOver('streams', 'at_capacity', 'full') })
    world.send(post(CALL))
    assert.deepEqual(world.told, [
      'begin tools/call',
      'limit streams',
      'attempt rejected at_capacity',
      'ended rejected at_capacity',
      'exchange rejected at_capacity',
    ])
    assert.deepEqual(world.settled, [])
  })

  it('asks first for its message, then for the sidecar, the upstream and a permit', () => {
    const asked: string[] = []
    const world = new World()
    const before = { ...world.stages }
    Object.assign(world.stages, {
      readEnvelope: (...given: Parameters<Stages['readEnvelope']>) => {
        asked.push('message')
        return before.readEnvelope(...given)
      },
      drainRejection: () => {
        asked.push('sidecar')
        return undefined
      },
      findUpstream: (name: string) => {
        asked.push('upstream')
        return before.findUpstream(name)
      },
    })
    world.send(post(CALL))
    assert.deepEqual(asked, ['message', 'sidecar', 'upstream'])
    assert.equal(world.permits, 1)
  })

  it('without a message passes unread', () => {
    for (const exchange of [
      get(),
      exchangeOf('end_session', { httpMethod: 'DELETE' }),
      exchangeOf('other', { httpMethod: 'OPTIONS', body: Buffer.from('not json') }),
    ]) {
      const world = new World()
      world.send(exchange)
      assert.equal(world.flight().outbound.exchange.httpMethod, exchange.httpMethod)
      assert.equal(world.flight().outbound.body, exchange.body)
      assert.deepEqual(world.told, [])
    }
  })
})

describe('An exchange that was never read', () => {
  it('is answered and told once', () => {
    const world = new World()
    const client = new FakeClient()
    const rejection = rejectOver('body', 'too_large', 'the body is too large')
    refuseUnread(post(''), client, rejection, world.stages)
    assert.deepEqual(client.sent, ['answer 413'])
    assert.deepEqual(world.told, ['limit body', 'exchange rejected too_large'])
  })

  it('because of a defect is answered 500', () => {
    const world = new World()
    const client = new FakeClient()
    refuseUnread(post(''), client, { kind: 'internal' }, world.stages)
    assert.deepEqual(client.sent, ['answer 500'])
    assert.deepEqual(world.told, ['exchange internal'])
  })
})

describe('A call that its client takes back', () => {
  const SESSION = { 'mcp-session-id': 's1' }
  const cancel = (requestId: unknown): object => ({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId },
  })
  const ended = (world: World): string[] => world.told.filter((what) => what.startsWith('ended '))

  it('ends as cancelled though its reply may never come, and once', () => {
    const world = new World()
    world.send(post(CALL, SESSION))
    world.send(post(cancel(1), SESSION))
    assert.deepEqual(ended(world), ['ended cancelled'])
    const { sink } = world.flight(0)
    assert.equal(world.flight(0).aborted, 0, 'the upstream decides what it still says')
    sink.head(200, 'OK', JSON_REPLY)
    sink.data(Buffer.from(RESULT))
    sink.end()
    assert.deepEqual(ended(world), ['ended cancelled'])
    assert.deepEqual(world.settled, ['cancelled'])
  })

  it('is found by its id as a value, in its own session alone', () => {
    const rows: readonly (readonly [unknown, Readonly<Record<string, string>>, string[]])[] = [
      [1, SESSION, ['ended cancelled']],
      ['1', SESSION, []],
      [2, SESSION, []],
      [undefined, SESSION, []],
      [1, { 'mcp-session-id': 's2' }, []],
      [1, {}, []],
    ]
    for (const [requestId, headers, expected] of rows) {
      const world = new World()
      world.send(post(CALL, SESSION))
      world.send(post(cancel(requestId), headers))
      assert.deepEqual(ended(world), expected, JSON.stringify([requestId, headers]))
    }
  })

  it('without a session is left alone: another client may use the same id', () => {
    const world = new World()
    world.send(post(CALL))
    world.send(post(cancel(1)))
    assert.deepEqual(ended(world), [])
  })

  it('ends where it waits, when its stream was closed before', () => {
    const world = new World()
    world.send(post(CALL, SESSION))
    const { sink } = world.flight(0)
    sink.head(200, 'OK', STREAM_REPLY)
    sink.data(Buffer.from('id: 1\ndata:\n\n'))
    sink.end()
    assert.deepEqual(ended(world), [])
    world.send(post(cancel(1), SESSION))
    assert.deepEqual(ended(world), ['ended cancelled'])
    assert.equal(world.resumptions.size, 0)
  })

  it('by a notification that is refused goes on', () => {
    const world = new World()
    world.send(post(CALL, SESSION))
    Object.assign(world.stages, { drainRejection: () => reject('draining', 'shutting down') })
    world.send(post(cancel(1), SESSION))
    assert.deepEqual(ended(world), ['ended rejected draining'])
  })
})
