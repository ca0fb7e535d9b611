/** The sidecars themselves. */

import type { AlertRule, RuleGroup, RuleSettings } from './rule.ts'
import { DURATION, SHARE, SIDECAR, VALUE } from './text.ts'

const SIDECAR_GROUP = 'cluster, namespace, job, instance'

/** Limits that a client meets; the queue is SidelightPoolExhausted's, others are of what is kept in mind. */
const LIMITS_OF_CALLS = 'bodies|connections|streams|suspended_calls|sessions|processes|scrapes'

const LIMITS_OF_SERIES = 'label_values|metric_series|metric_series_upstream|metric_series_total'

export function sidecarAlertGroups(settings: RuleSettings): readonly RuleGroup[] {
  return [
    {
      name: 'sidelight-sidecar-alerts',
      rules: [...lifeAlerts(settings), ...loadAlerts(settings), ...limitAlerts(settings)],
    },
  ]
}

function lifeAlerts({ scale, thresholds }: RuleSettings): readonly AlertRule[] {
  return [
    {
      alert: 'SidelightGone',
      // One that was scaled away is no target any more, and has no `up`.
      expr: `max by (${SIDECAR_GROUP}) (max_over_time(up[${scale.time('1m')}])) == 0
and max by (${SIDECAR_GROUP}) (max_over_time(sidelight_build_info[${scale.time('1d')}])) == 1`,
      for: scale.time('2m'),
      keepFiringFor: scale.time('1m'),
      severity: 'critical',
      category: 'sidecar',
      summary: `The sidecar ${SIDECAR} is gone`,
      description: `Prometheus has not reached the sidecar ${SIDECAR} for minutes although it should be there.`,
      impact: 'Agents that call through it reach no MCP server at all.',
      dashboard: 'sidecar',
    },
    {
      alert: 'SidelightRestarting',
      expr: `count by (${SIDECAR_GROUP}) (
  count by (${SIDECAR_GROUP}, service_instance_id) (
    count_over_time(target_info{service_name="sidelight"}[${scale.time('30m')}])
  )
) > ${thresholds.fixed.restartsIn30m}`,
      keepFiringFor: scale.time('15m'),
      severity: 'warning',
      category: 'sidecar',
      summary: `The sidecar ${SIDECAR} starts again and again`,
      description: `In the last 30 minutes ${VALUE} processes of the sidecar ${SIDECAR} came one after the other.`,
      impact: 'Sessions and streams break at every restart.',
      dashboard: 'sidecar',
    },
    {
      alert: 'SidelightConfigInvalid',
      expr: `min by (${SIDECAR_GROUP}) (sidelight_config_valid) == 0`,
      for: scale.time('5m'),
      severity: 'warning',
      category: 'sidecar',
      summary: `The sidecar ${SIDECAR} refuses its configuration`,
      description: `The configuration file of the sidecar ${SIDECAR} is not valid. The one before stays in force, until the next start, which will fail.`,
      impact: 'None yet; a restart would not come back.',
      dashboard: 'sidecar',
    },
  ]
}

function loadAlerts({ scale, thresholds }: RuleSettings): readonly AlertRule[] {
  const window = scale.time('5m')
  const common = {
    for: scale.time('5m'),
    keepFiringFor: scale.time('5m'),
    severity: 'warning',
    category: 'sidecar',
    dashboard: 'sidecar',
  } as const
  return [
    {
      ...common,
      alert: 'SidelightOverloaded',
      expr: `max by (${SIDECAR_GROUP}) (avg_over_time(nodejs_eventloop_utilization_ratio[${window}])) > ${thresholds.fixed.eventLoopUtilization}
and on (${SIDECAR_GROUP}) sidelight_build_info`,
      summary: `The sidecar ${SIDECAR} is at its limit`,
      description: `The event loop of the sidecar ${SIDECAR} was busy ${SHARE} of the last 5 minutes: one core is used up.`,
      impact: 'Every call waits for the others.',
    },
    {
      ...common,
      alert: 'SidelightEventLoopSlow',
      expr: `max by (${SIDECAR_GROUP}) (avg_over_time(nodejs_eventloop_delay_p99_seconds[${window}])) > ${thresholds.fixed.eventLoopDelaySeconds}
and on (${SIDECAR_GROUP}) sidelight_build_info`,
      summary: `The event loop of ${SIDECAR} is late by ${DURATION}`,
      description: `One turn in a hundred of the event loop of the sidecar ${SIDECAR} was late by ${DURATION} over the last 5 minutes: something holds it up, or its container gets too little processor time.`,
      impact: 'Calls become slower by about as much.',
    },
  ]
}

function limitAlerts({ scale, thresholds }: RuleSettings): readonly AlertRule[] {
  const hits = (limits: string, window: string): string =>
    `sum by (${SIDECAR_GROUP}, sidelight_limit) (increase(sidelight_limit_hits_total{sidelight_limit=~"${limits}"}[${scale.time(window)}]))`
  return [
    {
      alert: 'SidelightLimitHit',
      expr: `${hits(LIMITS_OF_CALLS, '5m')} > ${thresholds.fixed.limitHitsIn5m - 0.5}`,
      for: scale.time('1m'),
      keepFiringFor: scale.time('5m'),
      severity: 'warning',
      category: 'sidecar',
      summary: `The sidecar ${SIDECAR} hits its limit of {{ $labels.sidelight_limit }}`,
      description: `In the last 5 minutes the sidecar ${SIDECAR} hit its limit of {{ $labels.sidelight_limit }} about ${VALUE} times.`,
      impact: 'What is beyond the limit is refused, or forgotten.',
      dashboard: 'sidecar',
    },
    {
      alert: 'SidelightCardinalityLimited',
      expr: `${hits(LIMITS_OF_SERIES, '10m')} > 0`,
      for: scale.time('5m'),
      keepFiringFor: scale.time('10m'),
      severity: 'warning',
      category: 'sidecar',
      summary: `The sidecar ${SIDECAR} has no room for more series`,
      description: `The sidecar ${SIDECAR} has hit its limit of {{ $labels.sidelight_limit }}: what is new is counted together, under _OTHER or otel_metric_overflow.`,
      impact: 'Figures per tool are not complete; those per upstream are.',
      dashboard: 'sidecar',
    },
  ]
}
