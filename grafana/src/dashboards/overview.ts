/** All upstreams at a glance: which hurts most, and what to look at next. */

import { DASHBOARD_UIDS } from '../links.ts'
import { ROW_TO_UPSTREAM, runbook, TO_TRACES } from './links.ts'
import { AVAILABILITY_STEPS, ERROR_STEPS, LATENCY_STEPS } from './limits.ts'
import type { Dashboard, Row } from './model.ts'
import { now, over, table, timeseries } from './panels.ts'
import { alertList } from './word-panels.ts'
import { rate, UPSTREAM } from './promql.ts'
import {
  BREAKER_MAPPINGS,
  breakerState,
  breakerTimeline,
  BY_UPSTREAM,
  callsPerSecond,
  durationHeatmap,
  failuresByType,
  openBreakers,
  rejectionsByReason,
  sidecarsUp,
  UP_OR_DOWN,
  UPSTREAM_LINKS,
  upstreamsDown,
  verdicts,
  warnings,
} from './shared-panels.ts'
import { availability, budgetLeft, errorRate, recorded, SLI_LINKS, slowest } from './sli.ts'
import { UPSTREAM_ANNOTATIONS, UPSTREAM_VARIABLES } from './variables.ts'

/** How much an upstream hurts: failed calls per second count, and a state in which there are none. */
const PAIN = `
  max by (sidelight_upstream_name) (${recorded('calls_failed:rate5m')})
  + on (sidelight_upstream_name) ${breakerState(UPSTREAM, BY_UPSTREAM).trim()}
  or max by (sidelight_upstream_name) (${recorded('calls_failed:rate5m')})
  or max by (sidelight_upstream_name) (1 - sidelight_upstream_up{${UPSTREAM}})`

const NOW: Row = {
  title: 'Now',
  panels: [
    availability(3),
    errorRate(3),
    slowest(3),
    callsPerSecond(3),
    budgetLeft(3, 'availability'),
    openBreakers(3),
    upstreamsDown(3),
    sidecarsUp(3),
  ],
}

const UPSTREAMS: Row = {
  title: 'Upstreams',
  panels: [
    table({
      title: 'Upstreams, the most painful first',
      description:
        'Failed calls per second, with a point for a breaker that is half open and two for one that is open. Follow a name to its dashboard.',
      unit: 'none',
      width: 16,
      columns: [['sidelight_upstream_name', 'Upstream']],
      queries: [
        now(PAIN),
        now(`max by (sidelight_upstream_name) (${recorded('calls:rate5m')})`),
        now(`max by (sidelight_upstream_name) (${recorded('calls_failed:ratio_rate5m')})`),
        now(
          `1 - max by (sidelight_upstream_name) (${recorded('calls_unavailable:ratio_rate30m')})`,
        ),
        now(`max by (sidelight_upstream_name) (${recorded('call_duration_seconds:p50_5m')})`),
        now(`max by (sidelight_upstream_name) (${recorded('call_duration_seconds:p95_5m')})`),
        now(`max by (sidelight_upstream_name) (${recorded('call_duration_seconds:p99_5m')})`),
        now(breakerState(UPSTREAM, BY_UPSTREAM)),
        now(`min by (sidelight_upstream_name) (sidelight_upstream_up{${UPSTREAM}})`),
      ],
      values: [
        { heading: 'Pain', unit: 'short', decimals: 2 },
        { heading: 'Calls', unit: 'reqps', decimals: 2 },
        {
          heading: 'Failed',
          unit: 'percentunit',
          decimals: 1,
          steps: ERROR_STEPS,
        },
        {
          heading: 'Availability, 30 min',
          unit: 'percentunit',
          decimals: 2,
          steps: AVAILABILITY_STEPS,
        },
        { heading: 'p50', unit: 's' },
        {
          heading: 'p95',
          unit: 's',
          steps: LATENCY_STEPS,
        },
        { heading: 'p99', unit: 's' },
        { heading: 'Breaker', unit: 'none', mappings: BREAKER_MAPPINGS },
        { heading: 'Health', unit: 'none', mappings: UP_OR_DOWN },
      ],
      sortBy: 0,
      rowLinks: [ROW_TO_UPSTREAM],
      dataLinks: [TO_TRACES],
    }),
    alertList({
      title: 'What fires',
      description:
        'Alerts of Sidelight’s rules, from Prometheus and from Grafana. Each has a runbook; docs/alerts.md lists them.',
      width: 8,
      height: 9,
    }),
  ],
}

const COURSE: Row = {
  title: 'Over time',
  panels: [
    timeseries({
      title: 'Calls by upstream',
      description: 'MCP requests and notifications per second, with whatever outcome.',
      unit: 'reqps',
      width: 8,
      stacked: true,
      queries: [
        over(rate('sidelight_calls_total', UPSTREAM, BY_UPSTREAM), '{{sidelight_upstream_name}}'),
      ],
      dataLinks: UPSTREAM_LINKS,
    }),
    timeseries({
      title: 'Failed by upstream',
      description: 'Share of calls that failed, over 5 minutes; the line is where the alert fires.',
      unit: 'percentunit',
      width: 8,
      min: 0,
      queries: [
        over(
          `max by (sidelight_upstream_name) (${recorded('calls_failed:ratio_rate5m')})`,
          '{{sidelight_upstream_name}}',
        ),
      ],
      steps: ERROR_STEPS,
      showSteps: true,
      dataLinks: SLI_LINKS,
      links: [runbook('SidelightErrorRateHigh')],
      empty: 'No traffic yet, or no rules',
    }),
    timeseries({
      title: 'p95 by upstream',
      description: '95th percentile over 5 minutes; the line is where the alert fires.',
      unit: 's',
      width: 8,
      min: 0,
      queries: [
        over(
          `max by (sidelight_upstream_name) (${recorded('call_duration_seconds:p95_5m')})`,
          '{{sidelight_upstream_name}}',
        ),
      ],
      steps: LATENCY_STEPS,
      showSteps: true,
      dataLinks: UPSTREAM_LINKS,
      links: [runbook('SidelightLatencyP95High')],
      empty: 'No traffic yet, or no rules',
    }),
    durationHeatmap(12),
    failuresByType(12),
    breakerTimeline(12),
    verdicts(12),
    rejectionsByReason(12),
    warnings(12),
  ],
}

export const OVERVIEW_DASHBOARD: Dashboard = {
  uid: DASHBOARD_UIDS.overview,
  title: 'Sidelight / Overview',
  description: 'All upstreams at a glance: which hurts most, and what to look at next.',
  tags: ['sidelight', 'mcp'],
  variables: UPSTREAM_VARIABLES,
  annotations: UPSTREAM_ANNOTATIONS,
  from: 'now-1h',
  rows: [NOW, UPSTREAMS, COURSE],
}
