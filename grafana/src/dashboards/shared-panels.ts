/** Panels that stand on several dashboards. */

import { toSidecar, TO_FAILED_TRACES, TO_LOG, TO_TRACES, TO_UPSTREAM, runbook } from './links.ts'
import type { Link, Panel } from './model.ts'
import { heatmap, now, over, stat, timeline, timeseries } from './panels.ts'
import { logs, traces } from './word-panels.ts'
import { buckets, quantile, rate, REQUESTS, SIDECAR, UPSTREAM, type Labels } from './promql.ts'

export const BY_UPSTREAM: Labels = ['sidelight_upstream_name']

export const DURATION = 'mcp_server_operation_duration_seconds'

/** Where a series of an upstream leads on the dashboard of that upstream. */
export const HERE_LINKS: readonly Link[] = [
  TO_TRACES,
  TO_LOG,
  toSidecar('/breakers', 'Breakers, as the sidecar sees them'),
]

/** Where it leads from a dashboard of many. */
export const UPSTREAM_LINKS: readonly Link[] = [TO_UPSTREAM, ...HERE_LINKS]

export const ADMIN: Link = toSidecar('/', 'The admin listener of a sidecar')

/** Where a series of a sidecar leads. */
export const SIDECAR_LINKS: readonly Link[] = [
  ADMIN,
  toSidecar('/metrics', 'All metrics of a sidecar'),
  TO_LOG,
]

/** What names a state in words, worst last. */
const BREAKER_STATES = [
  {
    type: 'value',
    options: {
      '0': { text: 'closed', color: 'green', index: 0 },
      '1': { text: 'half open', color: 'yellow', index: 1 },
      '2': { text: 'open', color: 'red', index: 2 },
    },
  },
]

export const UP_OR_DOWN = [
  {
    type: 'value',
    options: {
      '0': { text: 'down', color: 'red', index: 1 },
      '1': { text: 'up', color: 'green', index: 0 },
    },
  },
]

export const BREAKER_MAPPINGS: readonly unknown[] = BREAKER_STATES

/** 2 open, 1 half open, 0 closed; the worst where several sidecars differ. */
export const breakerState = (filter: string, labels: Labels): string => `
  max by (${labels.join(', ')}) (
    sidelight_breaker_status{${filter}, sidelight_breaker_state="open"} * 2
    or sidelight_breaker_status{${filter}, sidelight_breaker_state="half_open"}
    or sidelight_breaker_status{${filter}, sidelight_breaker_state="closed"} * 0
  )`

export const callsPerSecond = (width: number): Panel =>
  stat({
    title: 'Calls per second',
    description: 'MCP requests and notifications that ended, with whatever outcome.',
    unit: 'reqps',
    width,
    decimals: 2,
    sparkline: true,
    queries: [over(rate('sidelight_calls_total', UPSTREAM, []), 'calls')],
    dataLinks: [TO_TRACES, TO_LOG],
  })

export const openBreakers = (width: number): Panel =>
  stat({
    title: 'Open breakers',
    description:
      'Circuit breakers of upstreams and of tools that refuse calls at the moment. More than none: somebody gets refusals instead of answers.',
    unit: 'short',
    width,
    queries: [
      now(`sum(max by (sidelight_upstream_name, gen_ai_tool_name) (
        sidelight_breaker_status{${UPSTREAM}, sidelight_breaker_state="open"}))`),
    ],
    steps: [
      [null, 'green'],
      [1, 'red'],
    ],
    links: [runbook('SidelightBreakerOpen')],
    dataLinks: [toSidecar('/breakers', 'Breakers, as the sidecar sees them'), TO_LOG],
    empty: 'No upstream has a breaker',
  })

export const upstreamsDown = (width: number): Panel =>
  stat({
    title: 'Upstreams down',
    description: 'Upstreams whose last health check failed, in the eyes of any sidecar.',
    unit: 'short',
    width,
    queries: [
      now(`count(min by (sidelight_upstream_name) (sidelight_upstream_up{${UPSTREAM}}) == 0)
        or 0 * count(sidelight_upstream_up{${UPSTREAM}})`),
    ],
    steps: [
      [null, 'green'],
      [1, 'red'],
    ],
    links: [runbook('SidelightUpstreamDown')],
    dataLinks: [toSidecar('/readyz', 'Health, as the sidecar sees it'), TO_LOG],
    empty: 'No health check has ended yet',
  })

export const breakerTimeline = (width: number, filter: string = UPSTREAM): Panel =>
  timeline({
    title: 'Circuit breakers',
    description:
      'Open: calls are refused at once, and the model is told when to try again. Half open: single trials are let through. A line that keeps changing flaps; see its causes.',
    unit: 'none',
    width,
    queries: [
      over(
        breakerState(filter, ['sidelight_upstream_name', 'gen_ai_tool_name']),
        '{{sidelight_upstream_name}} {{gen_ai_tool_name}}',
      ),
    ],
    mappings: BREAKER_MAPPINGS,
    steps: [
      [null, 'green'],
      [1, 'yellow'],
      [2, 'red'],
    ],
    links: [runbook('SidelightBreakerFlapping')],
    dataLinks: UPSTREAM_LINKS,
    empty: 'No upstream has a breaker',
  })

