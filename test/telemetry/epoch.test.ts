import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Epoch, toHrTime } from '../../src/telemetry/epoch.ts'

describe('The time since the epoch', () => {
  it('is finer than a millisecond', () => {
    assert.deepEqual(toHrTime(1_700_000_000_123.25), [1_700_000_000, 123_250_000])
    assert.deepEqual(toHrTime(0), [0, 0])
    assert.deepEqual(toHrTime(1_999.999_999_9), [2, 0])
  })

  it('follows the wall clock only when it has stepped by more than 20 ms', () => {
    const time = { wall: 10_000, monotonic: 100 }
    const epoch = new Epoch({ wallMs: () => time.wall, monotonicMs: () => time.monotonic })
    assert.equal(epoch.offsetMs(), 9_900)
    time.wall += 20
    assert.equal(epoch.offsetMs(), 9_900)
    time.monotonic += 5
    assert.deepEqual(epoch.now(), [10, 5_000_000])
    time.wall += 6
    assert.equal(epoch.offsetMs(), 9_921)
    time.wall -= 5_000
    assert.equal(epoch.offsetMs(), 4_921)
  })
})
