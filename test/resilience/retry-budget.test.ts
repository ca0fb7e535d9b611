import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fullJitterMs, RetryBudget } from '../../src/resilience/retry-budget.ts'

const SETTINGS = { ratio: 0.1, perSecond: 1 }

function taken(budget: RetryBudget, atMs: number): number {
  let count = 0
  while (budget.take(atMs)) count += 1
  return count
}

describe('A retry budget', () => {
  it('begins with what ten seconds give', () => {
    assert.equal(taken(new RetryBudget(SETTINGS, 0), 0), 10)
  })

  it('gives one retry for ten calls, and one for each second', () => {
    const budget = new RetryBudget(SETTINGS, 0)
    taken(budget, 0)
    for (let i = 0; i < 100; i += 1) budget.called()
    assert.equal(taken(budget, 0), 10)
    assert.equal(taken(budget, 3_000), 3)
  })

  it('lets retries add a tenth to the load when every call fails, and no more', () => {
    const budget = new RetryBudget(SETTINGS, 0)
    let retries = 0
    // 100 s at 100 calls a second, each of which would be repeated.
    for (let i = 0; i < 10_000; i += 1) {
      budget.called()
      if (budget.take(i * 10)) retries += 1
    }
    assert.ok(retries <= 1_000 + 100 + 10, `${retries} retries`)
    assert.ok(retries >= 1_000, `${retries} retries`)
    assert.equal(budget.refusals, 10_000 - retries)
  })

  it('saves no more than a bounded number up', () => {
    const budget = new RetryBudget(SETTINGS, 0)
    for (let i = 0; i < 1_000_000; i += 1) budget.called()
    assert.equal(budget.left(3_600_000), 110)
  })
})

describe('Full jitter', () => {
  const wait = { baseMs: 100, maxMs: 1_000 }

  it('is anything up to a bound that doubles with each attempt', () => {
    assert.equal(fullJitterMs(1, wait, 0), 0)
    assert.equal(fullJitterMs(1, wait, 0.5), 50)
    assert.equal(fullJitterMs(3, wait, 0.5), 200)
    assert.equal(fullJitterMs(60, wait, 0.5), 500)
  })
})
