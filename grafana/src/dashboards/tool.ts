/** One tool: how often, how long, how often in vain, and what it costs an agent. */

import { DASHBOARD_UIDS } from '../links.ts'
import { TO_FAILED_TRACES, TO_LOG, TO_TRACES, toSidecar, runbook } from './links.ts'
import { ERROR_STEPS } from './limits.ts'
import type { Dashboard, Link, Row } from './model.ts'
import { now, over, stat, timeseries } from './panels.ts'
import { traces } from './word-panels.ts'
import { increase, orZero, quantile, rate, ratio, TOOL } from './promql.ts'
import {
  breakerTimeline,
  DURATION,
  durationHeatmap,
  failuresByType,
  quantiles,
  warnings,
} from './shared-panels.ts'
import { TOOL_VARIABLES, UPSTREAM_ANNOTATIONS } from './variables.ts'

const CATALOGUE: Link = toSidecar('/catalogue', 'The catalogue of tools')

const CLIENT_DURATION = 'mcp_client_operation_duration_seconds'

const NOW: Row = {
  title: 'In the visible time',
  panels: [
    stat({
      title: 'Calls',
      description: 'Calls of this tool, with whatever outcome.',
      unit: 'short',
      width: 6,
      decimals: 0,
      queries: [now(increase(`${DURATION}_count`, TOOL, []))],
      dataLinks: [TO_TRACES],
    }),
    stat({
      title: 'Failed',
      description:
        'Share of calls with an error.type. tool_error is the tool itself saying that it failed.',
      unit: 'percentunit',
      width: 6,
      decimals: 1,
      queries: [
        now(
          ratio(
            orZero(
              increase(`${DURATION}_count`, `${TOOL}, error_type!=""`, []),
              increase(`${DURATION}_count`, TOOL, []),
            ),
            increase(`${DURATION}_count`, TOOL, []),
          ),
        ),
      ],
      steps: ERROR_STEPS,
      dataLinks: [TO_FAILED_TRACES],
    }),
    stat({
      title: 'Tokens of a result',
      description: 'Estimated cost of one result in the context of a model, on average.',
      unit: 'short',
      width: 6,
      decimals: 0,
      queries: [
        now(
          ratio(
            increase('sidelight_tool_result_tokens_total', TOOL, []),
            increase('sidelight_tool_result_size_bytes_count', TOOL, []),
          ),
        ),
      ],
      dataLinks: [CATALOGUE],
    }),
    stat({
      title: 'Repeated',
      description:
        'Calls just like an earlier one of the same client, within five minutes: an agent that is stuck, or one that polls.',
      unit: 'short',
      width: 6,
      decimals: 0,
      queries: [now(increase('sidelight_calls_repeated_total', TOOL, []))],
      links: [runbook('SidelightAgentLooping')],
      dataLinks: [TO_TRACES],
    }),
  ],
}

const CALLS: Row = {
  title: 'Calls',
  panels: [
    timeseries({
      title: 'Calls by outcome',
      description: 'Calls per second; ok is what has no error.type.',
      unit: 'reqps',
      width: 12,
      stacked: true,
      queries: [
        over(rate(`${DURATION}_count`, `${TOOL}, error_type=""`, []), 'ok'),
        over(
          rate(`${DURATION}_count`, `${TOOL}, error_type!=""`, ['error_type']),
          '{{error_type}}',
        ),
      ],
      dataLinks: [TO_TRACES, TO_LOG],
    }),
    failuresByType(12, TOOL),
    durationHeatmap(12, TOOL),
    quantiles(
      12,
      'Duration',
      'Of this tool’s calls, from arrival to the end of the answer.',
      DURATION,
      TOOL,
    ),
    timeseries({
      title: 'Duration by outcome, p95',
      description:
        'Failures that are slow are usually time limits; failures that are fast are usually refusals.',
      unit: 's',
      width: 12,
      min: 0,
      queries: [
        over(quantile(0.95, DURATION, `${TOOL}, error_type=""`, []), 'ok', { exemplars: true }),
        over(
          quantile(0.95, DURATION, `${TOOL}, error_type!=""`, ['error_type']),
          '{{error_type}}',
          { exemplars: true },
        ),
      ],
      dataLinks: [TO_TRACES],
    }),
    timeseries({
      title: 'The upstream’s share, p95',
      description:
        'The whole call, and the part of it that the upstream had. What lies between is waiting and Sidelight.',
      unit: 's',
      width: 12,
      min: 0,
      queries: [
        over(quantile(0.95, DURATION, TOOL, []), 'whole call', { exemplars: true }),
        over(quantile(0.95, CLIENT_DURATION, TOOL, []), 'upstream', { exemplars: true }),
      ],
      dataLinks: [TO_TRACES],
    }),
  ],
}

const COST: Row = {
  title: 'What it costs an agent',
  panels: [
    timeseries({
      title: 'Size of results',
      description: 'Bytes of results as the model gets them.',
      unit: 'bytes',
      width: 8,
      min: 0,
      queries: [0.5, 0.95].map((q) =>
        over(quantile(q, 'sidelight_tool_result_size_bytes', TOOL, []), `p${q * 100}`, {
          exemplars: true,
        }),
      ),
      dataLinks: [TO_TRACES, CATALOGUE],
      empty: 'No call has succeeded yet',
    }),
    timeseries({
      title: 'Tokens',
      description: 'Estimated tokens per second that results put into contexts.',
      unit: 'short',
      width: 8,
      min: 0,
      queries: [over(rate('sidelight_tool_result_tokens_total', TOOL, []), 'tokens per second')],
      dataLinks: [CATALOGUE],
      empty: 'No call has succeeded yet',
    }),
    timeseries({
      title: 'Agents that do not listen',
      description:
        'Calls that repeat an earlier one, and calls that came although the tool had just been refused.',
      unit: 'reqps',
      width: 8,
      queries: [
        over(rate('sidelight_calls_repeated_total', TOOL, []), 'repeated'),
        over(rate('sidelight_calls_after_refusal_total', TOOL, []), 'after a refusal'),
      ],
      links: [runbook('SidelightAgentIgnoresRefusals')],
      dataLinks: [TO_TRACES, TO_LOG],
      empty: 'None',
    }),
  ],
}

export const TOOL_DASHBOARD: Dashboard = {
  uid: DASHBOARD_UIDS.tool,
  title: 'Sidelight / Tool',
  description:
    'One tool of one upstream: how often, how long, how often in vain, and what it costs.',
  tags: ['sidelight', 'mcp'],
  variables: TOOL_VARIABLES,
  annotations: UPSTREAM_ANNOTATIONS,
  from: 'now-1h',
  rows: [
    NOW,
    CALLS,
    COST,
    {
      title: 'What happened',
      panels: [
        breakerTimeline(24, TOOL),
        traces({
          title: 'Traces',
          description: 'The latest sampled calls of this tool; each opens in Tempo.',
          width: 12,
          height: 10,
          expr: '{ kind = server && span.sidelight.upstream.name =~ "${upstream:pipe}" && span.gen_ai.tool.name =~ "${tool:pipe}" } | select(span.error.type)',
        }),
        warnings(12),
      ],
    },
  ],
}
