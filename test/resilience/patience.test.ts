import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Patience } from '../../src/resilience/patience.ts'

describe('What an agent is asked to wait', () => {
  it('doubles with each call that comes too soon, up to sixteen times', () => {
    const patience = new Patience()
    const asked = Array.from({ length: 7 }, (_, i) => patience.retryAfterMs('a', 1_000, i))
    assert.deepEqual(asked, [1_000, 2_000, 4_000, 8_000, 16_000, 16_000, 16_000])
  })

  it('is never more than five minutes', () => {
    const patience = new Patience()
    for (let i = 0; i < 5; i += 1) patience.retryAfterMs('a', 60_000, i)
    assert.equal(patience.retryAfterMs('a', 60_000, 5), 300_000)
  })

  it('is the usual again for one that waited', () => {
    const patience = new Patience()
    patience.retryAfterMs('a', 1_000, 0)
    patience.retryAfterMs('a', 1_000, 1)
    assert.equal(patience.retryAfterMs('a', 1_000, 2_001), 1_000)
  })

  it('is not what another agent brought about', () => {
    const patience = new Patience()
    patience.retryAfterMs('a', 1_000, 0)
    assert.equal(patience.retryAfterMs('b', 1_000, 1), 1_000)
  })

  it('is remembered for 1024 callers', () => {
    const patience = new Patience()
    for (let i = 0; i < 5_000; i += 1) patience.retryAfterMs(String(i), 1_000, 0)
    assert.equal(patience.size, 1_024)
  })
})
