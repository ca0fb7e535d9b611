import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  HealthJudge,
  overall,
  type HealthFacts,
  type HealthThresholds,
} from '../../src/insight/health.ts'
import type { HealthReport, HealthVerdict } from '../../src/insight/views.ts'

const THRESHOLDS: HealthThresholds = {
  warning: { errorRate: 0.05, p95Ms: 3_000 },
  critical: { errorRate: 0.1, p95Ms: 10_000 },
  callsMin: 10,
  recoverAfterMs: 60_000,
}

function facts(given: {
  readonly calls?: number
  readonly errors?: number
  readonly p95Ms?: number
  readonly breaker?: HealthFacts['breaker']
  readonly up?: boolean
}): HealthFacts {
  const { calls = 100, errors = 0, p95Ms = 100 } = given
  return {
    rates: { calls, eligible: calls, errors, unavailable: 0 },
    p95: { calls, p95Ms: calls === 0 ? undefined : p95Ms },
    breaker: given.breaker,
    up: given.up,
  }
}

const judge = (given: Parameters<typeof facts>[0]): HealthVerdict =>
  new HealthJudge(THRESHOLDS).judge('weather', facts(given), 0, 1_000)

const brief = ({ level, reasons }: HealthVerdict): readonly string[] => [
  level,
  ...reasons.map(({ code, text }) => `${code}: ${text}`),
]

describe('The verdict on an upstream', () => {
  it('is HEALTHY without reasons when calls succeed in time', () => {
    assert.deepEqual(brief(judge({ errors: 5, p95Ms: 3_000 })), ['HEALTHY'])
  })

  it('says which figure is beyond which limit', () => {
    assert.deepEqual(judge({ errors: 6 }), {
      level: 'WARNING',
      sinceMs: 1_000,
      reasons: [
        {
          code: 'error_rate',
          level: 'WARNING',
          value: 0.06,
          threshold: 0.05,
          calls: 100,
          text: '6 % of 100 calls in 5 minutes failed; the limit is 5 %',
        },
      ],
    })
    assert.deepEqual(brief(judge({ errors: 11 })), [
      'CRITICAL',
      'error_rate: 11 % of 100 calls in 5 minutes failed; the limit is 10 %',
    ])
  })

  it('is WARNING and CRITICAL for slow calls too, and names the worst reason first', () => {
    assert.deepEqual(brief(judge({ errors: 6, p95Ms: 12_340 })), [
      'CRITICAL',
      'p95: 95 % of 100 calls in 5 minutes took up to 12.3 s; the limit is 10 s',
      'error_rate: 6 % of 100 calls in 5 minutes failed; the limit is 5 %',
    ])
    assert.equal(judge({ p95Ms: 3_001 }).level, 'WARNING')
  })

  it('is CRITICAL when the breaker is open or the health check fails, whatever calls came', () => {
    assert.deepEqual(brief(judge({ calls: 0, breaker: 'open', up: false })), [
      'CRITICAL',
      'upstream_down: its health check fails',
      'breaker_open: its circuit breaker is open',
    ])
    assert.equal(judge({ breaker: 'half_open' }).level, 'WARNING')
    assert.equal(judge({ breaker: 'closed', up: true }).level, 'HEALTHY')
  })

  it('rests on no less than the minimum of calls', () => {
    assert.deepEqual(brief(judge({ calls: 1, errors: 1, p95Ms: 60_000 })), [
      'UNKNOWN',
      'little_traffic: 1 call in 5 minutes; no health check has succeeded',
    ])
    assert.deepEqual(brief(judge({ calls: 9, errors: 9, up: true })), [
      'HEALTHY',
      'little_traffic: 9 calls in 5 minutes; its health checks pass',
    ])
    assert.equal(judge({ calls: 10, errors: 2 }).level, 'CRITICAL')
    assert.deepEqual(brief(judge({ calls: 0 })), [
      'UNKNOWN',
      'no_traffic: no calls in 5 minutes; no health check has succeeded',
    ])
  })

  it('is worse at once and better only after a while without a break', () => {
    const one = new HealthJudge(THRESHOLDS)
    const at = (nowMs: number, errors: number): string =>
      brief(one.judge('weather', facts({ errors }), nowMs, nowMs)).join(' | ')
    assert.equal(at(0, 0), 'HEALTHY')
    assert.match(at(5_000, 20), /^CRITICAL \| error_rate/)
    assert.match(at(10_000, 0), /^CRITICAL \| recovering/)
    // It fails again: the time begins anew.
    assert.match(at(15_000, 20), /^CRITICAL \| error_rate/)
    assert.match(at(20_000, 6), /^CRITICAL \| recovering.*error_rate/)
    assert.match(at(79_999, 6), /^CRITICAL \| recovering/)
    assert.match(at(80_000, 6), /^WARNING \| error_rate/)
    assert.match(at(139_999, 0), /^WARNING \| recovering/)
    assert.match(at(199_999, 0), /^HEALTHY$/)
    assert.equal(one.verdict('weather', 0).sinceMs, 199_999)
  })
})

describe('The verdict on all upstreams', () => {
  const report = (...levels: readonly HealthVerdict['level'][]): HealthReport =>
    overall(
      levels.map((level, index) => ({ upstream: `u${index}`, level, sinceMs: index, reasons: [] })),
      1_000,
    )

  it('is that on the worst, which no number of good ones hides', () => {
    assert.equal(report('HEALTHY', 'HEALTHY', 'CRITICAL', 'WARNING').level, 'CRITICAL')
    assert.equal(report('HEALTHY', 'WARNING', 'UNKNOWN').level, 'WARNING')
    assert.equal(report('UNKNOWN', 'HEALTHY').level, 'HEALTHY')
    assert.equal(report('UNKNOWN', 'UNKNOWN').level, 'UNKNOWN')
    assert.equal(report().level, 'UNKNOWN')
  })
})
