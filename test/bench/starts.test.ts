/** Several starts of one target count together. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { roundsOfStarts } from '../../bench/rounds.ts'
import { together, type OneStart } from '../../bench/starts.ts'

describe('the starts of a target', () => {
  it('share the rounds in turns, and have two at least', () => {
    assert.deepEqual(roundsOfStarts(6, 3), [
      [0, 3],
      [1, 4],
      [2, 5],
    ])
    assert.deepEqual(roundsOfStarts(5, 3), [
      [0, 2, 4],
      [1, 3],
    ])
    assert.deepEqual(roundsOfStarts(2, 3), [[0, 1]])
    assert.deepEqual(roundsOfStarts(1, 3), [[0]])
    assert.deepEqual(roundsOfStarts(4, 1), [[0, 1, 2, 3]])
  })

  it('give one target with all windows, the sums of what its sinks took, and medians of the rest', () => {
    const measured = together('full-10', [
      startOf({ rounds: [0, 2], calls: 100, spans: 20, idleMb: 80, wallMs: 300 }),
      startOf({ rounds: [1, 3], calls: 300, spans: 60, idleMb: 90, wallMs: 400 }),
    ])
    assert.deepEqual(
      measured.windows.map(({ round }) => round),
      [0, 1, 2, 3],
    )
    assert.deepEqual(measured.telemetry, { spans: 80, spansPerCall: 0.2, exports: 4, bytes: 14 })
    assert.equal(measured.rssIdleMb, 85)
    assert.deepEqual(measured.start, { wallMs: 350, cpuMs: 50 })
  })

  it('have no telemetry and no start where there is no sink and the load starts them', () => {
    const measured = together('mcp-remote', [
      { ...startOf({ rounds: [0] }), sink: undefined, start: undefined, rssIdleMb: null },
    ])
    assert.equal(measured.telemetry, null)
    assert.equal(measured.start, null)
    assert.equal(measured.rssIdleMb, null)
  })
})

interface Facts {
  readonly rounds: readonly number[]
  readonly calls?: number
  readonly spans?: number
  readonly idleMb?: number
  readonly wallMs?: number
}

function startOf({ rounds, calls = 1, spans = 1, idleMb = 1, wallMs = 1 }: Facts): OneStart {
  return {
    target: 'full-10',
    windows: rounds.map((round) => ({
      round,
      calls: 10,
      seconds: 1,
      callsPerSecond: 10,
      p50Ms: 1,
      p99Ms: 1,
      p999Ms: 1,
      errors: { status: 0, content: 0, connection: 0, unanswered: 0 },
      cpuUsPerCall: 1,
      cpuUserUsPerCall: 1,
      cpuSystemUsPerCall: 0,
      rssMb: 1,
      foreignCores: 0,
      loopDelayP99Ms: 0,
      lateP99Ms: null,
    })),
    callsInAll: calls,
    sink: { kind: 'stats', exports: 2, bytes: 7, spans },
    rssIdleMb: idleMb,
    rssAfterMb: idleMb,
    start: { wallMs, cpuMs: 50 },
  }
}
