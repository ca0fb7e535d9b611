import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GradientLimit } from '../../src/resilience/gradient.ts'

describe('An adaptive limit', () => {
  it('grows to its maximum while calls take as long as always', () => {
    const limit = new GradientLimit({ min: 8, max: 256 })
    assert.equal(limit.limit, 20)
    for (let i = 0; i < 2_000; i += 1) limit.record(50, limit.limit)
    assert.equal(limit.limit, 256)
  })

  it('shrinks to its minimum when calls take ten times as long', () => {
    const limit = new GradientLimit({ min: 8, max: 256 })
    for (let i = 0; i < 2_000; i += 1) limit.record(50, limit.limit)
    for (let i = 0; i < 60; i += 1) limit.record(500, limit.limit)
    assert.ok(limit.limit <= 20, `${limit.limit}`)
    assert.ok(limit.limit >= 8, `${limit.limit}`)
  })

  it('comes back when calls are fast again', () => {
    const limit = new GradientLimit({ min: 8, max: 256 })
    for (let i = 0; i < 2_000; i += 1) limit.record(50, limit.limit)
    for (let i = 0; i < 60; i += 1) limit.record(500, limit.limit)
    for (let i = 0; i < 2_000; i += 1) limit.record(50, limit.limit)
    assert.equal(limit.limit, 256)
  })

  it('does not move while few calls are under way', () => {
    const limit = new GradientLimit({ min: 8, max: 256 })
    for (let i = 0; i < 100; i += 1) limit.record(50, 2)
    assert.equal(limit.limit, 20)
  })

  it('never begins above its maximum', () => {
    assert.equal(new GradientLimit({ min: 2, max: 4 }).limit, 4)
  })
})
