import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Limiter } from '../../src/resilience/limiter.ts'

describe('A limiter', () => {
  it('lets in as many as it has places, and again whoever comes when one has left', () => {
    const limiter = new Limiter(2)
    assert.equal(limiter.tryEnter(), true)
    assert.equal(limiter.tryEnter(), true)
    assert.equal(limiter.tryEnter(), false)
    assert.equal(limiter.inFlight, 2)
    limiter.leave()
    assert.equal(limiter.inFlight, 1)
    assert.equal(limiter.tryEnter(), true)
    assert.equal(limiter.tryEnter(), false)
  })
})
