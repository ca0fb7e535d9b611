/** Recorded traffic, of which the true figures are known, played back to the statistics. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { reject, type Outcome } from '../../src/core/outcome.ts'
import { RecentCallLog } from '../../src/insight/recent-calls.ts'
import { createRecorder } from '../../src/insight/recorder.ts'
import { Statistics } from '../../src/insight/statistics.ts'
import type { Durations, WindowStats } from '../../src/insight/views.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { pass, rpcError } from './calls.ts'

interface TrueDurations {
  readonly calls: number
  readonly min: number
  readonly mean: number
  readonly max: number
  readonly p50: number
  readonly p90: number
  readonly p95: number
  readonly p99: number
}

interface TrueFigures {
  readonly calls: number
  readonly eligible: number
  readonly errors: number
  readonly unavailable: number
  readonly outcomes: Readonly<Record<string, number>>
  readonly answered: TrueDurations | null
  readonly failed: TrueDurations | null
  readonly all: TrueDurations | null
  readonly firstEvent: TrueDurations | null
  readonly responseBytes: number
}

interface Recording {
  readonly upstream: string
  readonly tools: readonly string[]
  readonly calls: readonly (readonly [number, number, string, number, number, number])[]
  readonly expected: Readonly<Record<string, TrueFigures>>
}

const RECORDING: Recording = JSON.parse(
  readFileSync(new URL('traffic.json', import.meta.url), 'utf8'),
)

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  ok: { kind: 'ok' },
  tool_error: { kind: 'tool_error' },
  cancelled: { kind: 'cancelled' },
  timeout: { kind: 'upstream_failed', reason: 'timeout', sent: true },
  breaker_open: reject('breaker_open', 'because'),
  unauthenticated: reject('unauthenticated', 'because'),
  '-32602': rpcError(-32602),
  '-32603': rpcError(-32603),
}

/** The names of the recording for what statistics call by kind and reason. */
const NAMES: Readonly<Record<string, string>> = {
  'rpc_error caller': '-32602',
  'rpc_error internal': '-32603',
}

function replay(): Statistics {
  const clock = new FakeClock()
  const startMs = clock.nowMs
  const statistics = new Statistics({
    clock,
    upstreams: [RECORDING.upstream],
    toolsMax: 10,
    onFull: () => assert.fail('there is room for all tools'),
  })
  const recorder = createRecorder({
    clock,
    statistics,
    recent: new RecentCallLog(10),
    admitName: (_upstream, name) => name,
    admitMethod: (method) => method,
    tokensOf: (bytes) => Math.ceil(bytes / 4),
    isLongLived: () => false,
  })
  const ended = RECORDING.calls.toSorted((a, b) => a[0] + a[3] - (b[0] + b[3]))
  for (const [offsetMs, tool, ending, durationMs, firstEventMs, responseBytes] of ended) {
    const callMs = startMs + offsetMs
    clock.nowMs = callMs + durationMs
    const outcome = OUTCOMES[ending]
    assert.ok(outcome, ending)
    pass(recorder, {
      upstream: RECORDING.upstream,
      tool: RECORDING.tools[tool] ?? '',
      startMs: callMs,
      durationMs,
      outcome,
      attempt: {
        headMs: callMs,
        responseBytes,
        ...(firstEventMs < 0 ? {} : { stream: 'reply', firstEventMs: callMs + firstEventMs }),
      },
    })
  }
  clock.nowMs = startMs + 400_000
  return statistics
}

function near(found: number | undefined, exact: number, error: number, what: string): void {
  const off = Math.abs((found ?? NaN) - exact) / exact
  // A duration is counted in whole microseconds.
  assert.ok(off <= error + 0.001 / exact, `${what}: ${found} for ${exact}`)
}

function holdDurations(
  found: Durations | undefined,
  truth: TrueDurations | null,
  error: number,
  what: string,
): void {
  if (truth === null) return assert.equal(found, undefined, what)
  assert.ok(found !== undefined, what)
  assert.equal(found.relativeError, error)
  assert.equal(found.calls, truth.calls)
  near(found.minMs, truth.min, 0, `${what} min`)
  near(found.meanMs, truth.mean, 0.000_001, `${what} mean`)
  near(found.maxMs, truth.max, 0, `${what} max`)
  near(found.p50Ms, truth.p50, error, `${what} p50`)
  near(found.p90Ms, truth.p90, error, `${what} p90`)
  near(found.p95Ms, truth.p95, error, `${what} p95`)
  near(found.p99Ms, truth.p99, error, `${what} p99`)
}

function hold(found: WindowStats, truth: TrueFigures, error: number): void {
  const { calls, eligible, errors, unavailable, responseBytes } = truth
  const { window: _window, coveredMs, ratePerSecond, ...rest } = found
  assert.deepEqual(
    { ...rest, answered: 0, failed: 0, all: 0, firstEvent: 0, outcomes: 0, requestBytes: 0 },
    {
      calls,
      eligible,
      errors,
      unavailable,
      responseBytes,
      errorRate: errors / eligible,
      availability: 1 - unavailable / eligible,
      answered: 0,
      failed: 0,
      all: 0,
      firstEvent: 0,
      outcomes: 0,
      requestBytes: 0,
      resultTokens: 0,
    },
  )
  assert.equal(coveredMs, 400_000)
  assert.equal(ratePerSecond, calls / 400)
  const outcomes = found.outcomes.map(({ outcome, reason, calls: count }) => {
    const key = reason === undefined ? outcome : `${outcome} ${reason}`
    return [NAMES[key] ?? reason ?? outcome, count] as const
  })
  assert.deepEqual(Object.fromEntries(outcomes), truth.outcomes)
  holdDurations(found.answered, truth.answered, error, 'answered')
  holdDurations(found.failed, truth.failed, error, 'failed')
  holdDurations(found.all, truth.all, error, 'all')
  holdDurations(found.firstEvent, truth.firstEvent, error, 'first event')
}

describe('Recorded traffic', () => {
  const statistics = replay()
  const series = statistics.seriesOf(RECORDING.upstream)
  const truthOf = (name: string): TrueFigures => {
    const truth = RECORDING.expected[name]
    assert.ok(truth !== undefined)
    return truth
  }

  for (const window of ['1h', '24h'] as const) {
    it(`shows the true figures of its upstream within 1 %, in the last ${window}`, () => {
      hold(statistics.upstreamStats(series, window), truthOf('upstream'), 0.01)
      hold(statistics.totalStats(window), truthOf('upstream'), 0.01)
    })

    it(`shows the true figures of its tools within 2.5 %, in the last ${window}`, () => {
      assert.deepEqual([...series.tools.keys()].toSorted(), RECORDING.tools.toSorted())
      for (const [name, tool] of series.tools) {
        hold(statistics.toolStats(tool, window), truthOf(name), 0.025)
      }
    })
  }

  it('shows every call once in the curve of its hour', () => {
    const points = statistics.timeline(series, '1h')
    assert.equal(points.length, 60)
    assert.equal(
      points.reduce((sum, { calls }) => sum + calls, 0),
      1_200,
    )
    assert.deepEqual(
      points.slice(0, 53).map(({ calls }) => calls),
      Array.from({ length: 53 }, () => 0),
    )
  })
})
