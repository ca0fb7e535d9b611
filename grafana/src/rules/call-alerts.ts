/** How broken, how slow, how available an upstream is, and how fast that uses up its error budgets. */

import { ALERT_DEFAULTS } from '../../../src/core/alert-defaults.ts'
import { durationText } from '../scale.ts'
import type { AlertRule, RuleGroup, RuleSettings } from './rule.ts'
import { ask, DURATION, SHARE, UPSTREAM, VALUE } from './text.ts'

export function callAlertGroups(settings: RuleSettings): readonly RuleGroup[] {
  return [
    {
      name: 'sidelight-call-alerts',
      rules: [...errorAlerts(settings), latencyAlert(settings), availabilityAlert(settings)],
    },
    {
      name: 'sidelight-budget-alerts',
      rules: [...AVAILABILITY_BURNS, ...LATENCY_BURNS].map((burn) => burnAlert(burn, settings)),
    },
  ]
}

/** Calls in a window, from a recorded rate. */
const callsIn = (series: string, window: string, { scale }: RuleSettings): string =>
  `avg_over_time(${series}:rate5m[${scale.time(window)}]) * ${scale.seconds(window)}`

function errorAlerts(settings: RuleSettings): readonly AlertRule[] {
  const { scale, thresholds } = settings
  const failedIn5m = `sidelight:calls_failed:rate5m * ${scale.seconds('5m')}`
  const { errorRate } = ALERT_DEFAULTS
  const waits = {
    for: scale.time(durationText(errorRate.forMs)),
    keepFiringFor: scale.time(durationText(errorRate.keepFiringForMs)),
    category: 'calls',
    dashboard: 'upstream',
  } as const
  return [
    {
      ...waits,
      alert: errorRate.name,
      expr: `sidelight:calls_failed:ratio_rate5m > sidelight:threshold:error_ratio
and ${failedIn5m} >= sidelight:threshold:error_calls_min`,
      severity: errorRate.severity,
      summary: `${SHARE} of the calls to ${UPSTREAM} fail`,
      description: `In the last 5 minutes ${SHARE} of the calls to the upstream ${UPSTREAM} failed; the limit is ${ask('sidelight:threshold:error_ratio')}. Failed tools and errors count as well as failures to reach it; mistakes of callers and refusals by policy do not.`,
      impact: 'Agents get errors instead of results and repeat their calls.',
    },
    {
      ...waits,
      alert: 'SidelightErrorRateCritical',
      expr: `sidelight:calls_failed:ratio_rate5m > sidelight:threshold:error_ratio_critical
and ${failedIn5m} >= ${thresholds.fixed.criticalErrorsMin}`,
      severity: 'critical',
      summary: `${SHARE} of the calls to ${UPSTREAM} fail`,
      description: `In the last 5 minutes ${SHARE} of the calls to the upstream ${UPSTREAM} failed; from ${ask('sidelight:threshold:error_ratio_critical')} on this is an outage.`,
      impact: 'Agents cannot rely on any tool of this upstream.',
    },
  ]
}

function latencyAlert({ scale }: RuleSettings): AlertRule {
  const { latency } = ALERT_DEFAULTS
  return {
    alert: latency.name,
    expr: `sidelight:call_duration_seconds:p95_5m > sidelight:threshold:latency_p95_seconds
and sidelight:calls_timed:rate5m * ${scale.seconds('5m')} >= sidelight:threshold:latency_calls_min`,
    for: scale.time(durationText(latency.forMs)),
    keepFiringFor: scale.time(durationText(latency.keepFiringForMs)),
    severity: latency.severity,
    category: 'calls',
    summary: `One call in twenty to ${UPSTREAM} takes longer than ${DURATION}`,
    description: `The 95th percentile of the calls to the upstream ${UPSTREAM} in the last 5 minutes is ${DURATION}; the limit is ${ask('sidelight:threshold:latency_p95_seconds')}. Calls that Sidelight refused are not in it.`,
    impact: 'Agents wait, and some give up and call again.',
    dashboard: 'upstream',
  }
}

