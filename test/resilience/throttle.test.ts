import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseRetryAfter, ThrottleGate } from '../../src/resilience/throttle.ts'

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 1, 12, 0, 0)
  const cases: readonly (readonly [string | undefined, number | undefined])[] = [
    ['7', 7_000],
    [' 0 ', 0],
    ['Thu, 01 Jan 2026 12:00:30 GMT', 30_000],
    ['Thursday, 01-Jan-26 12:00:30 GMT', 30_000],
    ['Thu, 01 Jan 2026 11:00:00 GMT', 0],
    [undefined, undefined],
    ['', undefined],
    ['-3', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['12345678901', undefined],
    ['2026', 2_026_000],
  ]
  for (const [text, ms] of cases) {
    it(`${JSON.stringify(text)} asks for ${ms ?? 'nothing'}`, () => {
      assert.equal(parseRetryAfter(text, now), ms)
    })
  }
})

describe('A throttle gate', () => {
  it('is closed until the time is over, and never for more than a minute', () => {
    const gate = new ThrottleGate()
    assert.equal(gate.remainingMs(0), 0)
    gate.close(429, 3_600_000, 1_000)
    assert.equal(gate.remainingMs(1_000), 60_000)
    assert.equal(gate.remainingMs(61_000), 0)
    assert.equal(gate.status, 429)
  })

  it('is not opened earlier by an answer that asks for less', () => {
    const gate = new ThrottleGate()
    gate.close(503, 10_000, 0)
    gate.close(503, 1_000, 0)
    assert.equal(gate.remainingMs(0), 10_000)
  })
})
