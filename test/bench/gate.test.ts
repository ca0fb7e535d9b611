/** The gate of the benchmark fails on what is certain, and on nothing else. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { estimate, judge, type PairFigures } from '../../bench/gate-verdict.ts'

describe('the gate', () => {
  it('says nothing of fewer than five ratios', () => {
    assert.equal(estimate([2, 2, 2, 2]), undefined)
  })

  it('takes all of five ratios as bounds', () => {
    assert.deepEqual(estimate([2.1, 1.9, 2, 2.2, 1.8]), { median: 2, low: 1.8, high: 2.2 })
  })

  it('leaves out the farthest at each end of eight and of nine ratios, and none of seven', () => {
    const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)
    assert.deepEqual(estimate(upTo(7)), { median: 4, low: 1, high: 7 })
    assert.deepEqual(estimate(upTo(8)), { median: 4.5, low: 2, high: 7 })
    assert.deepEqual(estimate(upTo(9)), { median: 5, low: 2, high: 8 })
  })

  it('passes below the limit, fails above it, and does not tell in between', () => {
    assert.equal(judge(pairs([1.9, 1.95, 2, 2.05, 2.1]), 2.2), 'pass')
    assert.equal(judge(pairs([2.3, 2.35, 2.4, 2.45, 2.5]), 2.2), 'fail')
    assert.equal(judge(pairs([2.1, 2.35, 2.4, 2.45, 2.5]), 2.2), 'unclear')
  })

  it('fails on nothing that was measured beside other programs', () => {
    assert.equal(judge(pairs([2.3, 2.35, 2.4, 2.45, 2.5], 1), 2.2), 'unclear')
    assert.equal(judge(pairs([1.9, 1.95, 2, 2.05, 2.1], 1), 2.2), 'pass')
  })

  it('believes five pairs that were left alone, whatever others say', () => {
    const noisy = pairs([3, 3.1, 3.2], 1)
    assert.equal(judge([...noisy, ...pairs([1.9, 1.95, 2, 2.05, 2.1])], 2.2), 'pass')
    assert.equal(judge([...noisy, ...pairs([2.3, 2.35, 2.4, 2.45, 2.5])], 2.2), 'fail')
  })

  it('is not misled by one pair that went wrong among nine', () => {
    assert.equal(judge(pairs([2, 2.01, 1.99, 2.02, 1.98, 2, 2.01, 1.99, 9]), 2.2), 'pass')
  })
})

function pairs(ratios: readonly number[], foreignCores = 0): PairFigures[] {
  return ratios.map((ratio) => ({ ratio, foreignCores }))
}
