/**
 * Series that alerts and dashboards read instead of counting again. Rates are recorded over five
 * minutes; longer windows are averages of these, which weighs by traffic, costs little, and survives
 * sidecars that come and go.
 */

import { UPSTREAM_THRESHOLDS, type UpstreamThreshold } from '../thresholds.ts'
import {
  countedCalls,
  failedCalls,
  quantile,
  slowCalls,
  timedCalls,
  unavailableCalls,
} from './calls.ts'
import { refusedCredentials } from './security-alerts.ts'
import type { RecordingRule, RuleGroup, RuleSettings } from './rule.ts'

/** Windows of burn rates, besides five minutes. */
const LONG_WINDOWS = ['30m', '1h', '2h', '6h', '1d', '3d'] as const

/** Over which budgets are counted. */
const BUDGET_WINDOW = '30d'

export function recordingGroups(settings: RuleSettings): readonly RuleGroup[] {
  return [
    {
      // One group, because each rule reads what the ones before it have just written.
      name: 'sidelight-calls',
      rules: [...callRules(settings), ...thresholdRules(settings), ...ratioRules(settings)],
    },
    {
      name: 'sidelight-budgets',
      interval: settings.scale.time('2m'),
      rules: budgetRules(settings),
    },
  ]
}

function callRules({ scale, thresholds }: RuleSettings): readonly RecordingRule[] {
  const window = scale.time('5m')
  return [
    { record: 'sidelight:calls:rate5m', expr: countedCalls(window) },
    { record: 'sidelight:calls_unavailable:rate5m', expr: unavailableCalls(window) },
    { record: 'sidelight:calls_failed:rate5m', expr: failedCalls(window) },
    { record: 'sidelight:calls_timed:rate5m', expr: timedCalls(window) },
    {
      record: 'sidelight:calls_slow:rate5m',
      expr: slowCalls(thresholds.fixed.slowSeconds, window),
    },
    { record: 'sidelight:auth_refused:rate5m', expr: refusedCredentials(window) },
    { record: 'sidelight:call_duration_seconds:p50_5m', expr: quantile(0.5, window) },
    { record: 'sidelight:call_duration_seconds:p95_5m', expr: quantile(0.95, window) },
    { record: 'sidelight:call_duration_seconds:p99_5m', expr: quantile(0.99, window) },
  ]
}

/** What holds for each upstream that has calls: what is set for it, else what holds for all. */
function thresholdRules({ thresholds }: RuleSettings): readonly RecordingRule[] {
  return Object.keys(UPSTREAM_THRESHOLDS)
    .filter((name): name is UpstreamThreshold => name in UPSTREAM_THRESHOLDS)
    .map((name) => ({
      record: `sidelight:threshold:${name}`,
      expr: `sidelight:calls:rate5m * 0
+ on (sidelight_upstream_name) group_left ()
max by (sidelight_upstream_name) (sidelight:threshold_override{threshold="${name}"})
or
sidelight:calls:rate5m * 0 + ${thresholds.upstream[name]}`,
    }))
}

function ratioRules({ scale }: RuleSettings): readonly RecordingRule[] {
  const over = (series: string, window: string): string =>
    `avg_over_time(${series}:rate5m[${scale.time(window)}])`
  const ratio = (part: string, whole: string): readonly RecordingRule[] => [
    { record: `${part}:ratio_rate5m`, expr: `${part}:rate5m / (${whole}:rate5m > 0)` },
    ...LONG_WINDOWS.map((window) => ({
      record: `${part}:ratio_rate${window}`,
      expr: `${over(part, window)} / (${over(whole, window)} > 0)`,
    })),
  ]
  return [
    {
      record: 'sidelight:calls_failed:ratio_rate5m',
      expr: 'sidelight:calls_failed:rate5m / (sidelight:calls:rate5m > 0)',
    },
    ...ratio('sidelight:calls_unavailable', 'sidelight:calls'),
    ...ratio('sidelight:calls_slow', 'sidelight:calls_timed'),
  ]
}

/** What is left of the budgets of 30 days: 1 is all, 0 is nothing, less is overspent. */
function budgetRules({ scale }: RuleSettings): readonly RecordingRule[] {
  const window = scale.time(BUDGET_WINDOW)
  const left = (part: string, whole: string, budget: string): string =>
    `1 - (
  avg_over_time(${part}:rate5m[${window}]) / (avg_over_time(${whole}:rate5m[${window}]) > 0)
) / sidelight:threshold:${budget}`
  /** With the speed of the last hour; a budget that is overspent already has no time left. */
  const exhaustion = (slo: string, part: string, budget: string): string =>
    `clamp_min(sidelight:${slo}_budget_left:ratio30d, 0) * ${scale.seconds(BUDGET_WINDOW)}
/ (${part}:ratio_rate1h / sidelight:threshold:${budget} > 0)`
  return [
    {
      record: 'sidelight:availability_budget_left:ratio30d',
      expr: left('sidelight:calls_unavailable', 'sidelight:calls', 'availability_budget_ratio'),
    },
    {
      record: 'sidelight:latency_budget_left:ratio30d',
      expr: left('sidelight:calls_slow', 'sidelight:calls_timed', 'latency_budget_ratio'),
    },
    {
      record: 'sidelight:availability_budget_exhaustion:seconds',
      expr: exhaustion('availability', 'sidelight:calls_unavailable', 'availability_budget_ratio'),
    },
    {
      record: 'sidelight:latency_budget_exhaustion:seconds',
      expr: exhaustion('latency', 'sidelight:calls_slow', 'latency_budget_ratio'),
    },
  ]
}
