import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { combineObservers } from '../../src/core/combine-observers.ts'
import type { AttemptTarget, CallFollower, CallObserver } from '../../src/core/observer.ts'
import type { Call, Exchange } from '../../src/core/exchange.ts'
import { headerOf } from '../../src/core/exchange.ts'
import { readMessages } from '../mcp/messages.ts'
import { exchangeOf } from '../pipeline/fakes.ts'

const [MESSAGE] = readMessages([{ method: 'ping' }])
assert.ok(MESSAGE)
const EXCHANGE: Exchange = exchangeOf('message')
const CALL: Call = {
  exchange: EXCHANGE,
  message: MESSAGE,
  trace: undefined,
  outcome: undefined,
}
const TARGET: AttemptTarget = { upstreamName: 'a', carrier: 'tcp', address: 'h', port: 1 }

function observer(told: string[], name: string, traceparent: string | undefined): CallObserver {
  const follower: CallFollower = {
    attemptStarted: (_target, attempt, atMs) => {
      told.push(`${name} attempt ${attempt} at ${atMs}`)
      return traceparent === undefined ? undefined : { traceparent, tracestate: '' }
    },
    breakersChanged: (changes, atMs) => told.push(`${name} ${changes.length} changed at ${atMs}`),
    attemptEnded: (outcome) => told.push(`${name} attempt ${outcome.kind}`),
    ended: (outcome) => told.push(`${name} ended ${outcome.kind}`),
  }
  return {
    begin: () => (name === 'deaf' ? undefined : follower),
    exchangeEnded: (_exchange, outcome) => told.push(`${name} exchange ${outcome.kind}`),
    limitHit: (limit) => told.push(`${name} limit ${limit}`),
  }
}

describe('Several observers', () => {
  it('are each told everything, and the first injection wins', () => {
    const told: string[] = []
    const all = combineObservers([
      observer(told, 'a', undefined),
      observer(told, 'deaf', 'never'),
      observer(told, 'b', 'first'),
      observer(told, 'c', 'second'),
    ])
    const follower = all.begin(CALL)
    assert.deepEqual(follower?.attemptStarted(TARGET, 1, 5), {
      traceparent: 'first',
      tracestate: '',
    })
    follower?.breakersChanged?.([], 6)
    follower?.attemptEnded({ kind: 'ok' }, 6)
    follower?.ended({ kind: 'ok' }, 6)
    all.exchangeEnded(EXCHANGE, { kind: 'ok' })
    all.limitHit('body')
    const each = ['attempt 1 at 5', '0 changed at 6', 'attempt ok', 'ended ok']
    assert.deepEqual(told, [
      ...each.flatMap((what) => ['a', 'b', 'c'].map((name) => `${name} ${what}`)),
      ...['a', 'deaf', 'b', 'c'].map((name) => `${name} exchange ok`),
      ...['a', 'deaf', 'b', 'c'].map((name) => `${name} limit body`),
    ])
  })

  it('are no more than itself when there is one', () => {
    const only = observer([], 'a', undefined)
    assert.equal(combineObservers([only]), only)
  })
})

describe('A header', () => {
  it('that came more than once is joined as HTTP says', () => {
    assert.equal(headerOf({ a: 'x' }, 'a'), 'x')
    assert.equal(headerOf({ a: ['x', 'y'] }, 'a'), 'x, y')
    assert.equal(headerOf({}, 'a'), undefined)
  })
})