function availabilityAlert(settings: RuleSettings): AlertRule {
  const { scale, thresholds } = settings
  const { availability } = ALERT_DEFAULTS
  return {
    alert: availability.name,
    expr: `1 - sidelight:calls_unavailable:ratio_rate30m < sidelight:threshold:availability_ratio
and ${callsIn('sidelight:calls_unavailable', '30m', settings)} >= ${thresholds.fixed.unavailableCallsMin}
unless 1 - sidelight:calls_unavailable:ratio_rate5m >= sidelight:threshold:availability_ratio`,
    for: scale.time(durationText(availability.forMs)),
    keepFiringFor: scale.time(durationText(availability.keepFiringForMs)),
    severity: availability.severity,
    category: 'calls',
    summary: `${UPSTREAM} was available for ${SHARE} of its calls`,
    description: `In the last 30 minutes the upstream ${UPSTREAM} was there for ${SHARE} of its calls; it should be ${ask('sidelight:threshold:availability_ratio')}. Tools that report an error do not count, only calls that found no working server.`,
    impact: 'Agents cannot use its tools and have to do without.',
    dashboard: 'upstream',
  }
}

interface Burn {
  readonly slo: 'availability' | 'latency'
  readonly long: string
  readonly short: string
  /** How many times faster than the budget of 30 days allows. */
  readonly factor: number
  readonly for: string
  readonly severity: 'critical' | 'warning'
  /** Calls against the budget in the long window without which nothing is said. */
  readonly callsMin: number
}

/** Windows and factors of the Google SRE Workbook, chapter 5, for budgets of 30 days. */
const AVAILABILITY_BURNS: readonly Burn[] = [
  {
    slo: 'availability',
    long: '1h',
    short: '5m',
    factor: 14.4,
    for: '2m',
    severity: 'critical',
    callsMin: 10,
  },
  {
    slo: 'availability',
    long: '6h',
    short: '30m',
    factor: 6,
    for: '15m',
    severity: 'critical',
    callsMin: 10,
  },
  {
    slo: 'availability',
    long: '1d',
    short: '2h',
    factor: 3,
    for: '1h',
    severity: 'warning',
    callsMin: 5,
  },
  {
    slo: 'availability',
    long: '3d',
    short: '6h',
    factor: 1,
    for: '3h',
    severity: 'warning',
    callsMin: 5,
  },
]

/** A budget of 5 % cannot be burnt more than 20 times too fast, so there are fewer steps. */
const LATENCY_BURNS: readonly Burn[] = [
  {
    slo: 'latency',
    long: '1h',
    short: '5m',
    factor: 14.4,
    for: '2m',
    severity: 'critical',
    callsMin: 20,
  },
  {
    slo: 'latency',
    long: '6h',
    short: '30m',
    factor: 6,
    for: '15m',
    severity: 'warning',
    callsMin: 20,
  },
  {
    slo: 'latency',
    long: '3d',
    short: '6h',
    factor: 1,
    for: '3h',
    severity: 'warning',
    callsMin: 20,
  },
]

const SLO_TEXTS = {
  availability: {
    alert: 'SidelightAvailabilityBudgetBurn',
    part: 'sidelight:calls_unavailable',
    what: 'find no working server',
    impact: 'The availability objective of these 30 days will be missed if this goes on.',
  },
  latency: {
    alert: 'SidelightLatencyBudgetBurn',
    part: 'sidelight:calls_slow',
    what: 'are slower than the objective',
    impact: 'The latency objective of these 30 days will be missed if this goes on.',
  },
} as const

/** The short window of half an hour would page somebody about an outage that is over: it has to go on. */
function burnAlert(burn: Burn, settings: RuleSettings): AlertRule {
  const { scale } = settings
  const { alert, part, what, impact } = SLO_TEXTS[burn.slo]
  const budget = `sidelight:threshold:${burn.slo}_budget_ratio`
  const speed = (window: string): string =>
    `${part}:ratio_rate${window} / ${budget} > ${burn.factor}`
  return {
    alert,
    expr: `${speed(burn.long)}
and ${speed(burn.short)}${burn.short === '30m' ? `\nand ${part}:ratio_rate5m > 0` : ''}
and ${callsIn(part, burn.long, settings)} >= ${burn.callsMin}`,
    for: scale.time(burn.for),
    keepFiringFor: scale.time('5m'),
    severity: burn.severity,
    category: 'slo',
    labels: { slo: burn.slo, long: burn.long, short: burn.short },
    summary: `${UPSTREAM} uses up its ${burn.slo} budget ${VALUE} times too fast`,
    description: `Over the last ${burn.long} so many calls to the upstream ${UPSTREAM} ${what} that the ${burn.slo} budget of 30 days is used ${VALUE} times faster than it lasts. Left of it: ${ask(`sidelight:${burn.slo}_budget_left:ratio30d`)}; at the speed of the last hour that is used up in ${ask(`sidelight:${burn.slo}_budget_exhaustion:seconds`)}.`,
    impact,
    dashboard: 'slo',
  }
}
