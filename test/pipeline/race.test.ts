/** Two attempts at one call, of which the first reply is passed on. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { TransportFailure } from '../../src/upstream/transport.ts'
import { CALL, JSON_REPLY, post, RESULT, World, type FakeFlight } from './fakes.ts'

const RESET: TransportFailure = { reason: 'reset', sent: true, stale: false, detail: 'ECONNRESET' }
const REFUSED: TransportFailure = {
  reason: 'connect',
  sent: false,
  stale: false,
  detail: 'ECONNREFUSED',
}
const TIMEOUTS = { callMs: 30_000, callMaxMs: 30_000, firstByteMs: Infinity, idleMs: Infinity }

/** A call whose second attempt is under way beside its first. */
function race(options = {}): { world: World; client: ReturnType<World['send']> } {
  const world = new World({ hedges: true, timeouts: TIMEOUTS, ...options })
  const client = world.send(post(CALL))
  world.hedge()
  return { world, client }
}

function answer(world: World, index: number): void {
  world.flight(index).sink.head(200, 'OK', JSON_REPLY)
  world.flight(index).sink.data(Buffer.from(RESULT))
  world.flight(index).sink.end()
}

const attemptsOf = (world: World): readonly string[] =>
  world.told.filter((what) => /^(?:attempt|hedge|one)/.test(what))

