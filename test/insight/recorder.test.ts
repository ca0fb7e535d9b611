import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CallObserver } from '../../src/core/observer.ts'
import { ERRORS_MAX, RecentCallLog } from '../../src/insight/recent-calls.ts'
import { createRecorder } from '../../src/insight/recorder.ts'
import { OTHER, Statistics } from '../../src/insight/statistics.ts'
import { OTHER as METRICS_OTHER } from '../../src/telemetry/names.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { BREAKER_OPEN, callOf, OK, pass, TIMEOUT, TOOL_ERROR } from './calls.ts'

interface Parts {
  readonly clock: FakeClock
  readonly statistics: Statistics
  readonly recent: RecentCallLog
  readonly recorder: CallObserver
  full: number
}

function parts(given: { toolsMax?: number; recent?: number } = {}): Parts {
  const clock = new FakeClock()
  const made = { full: 0 }
  const statistics = new Statistics({
    clock,
    upstreams: ['weather', 'files'],
    toolsMax: given.toolsMax ?? 100,
    onFull: () => {
      made.full += 1
    },
  })
  const recent = new RecentCallLog(given.recent ?? 100)
  const recorder = createRecorder({
    clock,
    statistics,
    recent,
    admitName: (_upstream, name) => (name.startsWith('made_up') ? '_OTHER' : name),
    admitMethod: (method) => (method === 'tools/call' || method === 'ping' ? method : '_OTHER'),
    tokensOf: (bytes) => Math.ceil(bytes / 4),
    isLongLived: (method) => method === 'subscriptions/listen',
  })
  return Object.assign(made, { clock, statistics, recent, recorder })
}

