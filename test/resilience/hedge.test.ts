/** When a call that is slow gets a second attempt beside its first, and what that costs. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SecondAttempt } from '../../src/resilience/permit.ts'
import type { GuardPass } from '../../src/resilience/guard-pass.ts'
import { failed, GuardRig, OK, read, request, toolCall } from './guard-rig.ts'

interface Scene {
  readonly rig: GuardRig
  readonly pass: GuardPass
  readonly begun: SecondAttempt[]
  readonly takeBack: () => void
  readonly end: (outcome?: Parameters<GuardRig['end']>[2]) => void
}

function scene(rig = new GuardRig()): Scene {
  const exchange = toolCall('read_mail')
  const pass = rig.guard.admit(exchange)
  assert.ok(pass.kind === 'pass')
  assert.equal(pass.hedges, true)
  const begun: SecondAttempt[] = []
  const takeBack = pass.hedge((second) => void begun.push(second))
  return { rig, pass, begun, takeBack, end: (outcome = OK) => rig.end(pass, exchange, outcome) }
}

describe('A second attempt beside the first', () => {
  it('is for tools that are named for it, alone and as no task', () => {
    const named = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'read_mail' } }
    const task = { ...named, params: { name: 'read_mail', task: { ttl: 1 } } }
    for (const exchange of [
      toolCall('send_mail'),
      request('tools/list'),
      read([named]),
      read(task),
    ]) {
      const pass = new GuardRig().guard.admit(exchange)
      assert.ok(pass.kind === 'pass')
      assert.equal(pass.hedges, false)
    }
  })

  it('comes when the call has been slow for so long, with a place of its own, paid by the budget', () => {
    const { rig, begun, end } = scene()
    rig.wait(499)
    assert.equal(begun.length, 0)
    rig.wait(1)
    assert.equal(begun.length, 1)
    assert.deepEqual([rig.guard.view().active, rig.guard.view().retriesLeft], [2, 9])
    begun[0]?.ended('won')
    assert.equal(rig.guard.view().active, 1)
    end()
    assert.equal(rig.guard.view().active, 0)
    assert.deepEqual(rig.told, ['hedge won'])
  })

  it('does not come when the call is over, or it is taken back', () => {
    const over = scene()
    over.end()
    over.rig.wait(1_000)
    assert.equal(over.begun.length, 0)
    const taken = scene()
    taken.takeBack()
    taken.rig.wait(1_000)
    assert.equal(taken.begun.length, 0)
    assert.equal(taken.rig.timers, 0)
  })

  it('does not come while the breaker is not closed, or the upstream asked for time', () => {
    const paused = scene()
    paused.rig.calls(5, failed('connect'))
    paused.rig.wait(500)
    assert.equal(paused.begun.length, 0)
    const busy = scene()
    busy.rig.call({ kind: 'upstream_status', status: 429 }, { head: [429, ['Retry-After', '9']] })
    busy.rig.wait(500)
    assert.equal(busy.begun.length, 0)
  })

  it('takes no place from calls: not the last one, and none while they wait', () => {
    const rig = new GuardRig({ concurrency: 1 })
    const { begun } = scene(rig)
    rig.wait(500)
    assert.equal(begun.length, 0)
    assert.deepEqual([rig.guard.view().active, rig.guard.view().retriesLeft], [1, 10])
  })

  it('does not come when the budget is used up, which is counted', () => {
    const rig = new GuardRig({
      retries: {
        ratio: 0,
        perSecond: 0,
        attempts: 2,
        mayRepeatTool: () => false,
        hedge: { afterMs: 500, mayHedgeTool: () => true },
      },
    })
    const { begun } = scene(rig)
    rig.wait(500)
    assert.equal(begun.length, 0)
    assert.deepEqual(rig.told, ['retry refused'])
    assert.equal(rig.guard.view().active, 1)
  })

  it('counts in the breaker when it fails, and gives its place back once', () => {
    const { rig, begun, end } = scene()
    rig.wait(500)
    begun[0]?.failed(failed('reset'), undefined)
    begun[0]?.ended('lost')
    assert.equal(rig.guard.view().active, 1)
    end()
    const view = rig.guard.breaker?.view(rig.now)
    assert.deepEqual([view?.calls, view?.failed], [2, 1])
    assert.equal(rig.guard.view().active, 0)
  })

  it('counts for nothing when it is given up', () => {
    const { rig, begun, end } = scene()
    rig.wait(500)
    begun[0]?.ended('lost')
    end()
    const view = rig.guard.breaker?.view(rig.now)
    assert.deepEqual([view?.calls, view?.failed], [1, 0])
  })
})
