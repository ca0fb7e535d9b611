import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Backoff } from '../../../src/upstream/stdio/backoff.ts'

describe('A server that ends as soon as it is started', () => {
  it('is started again after 250 ms, then after twice as long each time, at most 30 s', () => {
    const backoff = new Backoff()
    let now = 1_000
    const waits: number[] = []
    for (let i = 0; i < 10; i += 1) {
      backoff.failed(now)
      waits.push(backoff.waitMs(now))
      now += backoff.waitMs(now)
      assert.equal(backoff.waitMs(now), 0)
    }
    assert.deepEqual(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  })

  it('may be started at once before it failed for the first time', () => {
    assert.equal(new Backoff().waitMs(0), 0)
  })

  it('waits for what is left of the time', () => {
    const backoff = new Backoff()
    backoff.failed(1_000)
    assert.deepEqual(
      [1_000, 1_249, 1_250, 9_999].map((now) => backoff.waitMs(now)),
      [250, 1, 0, 0],
    )
  })

  it('is started at once when one has been of use, and then begins anew', () => {
    const backoff = new Backoff()
    for (let i = 0; i < 5; i += 1) backoff.failed(0)
    assert.equal(backoff.waitMs(0), 4_000)
    backoff.reset()
    assert.equal(backoff.waitMs(0), 0)
    backoff.failed(0)
    assert.equal(backoff.waitMs(0), 250)
  })

  it('never waits for longer than 30 s, however often it failed', () => {
    const backoff = new Backoff()
    for (let i = 0; i < 5_000; i += 1) backoff.failed(0)
    assert.equal(backoff.waitMs(0), 30_000)
  })
})