describe('Statistics of calls', () => {
  it('count requests, and neither notifications nor long-lived streams', () => {
    const { recorder, statistics, clock } = parts()
    const startMs = clock.nowMs
    pass(recorder, { method: 'ping', startMs, durationMs: 5, outcome: OK })
    pass(recorder, { method: 'subscriptions/listen', startMs, durationMs: 5, outcome: OK })
    const call = callOf({ startMs, method: 'ping' })
    const notification = { ...call, message: { ...call.message, kind: 'notification' as const } }
    assert.equal(recorder.begin(notification), undefined)
    const stats = statistics.upstreamStats(statistics.seriesOf('weather'), '1m')
    assert.equal(stats.calls, 1)
  })

  it('keep durations of failures apart, and have none of calls that were refused', () => {
    const { recorder, statistics, clock } = parts()
    const startMs = clock.nowMs
    for (let i = 0; i < 3; i += 1) pass(recorder, { startMs, durationMs: 100, outcome: OK })
    pass(recorder, { startMs, durationMs: 30_000, outcome: TIMEOUT })
    pass(recorder, { startMs, durationMs: 0.1, outcome: BREAKER_OPEN })
    clock.advance(30_000)
    const stats = statistics.upstreamStats(statistics.seriesOf('weather'), '1m')
    assert.equal(stats.calls, 5)
    assert.deepEqual([stats.answered?.calls, stats.failed?.calls, stats.all?.calls], [3, 1, 4])
    assert.equal(stats.answered?.maxMs, 100)
    assert.equal(stats.failed?.minMs, 30_000)
    assert.equal(stats.all?.maxMs, 30_000)
    assert.deepEqual(stats.outcomes, [
      { outcome: 'ok', reason: undefined, calls: 3 },
      { outcome: 'upstream_failed', reason: 'timeout', calls: 1 },
      { outcome: 'rejected', reason: 'breaker_open', calls: 1 },
    ])
    assert.equal(stats.errorRate, 0.4)
    assert.equal(stats.availability, 0.6)
  })

  it('have no durations when nothing was answered, rather than 0', () => {
    const { recorder, statistics, clock } = parts()
    pass(recorder, { startMs: clock.nowMs, durationMs: 50, outcome: TIMEOUT })
    const stats = statistics.upstreamStats(statistics.seriesOf('weather'), '5m')
    assert.equal(stats.answered, undefined)
    assert.equal(stats.all?.meanMs, 50)
    const idle = statistics.upstreamStats(statistics.seriesOf('files'), '5m')
    assert.deepEqual(
      [idle.calls, idle.errorRate, idle.availability, idle.all],
      [0, undefined, undefined, undefined],
    )
  })

  it('let the minute go by while the hour stays', () => {
    const { recorder, statistics, clock } = parts()
    pass(recorder, { startMs: clock.nowMs, durationMs: 1, outcome: OK })
    clock.advance(61_000)
    const series = statistics.seriesOf('weather')
    const calls = (window: '1m' | '5m' | '1h' | '24h'): number =>
      statistics.upstreamStats(series, window).calls
    assert.deepEqual([calls('1m'), calls('5m'), calls('1h'), calls('24h')], [0, 1, 1, 1])
    clock.advance(3_600_000)
    assert.deepEqual([calls('1m'), calls('5m'), calls('1h'), calls('24h')], [0, 0, 0, 1])
    clock.advance(24 * 3_600_000)
    assert.deepEqual([calls('1m'), calls('5m'), calls('1h'), calls('24h')], [0, 0, 0, 0])
  })

  it('show calls under way, of tools that are known', () => {
    const { recorder, statistics, clock } = parts()
    const startMs = clock.nowMs
    pass(recorder, { startMs, durationMs: 1, outcome: OK })
    const follower = recorder.begin(callOf({ startMs }))
    const series = statistics.seriesOf('weather')
    assert.equal(series.inFlight, 1)
    assert.equal(series.tools.get('add')?.inFlight, 1)
    follower?.ended(OK, startMs + 1)
    assert.equal(series.inFlight, 0)
    assert.equal(series.tools.get('add')?.inFlight, 0)
  })

  it('count names that clients make up, and tools beyond the limit, together', () => {
    const made = parts({ toolsMax: 2 })
    const { recorder, statistics, clock } = made
    const startMs = clock.nowMs
    for (const tool of ['a', 'b', 'c', 'd', 'made_up_1', 'made_up_2']) {
      pass(recorder, { tool, startMs, durationMs: 1, outcome: OK })
    }
    const { tools } = statistics.seriesOf('weather')
    assert.deepEqual([...tools.keys()], ['a', 'b', '_OTHER'])
    const other = tools.get('_OTHER')
    assert.ok(other)
    assert.equal(statistics.toolStats(other, '1m').calls, 4)
    assert.equal(made.full, 2)
    assert.equal(OTHER, METRICS_OTHER)
  })

  it('forget a tool that nobody has called for a day, which makes room', () => {
    const { recorder, statistics, clock } = parts({ toolsMax: 1 })
    pass(recorder, { tool: 'old', startMs: clock.nowMs, durationMs: 1, outcome: OK })
    clock.advance(25 * 3_600_000)
    statistics.tick()
    pass(recorder, { tool: 'new', startMs: clock.nowMs, durationMs: 1, outcome: OK })
    assert.deepEqual([...statistics.seriesOf('weather').tools.keys()], ['new'])
  })

  it('have no place fewer for tools because calls of an upstream that is gone end late', () => {
    const made = parts({ toolsMax: 1 })
    const { recorder, statistics, clock } = made
    const follower = recorder.begin(callOf({ tool: 'late', startMs: clock.nowMs }))
    statistics.configure(['files'])
    follower?.attemptEnded(OK, clock.nowMs)
    follower?.ended(OK, clock.nowMs)
    pass(recorder, {
      upstream: 'files',
      tool: 'new',
      startMs: clock.nowMs,
      durationMs: 1,
      outcome: OK,
    })
    assert.deepEqual([...statistics.seriesOf('files').tools.keys()], ['new'])
    assert.equal(made.full, 0)
  })

  it('keep what they know of upstreams that a newer configuration keeps', () => {
    const { recorder, statistics, clock } = parts()
    for (const upstream of ['weather', 'files', 'nowhere']) {
      pass(recorder, { upstream, startMs: clock.nowMs, durationMs: 1, outcome: OK })
    }
    statistics.configure(['files', 'mail'])
    const seen = statistics
      .all()
      .map((series) => [series.upstream, statistics.upstreamStats(series, '1m').calls])
    assert.deepEqual(seen, [
      ['files', 1],
      ['mail', 0],
      ['_OTHER', 1],
    ])
  })
})

