/** What keeps calls from an upstream, and what an upstream does by itself. */

import { ALERT_DEFAULTS } from '../../../src/core/alert-defaults.ts'
import { durationText } from '../scale.ts'
import { GROUP, INSTANCE_GROUP } from './calls.ts'
import type { AlertRule, RuleGroup, RuleSettings } from './rule.ts'
import { SHARE, SIDECAR, UPSTREAM, VALUE } from './text.ts'

export function upstreamAlertGroups(settings: RuleSettings): readonly RuleGroup[] {
  return [
    {
      name: 'sidelight-upstream-alerts',
      rules: [
        ...breakerAlerts(settings),
        ...healthAlerts(settings),
        ...roomAlerts(settings),
        ...serverAlerts(settings),
      ],
    },
  ]
}

function breakerAlerts({ scale, thresholds }: RuleSettings): readonly AlertRule[] {
  const { breakerOpen } = ALERT_DEFAULTS
  // One that is half open for a moment between two openings has not recovered.
  const notClosed = (labels: string, by: string): string =>
    `min by (${by}) (
  max_over_time(sidelight_breaker_status{sidelight_breaker_state="closed", ${labels}}[${scale.time(durationText(breakerOpen.forMs))}])
) == 0`
  return [
    {
      alert: breakerOpen.name,
      expr: notClosed('gen_ai_tool_name=""', GROUP),
      keepFiringFor: scale.time(durationText(breakerOpen.keepFiringForMs)),
      severity: breakerOpen.severity,
      category: 'upstream',
      summary: `The circuit breaker of ${UPSTREAM} is open`,
      description: `At least one sidecar refuses all calls to the upstream ${UPSTREAM}, because too many of them failed. It tries again by itself with growing pauses of up to a minute.`,
      impact: 'Agents are told at once that the upstream is out of order and when to try again.',
      dashboard: 'upstream',
    },
    {
      alert: 'SidelightToolBreakerOpen',
      expr: notClosed('gen_ai_tool_name!=""', `${GROUP}, gen_ai_tool_name`),
      keepFiringFor: scale.time('2m'),
      severity: 'warning',
      category: 'upstream',
      summary: `The circuit breaker of the tool {{ $labels.gen_ai_tool_name }} of ${UPSTREAM} is open`,
      description: `At least one sidecar refuses calls of the tool {{ $labels.gen_ai_tool_name }} of the upstream ${UPSTREAM}; its other tools work.`,
      impact: 'Agents cannot use this one tool.',
      dashboard: 'tool',
    },
    {
      alert: 'SidelightBreakerFlapping',
      // Openings of a closed breaker: while an upstream is down, every trial that fails opens it anew.
      expr: `max by (${GROUP}) (
  sum by (${INSTANCE_GROUP}) (
    increase(sidelight_breaker_transitions_total{sidelight_breaker_state="open", sidelight_breaker_cause=~"failures_in_row|failure_rate|slow_rate", gen_ai_tool_name=""}[${scale.time('30m')}])
  )
) > ${thresholds.fixed.breakerOpensIn30m - 0.5}`,
      keepFiringFor: scale.time('15m'),
      severity: 'warning',
      category: 'upstream',
      summary: `The circuit breaker of ${UPSTREAM} opens again and again`,
      description: `In the last 30 minutes one sidecar opened the circuit breaker of the upstream ${UPSTREAM} about ${VALUE} times. It recovers for a while and fails again.`,
      impact: 'Calls succeed or are refused by turns; agents cannot plan with it.',
      dashboard: 'upstream',
    },
  ]
}

function healthAlerts({ scale, thresholds }: RuleSettings): readonly AlertRule[] {
  const { upstreamDown } = ALERT_DEFAULTS
  return [
    {
      alert: upstreamDown.name,
      expr: `max by (${GROUP}) (max_over_time(sidelight_upstream_up[${scale.time('1m')}])) == 0`,
      for: scale.time(durationText(upstreamDown.forMs)),
      keepFiringFor: scale.time(durationText(upstreamDown.keepFiringForMs)),
      severity: upstreamDown.severity,
      category: 'upstream',
      summary: `${UPSTREAM} fails its health checks`,
      description: `No sidecar of this job has found the upstream ${UPSTREAM} well in its health checks for minutes.`,
      impact: 'Whoever calls it gets an error; who does not yet will.',
      dashboard: 'upstream',
    },
    {
      alert: 'SidelightUpstreamFlapping',
      expr: `max by (${GROUP}) (changes(sidelight_upstream_up[${scale.time('30m')}])) >= ${thresholds.fixed.upstreamFlipsIn30m}`,
      keepFiringFor: scale.time('15m'),
      severity: 'warning',
      category: 'upstream',
      summary: `${UPSTREAM} comes and goes`,
      description: `In the last 30 minutes the health checks of the upstream ${UPSTREAM} changed their result ${VALUE} times.`,
      impact: 'Calls succeed or fail by turns.',
      dashboard: 'upstream',
    },
  ]
}

