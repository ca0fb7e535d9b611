/** A call that waits for its record in the audit log: it goes out once, or never. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AttemptWait } from '../../src/audit/call-audit.ts'
import { attemptStage } from '../../src/cli/audit.ts'
import { CALL, JSON_REPLY, post, RESULT, World } from './fakes.ts'

/** A log that takes its time: `done` ends the wait. */
function slowLog(): {
  readonly attempt: () => AttemptWait
  readonly done: (isDurable: boolean) => void
  readonly left: () => number
} {
  let tell: (isDurable: boolean) => void = () => assert.fail('nobody waits')
  let left = 0
  return {
    attempt: () => ({
      start: (done) => {
        tell = done
      },
      leave: () => {
        left += 1
      },
    }),
    done: (isDurable) => tell(isDurable),
    left: () => left,
  }
}

function worldWith(log: ReturnType<typeof slowLog>): World {
  return new World({ rejections: 'http', stages: { recordAttempt: attemptStage(log) } })
}

describe('A call that waits for its record', () => {
  it('goes out when the record is on the disk, and not before', () => {
    const log = slowLog()
    const world = worldWith(log)
    world.send(post(CALL))
    assert.equal(world.flights.length, 0)
    assert.equal(world.inFlight.size, 1)
    log.done(true)
    const { sink } = world.flight()
    sink.head(200, 'OK', JSON_REPLY)
    sink.data(Buffer.from(RESULT))
    sink.end()
    world.endedWith('ok')
  })

  it('is refused with 503 when there is none, gives its place back, and never goes out', () => {
    const log = slowLog()
    const world = worldWith(log)
    const client = world.send(post(CALL))
    log.done(false)
    assert.deepEqual(client.sent, ['answer 503'])
    assert.equal(world.flights.length, 0)
    world.endedWith('rejected audit_unavailable')
  })

  it('whose client leaves meanwhile gives its place back and never goes out', () => {
    const log = slowLog()
    const world = worldWith(log)
    const client = world.send(post(CALL))
    client.hangUp()
    assert.equal(log.left(), 1)
    assert.equal(world.flights.length, 0)
    world.endedWith('cancelled')
  })

  it('is refused when the sidecar stops meanwhile', () => {
    const log = slowLog()
    const world = worldWith(log)
    world.send(post(CALL))
    world.inFlight.abortAll()
    assert.equal(log.left(), 1)
    assert.deepEqual(world.settled, ['cancelled'])
    assert.equal(world.flights.length, 0)
    assert.equal(world.inFlight.size, 0)
  })
})