describe('A second attempt beside the first', () => {
  it('is the call’s when it answers first, and the first is given up', () => {
    const { world, client } = race()
    answer(world, 1)
    assert.equal(world.flight(0).aborted, 1)
    assert.deepEqual(client.sent, ['head 200 OK', `write ${RESULT}`, 'end'])
    assert.deepEqual(attemptsOf(world), [
      'attempt 1',
      'attempt 2',
      'attempt 1 cancelled',
      'hedge won',
      'attempt 2 ok',
    ])
    world.endedWith('ok')
  })

  it('is given up when the first answers after all', () => {
    const { world, client } = race()
    answer(world, 0)
    assert.equal(world.flight(1).aborted, 1)
    assert.deepEqual(client.sent, ['head 200 OK', `write ${RESULT}`, 'end'])
    assert.deepEqual(attemptsOf(world), [
      'attempt 1',
      'attempt 2',
      'attempt 2 cancelled',
      'hedge lost',
      'attempt 1 ok',
    ])
    world.endedWith('ok')
  })

  it('is not made when the first has answered, or the call is over', () => {
    const world = new World({ hedges: true })
    world.send(post(CALL))
    answer(world, 0)
    assert.ok(world.told.includes('hedge taken back'))
    world.endedWith('ok')
    const left = new World({ hedges: true })
    left.send(post(CALL)).hangUp()
    assert.ok(left.told.includes('hedge taken back'))
    left.endedWith('cancelled')
  })

  it('makes up for a first that fails, and the first for it', () => {
    for (const [failing, other] of [
      [0, 1],
      [1, 0],
    ] as const) {
      for (const fail of ['failed', 'head 500', 'head 429'] as const) {
        const { world, client } = race()
        const { sink } = world.flight(failing)
        if (fail === 'failed') sink.failed(RESET)
        else sink.head(Number(fail.slice(5)), '', [])
        assert.deepEqual(client.sent, [])
        assert.equal(world.flight(other).aborted, 0)
        answer(world, other)
        assert.deepEqual(client.sent, ['head 200 OK', `write ${RESULT}`, 'end'])
        assert.equal(world.told.filter((what) => what.startsWith('one failed')).length, 1)
        assert.ok(world.told.includes(other === 1 ? 'hedge won' : 'hedge lost'))
        world.endedWith('ok')
      }
    }
  })

  it('leaves its failure to the call when both fail, and that one may have run', () => {
    const { world, client } = race()
    world.flight(1).sink.failed(RESET)
    world.flight(0).sink.failed(REFUSED)
    assert.match(client.answered?.body ?? '', /It is not known whether the tool ran/)
    assert.deepEqual(attemptsOf(world), [
      'attempt 1',
      'attempt 2',
      'attempt 2 upstream_failed reset',
      'one failed upstream_failed reset',
      'hedge lost',
      'attempt 1 upstream_failed connect',
    ])
    world.endedWith('upstream_failed connect')
  })

  it('passes an error on when the other has failed before', () => {
    const { world, client } = race()
    world.flight(0).sink.failed(RESET)
    world.flight(1).sink.head(500, 'Oops', [])
    world.flight(1).sink.end()
    assert.deepEqual(client.sent, ['head 500 Oops', 'end'])
    world.endedWith('upstream_failed http_5xx')
  })

  it('ends with the first when the call is late, when its client leaves, and when the sidecar stops', () => {
    const ways: readonly [string, (one: ReturnType<typeof race>) => void][] = [
      ['upstream_failed timeout', ({ world }) => world.inFlight.tick((world.clock.now += 30_000))],
      ['cancelled', ({ client }) => client.hangUp()],
      ['internal', ({ world }) => world.inFlight.abortAll()],
    ]
    for (const [outcome, end] of ways) {
      const one = race()
      end(one)
      const { world } = one
      assert.deepEqual(
        world.flights.map(({ aborted }) => aborted),
        [1, 1],
      )
      world.endedWith(outcome)
      assert.equal(world.told.filter((what) => what === 'hedge lost').length, 1)
    }
  })

  it('is late as sent when the first still waits for a connection', () => {
    const { world, client } = race()
    world.flight(1).outbound.attempt.handedMs = world.clock.now
    world.inFlight.tick((world.clock.now += 30_000))
    assert.match(client.answered?.body ?? '', /It is not known whether the tool ran/)
  })

  it('is not for sessions, requests with a proof for one use or over their bytes, or retries', () => {
    for (const headers of [{ 'mcp-session-id': 's' }, { dpop: 'x' }, { signature: 'x' }]) {
      const world = new World({ hedges: true })
      world.send(post(CALL, headers))
      assert.throws(() => world.hedge(), { message: 'nobody asked for a second attempt' })
    }
    const world = new World({ hedges: true, retries: 1 })
    world.send(post(CALL))
    world.flight(0).sink.failed(REFUSED)
    world.hedge = () => assert.fail('asked again')
    world.again(true)
    answer(world, 1)
    world.endedWith('ok')
  })

  it('ends each attempt once and the call once, whatever happens in which order', () => {
    const steps = fc.array(fc.tuple(fc.nat(1), fc.constantFrom(...STEPS)), { maxLength: 8 })
    fc.assert(
      fc.property(steps, fc.boolean(), (taken, hedged) => {
        const world = new World({ hedges: true, timeouts: TIMEOUTS })
        const client = world.send(post(CALL))
        if (hedged) world.hedge()
        const replies = world.flights.map((flight) => new Script(flight))
        for (const [which, step] of [...taken, [0, 'late'] as const]) {
          if (step === 'late') world.inFlight.tick((world.clock.now += 30_000))
          else if (step === 'leave') client.hangUp()
          else replies[which]?.play(step)
        }
        const ends = world.told.filter((one) => /^attempt \d \w/.test(one))
        const numbers = ends.map((one) => Number(one.split(' ')[1]))
        assert.equal(numbers.length, world.flights.length)
        assert.deepEqual(new Set(numbers), new Set(world.flights.map((_, index) => index + 1)))
        assert.equal(world.settled.length, 1)
        assert.equal(world.told.filter((one) => one.startsWith('ended')).length, 1)
        const told = world.told.filter((one) => /^hedge (?:won|lost)/.test(one)).length
        assert.equal(told, hedged ? 1 : 0)
        assert.equal(world.inFlight.size, 0)
      }),
      { numRuns: 2_000 },
    )
  })
})

const STEPS = ['head', 'head 503', 'data', 'end', 'failed', 'refused', 'late', 'leave'] as const

/** What one upstream says, in an order that is possible, until its flight is aborted. */
class Script {
  readonly #flight: FakeFlight
  #began = false
  #over = false

  constructor(flight: FakeFlight) {
    this.#flight = flight
  }

  play(step: (typeof STEPS)[number]): void {
    if (this.#flight.aborted > 0 || this.#over) return
    const { sink } = this.#flight
    if (step === 'failed' || step === 'refused') {
      this.#over = true
      sink.failed(step === 'failed' || this.#began ? RESET : REFUSED)
    } else if (!this.#began && step.startsWith('head')) {
      this.#began = true
      sink.head(step === 'head' ? 200 : 503, '', JSON_REPLY)
    } else if (this.#began) this.#goOn(step)
  }

  #goOn(step: string): void {
    if (step === 'data') this.#flight.sink.data(Buffer.from(RESULT))
    if (step !== 'end') return
    this.#over = true
    this.#flight.sink.end()
  }
}
