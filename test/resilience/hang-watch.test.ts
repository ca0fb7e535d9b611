/** An upstream that hangs while calls wait for a place is found out by health checks. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ProbeResult } from '../../src/resilience/breaker-state.ts'
import type { GuardPass } from '../../src/resilience/guard-pass.ts'
import { failed, GuardRig, OK, refusedFor, toolCall } from './guard-rig.ts'

type Waiting = ReturnType<GuardRig['admit']>

/** Two places that are taken by calls without an answer, and three calls that wait. */
class Hung {
  readonly asked: ((result: ProbeResult) => void)[] = []
  readonly rig: GuardRig
  readonly waiting: readonly Waiting[]
  readonly #calls = [toolCall('slow'), toolCall('slow')] as const
  readonly #passes: readonly GuardPass[]

  constructor(queueMs = 60_000) {
    this.rig = new GuardRig({ concurrency: 2, queueMs }, (done) => {
      this.asked.push((result) => done(result, this.rig.now))
    })
    this.#passes = this.#calls.map((exchange) => {
      const pass = this.rig.admit(exchange)
      assert.ok('kind' in pass && pass.kind === 'pass')
      return pass
    })
    this.waiting = Array.from({ length: 3 }, () => this.rig.admit(toolCall()))
  }

  end(index: 0 | 1, outcome: Parameters<GuardRig['end']>[2]): void {
    const pass = this.#passes[index]
    assert.ok(pass !== undefined)
    this.rig.end(pass, this.#calls[index], outcome)
  }

  /** The upstream takes five seconds not to answer. */
  answer(result: ProbeResult): void {
    this.rig.wait(5_000)
    const last = this.asked.at(-1)
    assert.ok(last)
    last(result)
  }
}

describe('An upstream all of whose places are taken', () => {
  it('is asked when nothing has ended well for a second, and paused when it does not answer twice', () => {
    const hung = new Hung()
    hung.rig.wait(900)
    assert.equal(hung.asked.length, 0)
    hung.rig.wait(200)
    assert.equal(hung.asked.length, 1)
    hung.answer('dead')
    assert.deepEqual(hung.waiting.map(refusedFor), [undefined, undefined, undefined])
    hung.rig.wait(200)
    assert.equal(hung.asked.length, 2)
    hung.answer('dead')
    assert.deepEqual(hung.waiting.map(refusedFor), ['breaker_open', 'breaker_open', 'breaker_open'])
    assert.equal(hung.rig.told[0], 'upstream closed>open probe_failed')
    // What still hangs ends by its own time, and counts for nothing any more.
    hung.end(0, failed('timeout'))
    hung.end(1, failed('timeout'))
    assert.equal(hung.rig.guard.view().active, 0)
    assert.equal(hung.rig.told.filter((what) => what === 'upstream late').length, 2)
  })

  it('is only slow when it answers checks, and is asked again later', () => {
    const hung = new Hung()
    hung.rig.wait(1_100)
    hung.answer('dead')
    hung.rig.wait(200)
    hung.answer('alive')
    hung.rig.wait(4_900)
    assert.equal(hung.asked.length, 2)
    hung.rig.wait(200)
    assert.equal(hung.asked.length, 3)
    hung.answer('dead')
    assert.equal(hung.rig.guard.view().state, 'closed')
  })

  it('is only slow when a call ends well between two checks that were not answered', () => {
    const hung = new Hung()
    hung.rig.wait(1_100)
    hung.answer('dead')
    hung.end(0, OK)
    hung.rig.wait(1_200)
    hung.answer('dead')
    assert.equal(hung.rig.guard.view().state, 'closed')
  })

  it('is only slow when a call ended well during the check', () => {
    const hung = new Hung()
    hung.rig.wait(1_100)
    hung.answer('dead')
    hung.rig.wait(200)
    hung.end(0, OK)
    hung.answer('dead')
    assert.equal(hung.rig.guard.view().state, 'closed')
  })

  it('is not asked while calls end well', () => {
    const hung = new Hung()
    hung.rig.wait(900)
    hung.end(0, OK)
    hung.rig.wait(900)
    assert.equal(hung.asked.length, 0)
  })

  it('is not paused when it was ordered by hand to stay open for calls', () => {
    const hung = new Hung()
    hung.rig.guard.force(undefined, {
      mode: 'forced_closed',
      reason: 'test',
      actor: 'ann',
      untilMs: hung.rig.now + 600_000,
    })
    hung.rig.wait(1_100)
    hung.answer('dead')
    hung.rig.wait(200)
    hung.answer('dead')
    assert.equal(hung.rig.guard.view().state, 'closed')
  })
})

describe('An upstream that has places left', () => {
  it('is not asked, however long its calls take', () => {
    const asked: unknown[] = []
    const rig = new GuardRig({ concurrency: 2 }, (done) => void asked.push(done))
    rig.admit(toolCall('slow'))
    rig.wait(60_000)
    rig.guard.tick()
    assert.equal(asked.length, 0)
  })
})
