import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { describe, it } from 'node:test'
import { PooledIds } from '../../src/telemetry/ids.ts'

describe('Ids of traces and spans', () => {
  it('are 16 and 8 of the random bytes that were fetched, each of them used once', () => {
    const ids = new PooledIds((bytes) => bytes.set(bytes.map((_, at) => at % 256)))
    assert.equal(ids.generateTraceId(), '000102030405060708090a0b0c0d0e0f')
    assert.equal(ids.generateSpanId(), '1011121314151617')
    assert.equal(ids.generateSpanId(), '18191a1b1c1d1e1f')
  })

  it('come from fresh bytes when those that were fetched are used up', () => {
    let fetched = 0
    const ids = new PooledIds((bytes) => {
      fetched += 1
      bytes.fill(fetched)
    })
    // 8,192 bytes at a time: 511 trace ids and a span id leave 8, which are too few for one more.
    for (let i = 0; i < 511; i += 1) ids.generateTraceId()
    assert.equal(ids.generateSpanId(), '01'.repeat(8))
    assert.equal(ids.generateTraceId(), '02'.repeat(16))
    assert.equal(fetched, 2)
  })

  it('do not come twice', () => {
    const ids = new PooledIds(randomFillSync)
    const seen = new Set<string>()
    for (let i = 0; i < 3_000; i += 1) seen.add(ids.generateTraceId()).add(ids.generateSpanId())
    assert.equal(seen.size, 6_000)
  })
})
