import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Limiter } from '../../src/resilience/limiter.ts'

describe('A limiter', () => {
  it('gives as many permits as it has', () => {
    const limiter = new Limiter(2)
    const first = limiter.tryAcquire()
    assert.ok(first)
    assert.ok(limiter.tryAcquire())
    assert.equal(limiter.tryAcquire(), undefined)
    assert.equal(limiter.inFlight, 2)
    first.settle({ kind: 'ok' })
    assert.equal(limiter.inFlight, 1)
    assert.ok(limiter.tryAcquire())
  })

  it('takes each permit back once', () => {
    const limiter = new Limiter(1)
    const permit = limiter.tryAcquire()
    permit?.settle({ kind: 'ok' })
    permit?.settle({ kind: 'internal' })
    assert.equal(limiter.inFlight, 0)
    assert.ok(limiter.tryAcquire())
    permit?.settle({ kind: 'ok' })
    assert.equal(limiter.inFlight, 1)
    assert.equal(limiter.tryAcquire(), undefined)
  })
})
