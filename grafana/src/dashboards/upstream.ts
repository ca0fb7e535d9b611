/** One upstream: is it slow, does it fail, is it there, and why. */

import { DASHBOARD_UIDS } from '../links.ts'
import {
  ROW_TO_TOOL,
  TO_FAILED_TRACES,
  TO_LOG,
  TO_TOOL,
  TO_TRACES,
  toSidecar,
  runbook,
} from './links.ts'
import { ERROR_STEPS, LATENCY_STEPS } from './limits.ts'
import type { Dashboard, Row } from './model.ts'
import { now, over, stat, table, timeseries } from './panels.ts'
import {
  increase,
  max,
  orZero,
  quantile,
  rate,
  ratio,
  REQUESTS,
  TOOL_CALLS,
  UPSTREAM,
} from './promql.ts'
import {
  callsPerSecond,
  DURATION,
  durationHeatmap,
  failedTraces,
  failuresByType,
  openBreakers,
  quantiles,
  rejectionsByReason,
  UP_OR_DOWN,
  HERE_LINKS,
  warnings,
} from './shared-panels.ts'
import { BREAKER } from './upstream-breaker.ts'
import { CONNECTIONS, PLACES, RETRIES } from './upstream-rows.ts'
import { SESSIONS, STREAMS } from './upstream-traffic.ts'
import { ONE_UPSTREAM_VARIABLES, UPSTREAM_ANNOTATIONS } from './variables.ts'

const NOW: Row = {
  title: 'Now',
  panels: [
    stat({
      title: 'Health check',
      description:
        'Whether the last health check of this upstream succeeded, in the eyes of every sidecar.',
      unit: 'none',
      width: 4,
      queries: [now(`min(sidelight_upstream_up{${UPSTREAM}})`)],
      mappings: UP_OR_DOWN,
      steps: [
        [null, 'red'],
        [1, 'green'],
      ],
      links: [runbook('SidelightUpstreamDown')],
      dataLinks: [toSidecar('/readyz', 'Health, as the sidecar sees it'), TO_LOG],
      empty: 'No health check has ended yet',
    }),
    openBreakers(4),
    callsPerSecond(4),
    stat({
      title: 'Failed',
      description:
        'Share of requests with an error.type, whoever is at fault; what counts against the objectives is on the SLO dashboard.',
      unit: 'percentunit',
      width: 4,
      decimals: 2,
      sparkline: true,
      queries: [
        over(
          ratio(
            orZero(
              rate(`${DURATION}_count`, `${REQUESTS}, error_type!=""`, []),
              rate(`${DURATION}_count`, REQUESTS, []),
            ),
            rate(`${DURATION}_count`, REQUESTS, []),
          ),
          'failed',
        ),
      ],
      dataLinks: [TO_FAILED_TRACES, TO_LOG],
    }),
    stat({
      title: 'p95',
      description: 'Nineteen of twenty requests took no longer.',
      unit: 's',
      width: 4,
      sparkline: true,
      queries: [over(quantile(0.95, DURATION, REQUESTS, []), 'p95', { exemplars: true })],
      steps: LATENCY_STEPS,
      links: [runbook('SidelightLatencyP95High')],
      dataLinks: [TO_TRACES],
    }),
    stat({
      title: 'Tools',
      description: 'Tools that the upstream lists, and what the list costs an agent, in tokens.',
      unit: 'short',
      width: 4,
      queries: [
        now(max('sidelight_catalogue_tools', UPSTREAM, []), 'tools'),
        now(max('sidelight_catalogue_tokens', UPSTREAM, []), 'tokens'),
      ],
      dataLinks: [toSidecar('/catalogue', 'The catalogue of tools')],
      empty: 'Nobody has listed the tools yet',
    }),
  ],
}

