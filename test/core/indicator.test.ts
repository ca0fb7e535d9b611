import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { indicatorOf, type Indicator } from '../../src/core/indicator.ts'
import { reject, UPSTREAM_FAILURES, type Outcome } from '../../src/core/outcome.ts'
import { REJECT_REASONS, type RejectReason } from '../../src/core/reject-reasons.ts'
import { ENDINGS, endingOf } from '../../src/insight/endings.ts'

const rpc = (code: number): Outcome => ({ kind: 'rpc_error', code })

const TABLE: readonly (readonly [Outcome, Indicator])[] = [
  [{ kind: 'ok' }, 'good'],
  [{ kind: 'input_required' }, 'good'],
  [{ kind: 'task' }, 'good'],
  [{ kind: 'tool_error' }, 'error'],
  [rpc(-32603), 'unavailable'],
  [rpc(-32000), 'error'],
  [rpc(42), 'error'],
  // Mistakes of the caller that the upstream answered: it works.
  [rpc(-32602), 'good'],
  [rpc(-32601), 'good'],
  [rpc(-32022), 'good'],
  [{ kind: 'upstream_status', status: 404 }, 'good'],
  [{ kind: 'cancelled' }, 'excluded'],
  [{ kind: 'internal' }, 'unavailable'],
]

const UNAVAILABLE: readonly RejectReason[] = [
  'at_capacity',
  'restarting',
  'breaker_open',
  'throttled',
  'queue_timeout',
  'draining',
  'auth_unavailable',
  'audit_unavailable',
]

describe('What a call counts for', () => {
  it('is this, for every kind of outcome', () => {
    for (const [outcome, indicator] of TABLE) {
      assert.equal(indicatorOf(outcome), indicator, JSON.stringify(outcome))
    }
  })

  it('is against availability for every failure of an upstream', () => {
    for (const reason of UPSTREAM_FAILURES) {
      const outcome: Outcome = { kind: 'upstream_failed', reason, sent: true }
      assert.equal(indicatorOf(outcome), 'unavailable', reason)
    }
  })

  it('is nothing for what is refused because of the caller or the operator', () => {
    for (const reason of REJECT_REASONS) {
      const expected = UNAVAILABLE.includes(reason) ? 'unavailable' : 'excluded'
      assert.equal(indicatorOf(reject(reason, '')), expected, reason)
    }
  })

  it('is kept with every ending that statistics count', () => {
    const outcomes: readonly Outcome[] = [
      ...TABLE.map(([outcome]) => outcome),
      ...UPSTREAM_FAILURES.map((reason): Outcome => ({
        kind: 'upstream_failed',
        reason,
        sent: false,
      })),
      ...REJECT_REASONS.map((reason) => reject(reason, '')),
    ]
    const places = outcomes.map((outcome) => {
      const ending = ENDINGS[endingOf(outcome)]
      assert.equal(ending?.outcome, outcome.kind)
      assert.equal(ending.indicator, indicatorOf(outcome), JSON.stringify(outcome))
      return endingOf(outcome)
    })
    assert.equal(new Set(places).size, ENDINGS.length)
  })
})