/** Calls wait for a turn (`concurrency`), then for a connection or a process; both can be the narrow place. */
function roomAlerts({ scale, thresholds }: RuleSettings): readonly AlertRule[] {
  const window = scale.time('5m')
  const average = (metric: string): string =>
    `max by (${INSTANCE_GROUP}) (avg_over_time(${metric}[${window}]))`
  return [
    {
      alert: 'SidelightPoolSaturated',
      expr: `(
  ${average('sidelight_concurrency_active')} / max by (${INSTANCE_GROUP}) (sidelight_concurrency_limit) > ${thresholds.fixed.saturationRatio}
  and ${average('sidelight_queue_length')} >= 1
)
or
(
  max by (${INSTANCE_GROUP}) (
    avg_over_time(sidelight_pool_connections{sidelight_pool_connection_state="used"}[${window}])
    / ignoring (sidelight_pool_connection_state) sidelight_pool_connection_max
  ) > ${thresholds.fixed.saturationRatio}
  and ${average('sidelight_pool_connection_pending_requests')} >= 1
)`,
      for: scale.time('5m'),
      keepFiringFor: scale.time('5m'),
      severity: 'warning',
      category: 'upstream',
      summary: `Calls to ${UPSTREAM} wait for their turn`,
      description: `The sidecar ${SIDECAR} has used ${SHARE} of the places that it has for the upstream ${UPSTREAM} over 5 minutes, and calls were waiting all the time.`,
      impact: 'Calls take longer than the upstream does; with more of them, some will be refused.',
      dashboard: 'upstream',
    },
    {
      alert: 'SidelightPoolExhausted',
      expr: `sum by (${GROUP}) (
  increase(sidelight_calls_total{sidelight_outcome="rejected", sidelight_outcome_reason=~"at_capacity|queue_timeout"}[${window}])
) > ${thresholds.fixed.refusedForWantOfRoomIn5m - 0.5}`,
      for: scale.time('1m'),
      keepFiringFor: scale.time('5m'),
      severity: 'critical',
      category: 'upstream',
      summary: `Calls to ${UPSTREAM} are refused for want of room`,
      description: `In the last 5 minutes about ${VALUE} calls to the upstream ${UPSTREAM} were refused, because its queue was full or their turn did not come in time.`,
      impact: 'Agents are told to come back later.',
      dashboard: 'upstream',
    },
  ]
}

function serverAlerts({ scale, thresholds }: RuleSettings): readonly AlertRule[] {
  const window = scale.time('10m')
  return [
    {
      alert: 'SidelightUpstreamThrottled',
      expr: `sum by (${GROUP}) (increase(sidelight_throttle_closures_total[${window}])) > ${thresholds.fixed.throttlesIn10m - 0.5}`,
      keepFiringFor: scale.time('10m'),
      severity: 'warning',
      category: 'upstream',
      summary: `${UPSTREAM} asks its callers to slow down`,
      description: `In the last 10 minutes the upstream ${UPSTREAM} answered about ${VALUE} times with 429 or 503 and a time to wait. Until then Sidelight keeps calls back.`,
      impact: 'Agents are told to wait as long as the upstream asked for.',
      dashboard: 'upstream',
    },
    {
      alert: 'SidelightProcessCrashing',
      expr: `sum by (${INSTANCE_GROUP}) (
  increase(sidelight_processes_ended_total{sidelight_process_end=~"crashed|not_started"}[${window}])
) > ${thresholds.fixed.crashesIn10m - 0.5}`,
      keepFiringFor: scale.time('10m'),
      severity: 'warning',
      category: 'upstream',
      summary: `The program of ${UPSTREAM} crashes`,
      description: `In the last 10 minutes the program of the stdio server ${UPSTREAM} ended by itself, or could not be started, about ${VALUE} times on the sidecar ${SIDECAR}.`,
      impact: 'Sessions are lost, and calls fail while the next process starts.',
      dashboard: 'upstream',
    },
  ]
}
