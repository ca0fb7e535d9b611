import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Call } from '../../src/core/exchange.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { Ledger } from '../../src/pipeline/ledger.ts'
import { SUSPENDED_BY_SERVER } from '../../src/pipeline/resumptions.ts'
import { exchangeOf, nameOf, World } from './fakes.ts'
import { readMessages } from '../mcp/messages.ts'

const OK: Outcome = { kind: 'ok' }
const CANCELLED: Outcome = { kind: 'cancelled' }
const RESET: Outcome = { kind: 'upstream_failed', reason: 'reset', sent: true }
const TOOL_ERROR: Outcome = { kind: 'tool_error' }
const INTERNAL: Outcome = { kind: 'internal' }

function ledgerOf(methods: readonly string[]): {
  world: World
  ledger: Ledger
  calls: readonly Call[]
} {
  const world = new World()
  const exchange = exchangeOf('message')
  const bodies = methods.map((method, id) => (method === '' ? { id, result: {} } : { id, method }))
  exchange.calls = (bodies.length === 0 ? [] : readMessages(bodies)).map((message) => ({
    exchange,
    message,
    trace: undefined,
    outcome: undefined,
  }))
  const ledger = new Ledger(exchange, world.stages)
  ledger.begin()
  return { world, ledger, calls: exchange.calls }
}

describe('The books of an exchange', () => {
  it('take one outcome per call, the first', () => {
    const { world, ledger, calls } = ledgerOf(['a', 'b'])
    ledger.endCall(1, TOOL_ERROR)
    ledger.endCall(1, OK)
    ledger.endCall(0, OK)
    ledger.endAll(CANCELLED)
    ledger.endAll(RESET)
    assert.deepEqual(
      calls.map((call) => call.outcome),
      [OK, TOOL_ERROR],
    )
    const ends = world.told.filter((what) => what.startsWith('ended '))
    assert.deepEqual(ends, ['ended tool_error', 'ended ok'])
    assert.equal(world.told.filter((what) => what.startsWith('exchange ')).length, 1)
  })

  it('close with what is left open, and tell calls before their exchange', () => {
    const { world, ledger } = ledgerOf(['a', 'b'])
    ledger.endCall(0, OK)
    ledger.endAll(RESET)
    assert.deepEqual(world.told.slice(2), [
      'attempt ok',
      'ended ok',
      'attempt upstream_failed reset',
      'ended upstream_failed reset',
      'exchange upstream_failed reset',
    ])
  })

  it('ignore a call that is not there', () => {
    const { world, ledger } = ledgerOf(['a'])
    ledger.endCall(5, OK)
    assert.deepEqual(world.told, ['begin a'])
  })

  it('follow no response of the client, which still gets its outcome', () => {
    const { world, ledger, calls } = ledgerOf([''])
    ledger.endAll(OK)
    assert.equal(calls[0]?.outcome, OK)
    assert.deepEqual(world.told, ['exchange ok'])
  })

  it('give the exchange the worst outcome of its calls', () => {
    const rows: readonly (readonly [readonly Outcome[], string])[] = [
      [[OK, RESET, TOOL_ERROR], 'upstream_failed reset'],
      [[RESET, INTERNAL], 'upstream_failed reset'],
      [[OK, CANCELLED], 'cancelled'],
      [[OK, INTERNAL], 'internal'],
      [[OK, TOOL_ERROR], 'tool_error'],
      [[CANCELLED, OK], 'cancelled'],
      [[OK, OK], 'ok'],
    ]
    for (const [outcomes, expected] of rows) {
      const { ledger } = ledgerOf(outcomes.map(() => 'a'))
      for (const [index, outcome] of outcomes.entries()) ledger.endCall(index, outcome)
      assert.equal(nameOf(ledger.outcome(OK)), expected)
    }
    assert.equal(nameOf(ledgerOf([]).ledger.outcome(RESET)), 'upstream_failed reset')
  })

  it('log faults for everyone and the rest for the curious, without arguments', () => {
    const { world, ledger } = ledgerOf(['a'])
    world.clock.now += 12.3456
    ledger.endAll(RESET)
    assert.deepEqual(world.logged, [
      {
        event: 'sidelight.call.ended',
        fields: {
          'sidelight.upstream.name': 'up',
          'mcp.method.name': 'a',
          'gen_ai.tool.name': undefined,
          'gen_ai.prompt.name': undefined,
          'sidelight.outcome': 'upstream_failed',
          'sidelight.outcome.reason': 'reset',
          'error.type': 'reset',
          'sidelight.call.duration': 0.012346,
        },
      },
    ])
  })
})

describe('A suspended call', () => {
  it('has no outcome when its exchange ends', () => {
    const { world, ledger, calls } = ledgerOf(['a'])
    ledger.suspendCall(0, SUSPENDED_BY_SERVER)
    ledger.endAll(OK)
    assert.equal(calls[0]?.outcome, undefined)
    assert.deepEqual(world.told, ['begin a', 'exchange ok'])
    assert.equal(world.resumptions.size, 1)
  })

  it('gets its outcome where it waits, once', () => {
    const { world, ledger, calls } = ledgerOf(['a'])
    ledger.suspendCall(0, SUSPENDED_BY_SERVER)
    ledger.endAll(OK)
    world.resumptions.endAll()
    world.resumptions.endAll()
    assert.equal(calls[0]?.outcome?.kind, 'upstream_failed')
    const expected = ['attempt upstream_failed closed', 'ended upstream_failed closed']
    assert.deepEqual(world.told.slice(2), expected)
  })
})
