/** Whether memory grows is told from samples that scatter. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { medianOf, trendOf } from '../../bench/trend.ts'

const points = (mbAt: (index: number) => number): { seconds: number; mb: number }[] =>
  Array.from({ length: 100 }, (_, index) => ({ seconds: index * 10, mb: mbAt(index) }))

describe('the trend of a soak', () => {
  it('is the growth after the first 30 percent of the time', () => {
    // 36 MB an hour are 0.1 MB in ten seconds; before that caches fill.
    const { slopeMbPerHour, firstMb, lastMb } = trendOf(
      points((index) => (index < 30 ? 500 : 100 + index * 0.1)),
    )
    assert.equal(slopeMbPerHour, 36)
    assert.ok(firstMb > 103 && firstMb < 107, String(firstMb))
    assert.ok(lastMb > 107 && lastMb < 110, String(lastMb))
  })

  it('is not moved by what scatters, nor by single samples that are far off', () => {
    const { slopeMbPerHour, mostMb } = trendOf(
      points((index) => (index === 70 ? 900 : 100 + (index % 2))),
    )
    assert.equal(slopeMbPerHour, 0)
    assert.equal(mostMb, 900)
  })

  it('has a median of an even number of values between the two in the middle', () => {
    assert.equal(medianOf([1, 9, 2, 4]), 3)
    assert.equal(medianOf([]), 0)
  })
})