/** 0 healthy, 1 unknown, 2 warning, 3 critical; the worst where several sidecars differ. */
const VERDICTS = [
  {
    type: 'value',
    options: {
      '0': { text: 'healthy', color: 'green', index: 0 },
      '1': { text: 'unknown', color: 'text', index: 1 },
      '2': { text: 'warning', color: 'orange', index: 2 },
      '3': { text: 'critical', color: 'red', index: 3 },
    },
  },
]

export const verdicts = (width: number): Panel =>
  timeline({
    title: 'Verdict of the sidecars',
    description:
      'What each sidecar itself makes of the last five minutes of an upstream, without Prometheus; its status page gives the reasons.',
    unit: 'none',
    width,
    queries: [
      over(
        `max by (sidelight_upstream_name) (
          sidelight_health_status{${UPSTREAM}, sidelight_health_level="critical"} * 3
          or sidelight_health_status{${UPSTREAM}, sidelight_health_level="warning"} * 2
          or sidelight_health_status{${UPSTREAM}, sidelight_health_level="unknown"}
          or sidelight_health_status{${UPSTREAM}, sidelight_health_level="healthy"} * 0
        )`,
        '{{sidelight_upstream_name}}',
      ),
    ],
    mappings: VERDICTS,
    steps: [
      [null, 'green'],
      [1, 'text'],
      [2, 'orange'],
      [3, 'red'],
    ],
    dataLinks: [toSidecar('/', 'The status page of the sidecar'), ...UPSTREAM_LINKS],
  })

export const failuresByType = (width: number, filter: string = REQUESTS): Panel =>
  timeseries({
    title: 'Failed calls by kind',
    description:
      'By error.type as the caller saw it: tool_error is a tool that said it failed, numbers are JSON-RPC codes or HTTP statuses, names are refusals of Sidelight or ways in which the upstream failed.',
    unit: 'reqps',
    width,
    stacked: true,
    queries: [
      over(
        rate(`${DURATION}_count`, `${filter}, error_type!=""`, ['error_type']),
        '{{error_type}}',
      ),
    ],
    links: [runbook('SidelightErrorRateHigh')],
    dataLinks: [TO_FAILED_TRACES, TO_LOG],
    empty: 'No call has failed',
  })

export const durationHeatmap = (width: number, filter: string = REQUESTS): Panel =>
  heatmap({
    title: 'How long calls took',
    description:
      'Calls per second in each range of durations, from their arrival to the end of the answer. A dot is one call: its trace opens from there. Two bands are two kinds of work; a band that climbs is a queue.',
    unit: 's',
    width,
    queries: [over(buckets(DURATION, filter), '{{le}}')],
    dataLinks: [TO_TRACES],
  })

export const quantiles = (
  width: number,
  title: string,
  description: string,
  histogram: string,
  filter: string,
): Panel =>
  timeseries({
    title,
    description,
    unit: 's',
    width,
    min: 0,
    queries: [0.5, 0.95, 0.99].map((q) =>
      over(quantile(q, histogram, filter, []), `p${q * 100}`, { exemplars: q === 0.95 }),
    ),
    dataLinks: [TO_TRACES, TO_LOG],
  })

export const rejectionsByReason = (width: number, filter: string = UPSTREAM): Panel =>
  timeseries({
    title: 'Refused by Sidelight, by reason',
    description:
      'Calls that no upstream saw. docs/errors.md says what each reason means, what the caller was told and what to do.',
    unit: 'reqps',
    width,
    stacked: true,
    queries: [
      over(
        rate('sidelight_rejections_total', filter, ['sidelight_outcome_reason']),
        '{{sidelight_outcome_reason}}',
      ),
    ],
    dataLinks: [TO_FAILED_TRACES, TO_LOG],
    empty: 'Nothing was refused',
  })

export const warnings = (width: number): Panel =>
  logs({
    title: 'Warnings and errors',
    description:
      'Log records of the chosen sidecars about upstreams, with their trace ids. The fields of a record lead to its trace.',
    width,
    height: 10,
    expr: '{service_name="sidelight"} | severity_text=~"WARN|ERROR" | sidelight_upstream_name=~"${upstream:pipe}|"',
    dataLinks: [TO_LOG],
  })

export const failedTraces = (width: number): Panel =>
  traces({
    title: 'Traces of failed calls',
    description: 'The latest failed calls that were sampled; each opens in Tempo.',
    width,
    height: 10,
    expr: '{ kind = server && status = error && span.sidelight.upstream.name =~ "${upstream:pipe}" } | select(span.gen_ai.tool.name, span.error.type)',
    dataLinks: [],
  })

export const sidecarsUp = (width: number): Panel =>
  stat({
    title: 'Sidecars',
    description: 'Sidecars that have been heard of within five minutes.',
    unit: 'short',
    width,
    queries: [now(`count(sidelight_build_info{${SIDECAR}})`)],
    links: [runbook('SidelightGone')],
    dataLinks: [toSidecar('/', 'The admin listener of a sidecar')],
    empty: 'None has been heard of',
  })