const CALLS: Row = {
  title: 'Calls',
  panels: [
    timeseries({
      title: 'Calls by outcome',
      description: 'Every call ends in exactly one outcome; docs/outcomes.md says what each means.',
      unit: 'reqps',
      width: 8,
      stacked: true,
      queries: [
        over(
          rate('sidelight_calls_total', UPSTREAM, ['sidelight_outcome']),
          '{{sidelight_outcome}}',
        ),
      ],
      dataLinks: HERE_LINKS,
    }),
    failuresByType(8),
    rejectionsByReason(8),
    durationHeatmap(12),
    quantiles(
      12,
      'Duration of requests',
      'From the arrival of a request to the end of its answer, as the caller saw it.',
      DURATION,
      REQUESTS,
    ),
    timeseries({
      title: 'Where the time goes',
      description:
        'p95 of the whole call, of the upstream’s share of it, of waiting for a place, and of Sidelight’s own work. The upstream’s share includes connecting.',
      unit: 's',
      width: 12,
      min: 0,
      queries: [
        over(quantile(0.95, DURATION, REQUESTS, []), 'whole call', { exemplars: true }),
        over(quantile(0.95, 'mcp_client_operation_duration_seconds', REQUESTS, []), 'upstream', {
          exemplars: true,
        }),
        over(
          quantile(0.95, 'sidelight_queue_wait_duration_seconds', UPSTREAM, []),
          'waiting for a place',
          { exemplars: true },
        ),
        over(quantile(0.95, 'sidelight_overhead_duration_seconds', UPSTREAM, []), 'Sidelight', {
          exemplars: true,
        }),
      ],
      dataLinks: [TO_TRACES],
    }),
    timeseries({
      title: 'Tools, p95',
      description:
        'Duration of tool calls by tool. A slow tool is often the whole of a slow upstream.',
      unit: 's',
      width: 12,
      min: 0,
      queries: [
        over(
          quantile(0.95, DURATION, TOOL_CALLS, ['gen_ai_tool_name', 'sidelight_upstream_name']),
          '{{gen_ai_tool_name}}',
          { exemplars: true },
        ),
      ],
      dataLinks: [TO_TOOL, TO_TRACES],
    }),
    table({
      title: 'Tools',
      description:
        'What each tool did in the visible time. _OTHER stands for names that no answer has proved to exist.',
      unit: 'none',
      width: 24,
      columns: [
        ['gen_ai_tool_name', 'Tool'],
        ['sidelight_upstream_name', 'Upstream'],
      ],
      queries: [
        now(
          increase(`${DURATION}_count`, TOOL_CALLS, [
            'sidelight_upstream_name',
            'gen_ai_tool_name',
          ]),
        ),
        now(
          ratio(
            increase(`${DURATION}_count`, `${TOOL_CALLS}, error_type!=""`, [
              'sidelight_upstream_name',
              'gen_ai_tool_name',
            ]),
            increase(`${DURATION}_count`, TOOL_CALLS, [
              'sidelight_upstream_name',
              'gen_ai_tool_name',
            ]),
          ),
        ),
        now(
          quantile(0.95, DURATION, TOOL_CALLS, [
            'sidelight_upstream_name',
            'gen_ai_tool_name',
          ]).replaceAll('$__rate_interval', '$__range'),
        ),
        now(
          increase('sidelight_tool_result_tokens_total', UPSTREAM, [
            'sidelight_upstream_name',
            'gen_ai_tool_name',
          ]),
        ),
      ],
      values: [
        { heading: 'Calls', unit: 'short', decimals: 0 },
        {
          heading: 'Failed',
          unit: 'percentunit',
          decimals: 1,
          steps: ERROR_STEPS,
        },
        {
          heading: 'p95',
          unit: 's',
          steps: LATENCY_STEPS,
        },
        { heading: 'Tokens of results', unit: 'short', decimals: 0 },
      ],
      sortBy: 0,
      rowLinks: [ROW_TO_TOOL],
      dataLinks: [TO_TRACES],
    }),
  ],
}

export const UPSTREAM_DASHBOARD: Dashboard = {
  uid: DASHBOARD_UIDS.upstream,
  title: 'Sidelight / Upstream',
  description: 'One MCP server: is it slow, does it fail, is it there, and why.',
  tags: ['sidelight', 'mcp'],
  variables: ONE_UPSTREAM_VARIABLES,
  annotations: UPSTREAM_ANNOTATIONS,
  from: 'now-1h',
  rows: [
    NOW,
    CALLS,
    BREAKER,
    PLACES,
    CONNECTIONS,
    RETRIES,
    STREAMS,
    SESSIONS,
    { title: 'What it says', panels: [failedTraces(12), warnings(12)] },
  ],
}
