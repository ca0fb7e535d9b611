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
    const offsetAfter = (ms: number, stepMs: number): number => {
      time.monotonic += ms
      time.wall += ms + stepMs
      return epoch.offsetMs(time.monotonic)
    }
    assert.equal(offsetAfter(250, 20), 9_900)
    assert.deepEqual(epoch.now(), [10, 250_000_000])
    assert.equal(offsetAfter(250, 1), 9_921)
    assert.equal(offsetAfter(250, -5_000), 4_921)
  })

  it('is looked at four times a second at most', () => {
    const time = { wall: 10_000, looks: 0 }
    const wallMs = (): number => {
      time.looks += 1
      return time.wall
    }
    const epoch = new Epoch({ wallMs, monotonicMs: () => 0 })
    for (let nowMs = 0; nowMs < 1_000; nowMs += 1) epoch.offsetMs(nowMs)
    assert.equal(time.looks, 1 + 3)
  })
})