describe('Recent calls', () => {
  it('say where the time went, and it is all there', () => {
    const { recorder, recent, clock } = parts()
    const startMs = clock.nowMs
    clock.advance(200)
    pass(recorder, {
      startMs,
      durationMs: 200,
      outcome: OK,
      exchange: { authMs: 1.5, readAtMs: startMs + 3.5, turnMs: 10 },
      attempt: {
        queuedMs: 5,
        connectMs: 3,
        handedMs: startMs + 25,
        headMs: startMs + 90,
        firstEventMs: startMs + 100,
        stream: 'reply',
        requestBytes: 120,
        responseBytes: 4_000,
      },
      resultBytes: 401,
      traceId: 'a'.repeat(32),
    })
    const { calls, lastSeq, missed } = recent.query({ limit: 10 })
    assert.deepEqual({ lastSeq, missed }, { lastSeq: 1, missed: false })
    assert.deepEqual(calls, [
      {
        seq: 1,
        startedAtMs: startMs,
        durationMs: 200,
        upstream: 'weather',
        method: 'tools/call',
        target: 'add',
        outcome: 'ok',
        reason: undefined,
        errorType: undefined,
        counts: 'good',
        traceId: 'a'.repeat(32),
        sampled: true,
        attempts: 1,
        phases: {
          readMs: 2,
          authMs: 1.5,
          queueMs: 15,
          connectMs: 3,
          waitMs: 75,
          bodyMs: 100,
          otherMs: 3.5,
        },
        requestBytes: 120,
        responseBytes: 4_000,
        resultTokens: 101,
      },
    ])
  })

  it('are bounded, and tell who asks too late that calls are gone', () => {
    const { recorder, recent, clock } = parts({ recent: 3 })
    for (let i = 0; i < 5; i += 1) {
      pass(recorder, { startMs: clock.nowMs, durationMs: i, outcome: OK })
    }
    const seqs = (after?: number): readonly number[] =>
      recent.query({ limit: 10, after }).calls.map(({ seq }) => seq)
    assert.deepEqual(seqs(), [5, 4, 3])
    assert.deepEqual(seqs(4), [5])
    assert.equal(recent.query({ limit: 10, after: 1 }).missed, true)
    assert.equal(recent.query({ limit: 10, after: 2 }).missed, false)
    assert.deepEqual(
      recent.query({ limit: 1 }).calls.map(({ seq }) => seq),
      [5],
    )
  })

  it('can be asked for by upstream, tool, ending and error', () => {
    const { recorder, recent, clock } = parts()
    const startMs = clock.nowMs
    pass(recorder, { tool: 'add', startMs, durationMs: 1, outcome: OK })
    pass(recorder, { tool: 'sub', startMs, durationMs: 1, outcome: TOOL_ERROR })
    pass(recorder, { upstream: 'files', tool: 'add', startMs, durationMs: 1, outcome: TIMEOUT })
    const seqs = (query: object): readonly number[] =>
      recent.query({ limit: 10, ...query }).calls.map(({ seq }) => seq)
    assert.deepEqual(seqs({ upstream: 'weather' }), [2, 1])
    assert.deepEqual(seqs({ tool: 'add' }), [3, 1])
    assert.deepEqual(seqs({ outcome: 'tool_error' }), [2])
    assert.deepEqual(seqs({ errorsOnly: true }), [3, 2])
  })

  it('keep the last errors of an upstream however many calls follow', () => {
    const { recorder, recent, clock } = parts({ recent: 2 })
    const startMs = clock.nowMs
    for (let i = 0; i < ERRORS_MAX + 5; i += 1) {
      pass(recorder, {
        startMs,
        durationMs: 1,
        outcome: TIMEOUT,
        traceId: `${i}`.padStart(32, '0'),
      })
    }
    for (let i = 0; i < 5; i += 1) pass(recorder, { startMs, durationMs: 1, outcome: OK })
    const errors = recent.lastErrors('weather')
    assert.equal(ERRORS_MAX, 20)
    assert.equal(errors.length, 20)
    assert.deepEqual([errors[0]?.seq, errors[19]?.seq], [25, 6])
    assert.deepEqual(
      recent.ofTrace('7'.padStart(32, '0')).map(({ seq }) => seq),
      [8],
    )
    recent.keepOnly(new Set(['files']))
    assert.deepEqual(recent.lastErrors('weather'), [])
  })
})
