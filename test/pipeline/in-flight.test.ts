import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { InFlight, type Stoppable } from '../../src/pipeline/in-flight.ts'

function delivery(told: string[], name: string, longLived: boolean): Stoppable {
  return {
    upstreamName: 'up',
    inFlightIndex: -1,
    longLived,
    stop: () => told.push(`stop ${name}`),
    abort: () => told.push(`abort ${name}`),
    cancelCall: () => {},
    tick: () => {},
  }
}

const unexpected = (error: unknown): void => assert.fail(String(error))

describe('The deliveries under way', () => {
  it('are counted by upstream', () => {
    const inFlight = new InFlight(unexpected)
    inFlight.add(delivery([], 'one', false))
    inFlight.add(delivery([], 'two', true))
    inFlight.add({ ...delivery([], 'three', false), upstreamName: 'other' })
    assert.deepEqual(
      [...inFlight.countByUpstream()],
      [
        ['up', 2],
        ['other', 1],
      ],
    )
  })

  it('are counted, each once', () => {
    const inFlight = new InFlight(unexpected)
    const one = delivery([], 'one', false)
    inFlight.add(one)
    inFlight.add(one)
    assert.equal(inFlight.size, 1)
    inFlight.remove(one)
    inFlight.remove(one)
    assert.equal(inFlight.size, 0)
  })

  it('are stopped when they would never end by themselves, and aborted all', () => {
    const told: string[] = []
    const inFlight = new InFlight(unexpected)
    inFlight.add(delivery(told, 'call', false))
    inFlight.add(delivery(told, 'stream', true))
    inFlight.stopLongLived()
    assert.deepEqual(told, ['stop stream'])
    inFlight.abortAll()
    assert.deepEqual(told, ['stop stream', 'abort call', 'abort stream'])
  })

  it('may remove themselves as they are stopped', () => {
    const inFlight = new InFlight(unexpected)
    let aborts = 0
    for (let i = 0; i < 3; i += 1) {
      const one: Stoppable = {
        upstreamName: 'up',
        inFlightIndex: -1,
        longLived: true,
        stop: () => inFlight.remove(one),
        abort: () => {
          aborts += 1
        },
        cancelCall: () => {},
        tick: () => {},
      }
      inFlight.add(one)
    }
    inFlight.stopLongLived()
    inFlight.abortAll()
    assert.equal(inFlight.size, 0)
    assert.equal(aborts, 0)
  })

  it('are waited for until the last is gone', async () => {
    const inFlight = new InFlight(unexpected)
    await inFlight.idle()
    const one = delivery([], 'one', false)
    const two = delivery([], 'two', false)
    inFlight.add(one)
    inFlight.add(two)
    let idle = false
    const wait = async (): Promise<void> => {
      await inFlight.idle()
      idle = true
    }
    const waited = wait()
    inFlight.remove(one)
    await Promise.resolve()
    assert.equal(idle, false)
    inFlight.remove(two)
    await waited
    assert.equal(idle, true)
  })

  it('are each looked at although one fails, and that one is ended', () => {
    const told: string[] = []
    const inFlight = new InFlight((error) => told.push(String(error)))
    const fail = (what: string) => (): never => {
      throw new Error(what)
    }
    inFlight.add({ ...delivery(told, 'first', false), tick: () => told.push('tick first') })
    inFlight.add({ ...delivery(told, 'bad', false), tick: fail('late') })
    inFlight.add({ ...delivery(told, 'worse', false), tick: fail('later'), abort: fail('stuck') })
    inFlight.add({ ...delivery(told, 'last', false), tick: () => told.push('tick last') })
    inFlight.tick(1)
    assert.deepEqual(told, [
      'tick last',
      'Error: later',
      'Error: stuck',
      'Error: late',
      'abort bad',
      'tick first',
    ])
    assert.equal(inFlight.size, 2)
  })
})
