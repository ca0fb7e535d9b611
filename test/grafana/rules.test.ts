/** The rules of Prometheus: what they are, and when they fire. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { alertRules } from '../../grafana/src/rules/files.ts'
import { REAL_TIME } from '../../grafana/src/scale.ts'
import { THRESHOLDS } from '../../grafana/src/thresholds.ts'
import { runTool, skipWithout } from '../support/monitoring-tools.ts'
import { CALL_CASES } from './cases/call-cases.ts'
import { testRules } from './cases/promtool.ts'
import { SECURITY_CASES } from './cases/security-cases.ts'
import { SIDECAR_CASES } from './cases/sidecar-cases.ts'
import { UPSTREAM_CASES } from './cases/upstream-cases.ts'

const CASES = [...CALL_CASES, ...UPSTREAM_CASES, ...SECURITY_CASES, ...SIDECAR_CASES]

/** It always fires, by intention. */
const ALWAYS = 'SidelightWatchdog'

/** The alert whose case has to notice that a threshold was doubled or halved. */
const NOTICED_BY: Readonly<Record<string, string>> = {
  error_ratio: 'SidelightErrorRateHigh',
  error_ratio_critical: 'SidelightErrorRateCritical',
  latency_p95_seconds: 'SidelightLatencyP95High',
  availability_ratio: 'SidelightAvailabilityLow',
  availability_budget_ratio: 'SidelightAvailabilityBudgetBurn',
  latency_budget_ratio: 'SidelightLatencyBudgetBurn',
  error_calls_min: 'SidelightErrorRateHigh',
  latency_calls_min: 'SidelightLatencyP95High',
  slowSeconds: 'SidelightLatencyBudgetBurn',
  criticalErrorsMin: 'SidelightErrorRateCritical',
  unavailableCallsMin: 'SidelightAvailabilityLow',
  breakerOpensIn30m: 'SidelightBreakerFlapping',
  upstreamFlipsIn30m: 'SidelightUpstreamFlapping',
  refusedForWantOfRoomIn5m: 'SidelightPoolExhausted',
  saturationRatio: 'SidelightPoolSaturated',
  throttlesIn10m: 'SidelightUpstreamThrottled',
  crashesIn10m: 'SidelightProcessCrashing',
  repeatedCallsIn5m: 'SidelightAgentLooping',
  callsAfterRefusalIn5m: 'SidelightAgentIgnoresRefusals',
  collectorQueueRatio: 'SidelightCollectorQueueFilling',
  restartsIn30m: 'SidelightRestarting',
  eventLoopUtilization: 'SidelightOverloaded',
  eventLoopDelaySeconds: 'SidelightEventLoopSlow',
  limitHitsIn5m: 'SidelightLimitHit',
  refusedTokensIn5m: 'SidelightAuthFailureSpike',
  refusedTokensTimesUsual: 'SidelightAuthFailureSpike',
  forgedTokensIn10m: 'SidelightForgedTokens',
  decisionsIn10m: 'SidelightEveryoneDenied',
  keysAgeSeconds: 'SidelightKeysStale',
  undecidedIn5m: 'SidelightAuthUnavailable',
  auditBacklog: 'SidelightAuditFilling',
}

/** Twice or half as far from what is always fine. */
function mutate(name: string, value: number, factor: number): number {
  // A bound of the histogram: there is none at twice or half of it in the cases.
  if (name === 'slowSeconds') return factor > 1 ? 10 : 2
  return name === 'availability_ratio' ? 1 - (1 - value) * factor : value * factor
}

describe('rules of Prometheus', () => {
  it('pass the checks of promtool', { skip: skipWithout('promtool') }, () => {
    const files = ['grafana/rules/recording.yaml', 'grafana/rules/alerts.yaml']
    const { ok, text } = runTool('promtool', [
      'check',
      'rules',
      '--lint=all',
      '--lint-fatal',
      ...files,
    ])
    assert.ok(ok, text)
  })

  it(
    'fire when they should, not just below, not with little traffic, and not for ever',
    { skip: skipWithout('promtool') },
    () => {
      const { ok, text } = testRules(CASES)
      assert.ok(ok, text)
    },
  )

  it(
    'have no threshold that could be another one without a test noticing',
    { skip: skipWithout('promtool') },
    () => {
      const { upstream, fixed } = THRESHOLDS
      assert.deepEqual(
        [...Object.keys(upstream), ...Object.keys(fixed)].toSorted(),
        Object.keys(NOTICED_BY).toSorted(),
      )
      const unnoticed: string[] = []
      for (const [name, alert] of Object.entries(NOTICED_BY)) {
        const found = CASES.filter((one) => one.alert === alert && one.about === undefined)
        assert.ok(found.length > 0, alert)
        const change = (values: Readonly<Record<string, number>>, factor: number) =>
          Object.fromEntries(
            Object.entries(values).map(([key, value]) => [
              key,
              key === name ? mutate(name, value, factor) : value,
            ]),
          )
        for (const factor of [2, 0.5]) {
          const thresholds = {
            upstream: { ...upstream, ...change(upstream, factor) },
            fixed: { ...fixed, ...change(fixed, factor) },
          }
          for (const one of found) {
            const { ok } = testRules([one], { scale: REAL_TIME, thresholds })
            if (ok) unnoticed.push(`${name} times ${factor}: ${alert} ${one.where ?? ''}`)
          }
        }
      }
      assert.deepEqual(unnoticed, [])
    },
  )

  it('are each shown what makes them fire, what does not quite, and what nobody should notice', () => {
    for (const rule of alertRules().filter(({ alert }) => alert !== ALWAYS)) {
      const long = rule.labels?.['long']
      const cases = CASES.filter(
        ({ alert, where = '' }) =>
          alert === rule.alert && (long === undefined || where.includes(`"${long}"`)),
      )
      const about = `${rule.alert} ${long ?? ''}`
      const times = cases.map(({ firing }) =>
        Object.values(firing).map((alerts) => alerts.length > 0),
      )
      assert.ok(
        times.some((fires) => fires.join(' ').includes('false true false')),
        `${about} begins and ends`,
      )
      const series = cases.flatMap((one) => Object.keys(one.series)).join('\n')
      assert.match(series, /="below"/, `${about} has a subject just below its threshold`)
      assert.match(series, /="quiet"/, `${about} has a subject that is nobody's concern`)
    }
  })
})
