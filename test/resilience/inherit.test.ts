/** What a guard knows of its server stays when the server is configured otherwise. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SETTINGS } from './breaker-fakes.ts'
import { failed, GuardRig, OK, toolCall } from './guard-rig.ts'

const BREAKER = { ...SETTINGS, slowStartMs: 0 }
const CRASH = { kind: 'rpc_error', code: -32603 } as const

/** The guard of the same server under other settings. */
function follower(
  before: GuardRig,
  settings: ConstructorParameters<typeof GuardRig>[0] = {},
): GuardRig {
  const rig = new GuardRig(settings)
  rig.now = before.now
  rig.guard.inherit(before.guard)
  return rig
}

describe('A guard of the same server under a newer configuration', () => {
  it('counts failures on', () => {
    const before = new GuardRig()
    before.calls(4, failed('timeout'))
    const rig = follower(before)
    assert.deepEqual(rig.calls(2, failed('timeout')), ['ok', 'breaker_open'])
    assert.deepEqual(rig.told, ['upstream closed>open failures_in_row', 'refused by upstream'])
    assert.deepEqual(before.told, [])
  })

  it('goes by its own settings', () => {
    const before = new GuardRig()
    before.calls(4, failed('timeout'))
    const rig = follower(before, { breaker: { ...BREAKER, failuresInRow: 7 } })
    assert.deepEqual(rig.calls(4, failed('timeout')), ['ok', 'ok', 'ok', 'breaker_open'])
    const other = follower(before, { breaker: { ...BREAKER, windowMs: 60_000 } })
    assert.equal(other.guard.breaker?.view(other.now).calls, 0)
  })

  it('stays open until its time is over, and told', () => {
    const before = new GuardRig()
    before.calls(5, failed('timeout'))
    before.now += 2_000
    const rig = follower(before)
    assert.equal(rig.call(OK), 'breaker_open')
    rig.wait(2_999)
    assert.equal(rig.guard.view().state, 'open')
    rig.wait(1)
    assert.equal(rig.guard.view().state, 'half_open')
    assert.deepEqual(rig.calls(3, OK), ['ok', 'ok', 'ok'])
    assert.equal(rig.guard.view().state, 'closed')
  })

  it('counts calls that the earlier one let through', () => {
    const before = new GuardRig()
    const exchange = toolCall()
    const pass = before.admit(exchange)
    assert.ok('kind' in pass && pass.kind === 'pass')
    const rig = follower(before)
    rig.calls(4, failed('timeout'))
    before.end(pass, exchange, failed('timeout'))
    assert.equal(rig.guard.view().state, 'open')
    assert.equal(before.guard.view().active, 0)
  })

  it('keeps orders by hand, breakers of tools, and what the upstream asked for', () => {
    const before = new GuardRig()
    before.calls(20, CRASH, { tool: 'broken' })
    const order = { mode: 'forced_open', reason: 'test', actor: 'ann', untilMs: 600_000 } as const
    before.guard.force('held', order)
    before.call({ kind: 'upstream_status', status: 429 }, { head: [429, ['Retry-After', '1']] })
    const rig = follower(before)
    assert.equal(rig.call(OK, { tool: 'sound' }), 'throttled')
    rig.wait(1_000)
    assert.deepEqual(
      ['broken', 'held', 'sound'].map((tool) => rig.call(OK, { tool })),
      ['breaker_open', 'breaker_open', 'ok'],
    )
    rig.wait(5_000)
    assert.deepEqual(rig.calls(3, OK, { tool: 'broken' }), ['ok', 'ok', 'ok'])
    assert.ok(rig.told.includes('broken half_open>closed trials_passed'))
    assert.deepEqual(rig.guard.view().tools, [
      { tool: 'broken', state: 'closed' },
      { tool: 'held', state: 'open' },
    ])
  })

  it('has no breaker when the newer configuration has none, and begins anew when the older had none', () => {
    const before = new GuardRig()
    before.calls(5, failed('timeout'))
    const off = follower(before, { breaker: undefined, toolBreaker: undefined })
    assert.equal(off.call(OK), 'ok')
    assert.equal(follower(off).call(OK), 'ok')
  })

  it('refuses nothing any more when it only reports', () => {
    const before = new GuardRig()
    before.calls(5, failed('timeout'))
    const rig = follower(before, { breaker: { ...BREAKER, reportOnly: true } })
    assert.equal(rig.call(OK), 'ok')
    assert.equal(rig.guard.view().state, 'open')
  })
})
