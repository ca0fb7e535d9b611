/** Rows of the upstream's dashboard: what holds calls up, and what its transport does. */

import { TO_LOG, TO_TRACES, runbook } from './links.ts'
import type { Row } from './model.ts'
import { over, timeseries } from './panels.ts'
import { max, quantile, rate, sum, UPSTREAM } from './promql.ts'
import { HERE_LINKS } from './shared-panels.ts'

export const PLACES: Row = {
  title: 'Places and turns',
  panels: [
    timeseries({
      title: 'Calls under way',
      description:
        'Calls that have a place, of those that may, and calls that wait for one. At the limit with waiters: the upstream is saturated; raise the limit only if it can take more.',
      unit: 'short',
      width: 8,
      min: 0,
      queries: [
        over(sum('sidelight_concurrency_active', UPSTREAM, []), 'have a place'),
        over(sum('sidelight_concurrency_limit', UPSTREAM, []), 'places'),
        over(sum('sidelight_queue_length', UPSTREAM, []), 'wait'),
      ],
      links: [runbook('SidelightPoolSaturated')],
      dataLinks: HERE_LINKS,
    }),
    timeseries({
      title: 'Wait for a place, p95',
      description:
        'By how the wait ended: with a place, with a refusal, or with a caller that left.',
      unit: 's',
      width: 8,
      min: 0,
      queries: [
        over(
          quantile(0.95, 'sidelight_queue_wait_duration_seconds', UPSTREAM, [
            'sidelight_queue_end',
          ]),
          '{{sidelight_queue_end}}',
          { exemplars: true },
        ),
      ],
      links: [runbook('SidelightPoolExhausted')],
      dataLinks: [TO_TRACES],
      empty: 'No call has had to wait',
    }),
    timeseries({
      title: 'Throttled',
      description:
        'Whether the upstream has asked for time at present (429, or 503 with Retry-After), and how often it did.',
      unit: 'short',
      width: 8,
      min: 0,
      queries: [
        over(max('sidelight_throttle_closed', UPSTREAM, ['instance']), 'closed, {{instance}}'),
        over(rate('sidelight_throttle_closures_total', UPSTREAM, []), 'closures per second'),
      ],
      links: [runbook('SidelightUpstreamThrottled')],
      dataLinks: HERE_LINKS,
    }),
  ],
}

export const CONNECTIONS: Row = {
  title: 'Connections and processes',
  panels: [
    timeseries({
      title: 'Pool',
      description:
        'Connections (or processes of a stdio server) by state, the most there may be, and requests that wait for one.',
      unit: 'short',
      width: 8,
      min: 0,
      queries: [
        over(
          sum('sidelight_pool_connections', UPSTREAM, [
            'sidelight_pool_name',
            'sidelight_pool_connection_state',
          ]),
          '{{sidelight_pool_name}} {{sidelight_pool_connection_state}}',
        ),
        over(
          sum('sidelight_pool_connection_max', UPSTREAM, ['sidelight_pool_name']),
          '{{sidelight_pool_name}} at most',
        ),
        over(
          sum('sidelight_pool_connection_pending_requests', UPSTREAM, ['sidelight_pool_name']),
          '{{sidelight_pool_name}} wait',
        ),
      ],
      dataLinks: HERE_LINKS,
      empty: 'No connection has been made yet',
    }),
    timeseries({
      title: 'Pool, times (p95)',
      description:
        'How long it took to make a connection, to be given one, and how long it was in use.',
      unit: 's',
      width: 8,
      min: 0,
      queries: [
        over(
          quantile(0.95, 'sidelight_pool_connection_create_time_seconds', UPSTREAM, [
            'sidelight_pool_name',
          ]),
          '{{sidelight_pool_name}} made',
          { exemplars: true },
        ),
        over(
          quantile(0.95, 'sidelight_pool_connection_wait_time_seconds', UPSTREAM, [
            'sidelight_pool_name',
          ]),
          '{{sidelight_pool_name}} waited for',
          { exemplars: true },
        ),
        over(
          quantile(0.95, 'sidelight_pool_connection_use_time_seconds', UPSTREAM, [
            'sidelight_pool_name',
          ]),
          '{{sidelight_pool_name}} used',
          { exemplars: true },
        ),
      ],
      dataLinks: [TO_TRACES],
    }),
    timeseries({
      title: 'Gave up waiting',
      description: 'Requests that got no connection in time. Every one of them is a failed call.',
      unit: 'reqps',
      width: 8,
      queries: [
        over(
          rate('sidelight_pool_connection_timeouts_total', UPSTREAM, ['sidelight_pool_name']),
          '{{sidelight_pool_name}}',
        ),
      ],
      links: [runbook('SidelightPoolExhausted')],
      dataLinks: HERE_LINKS,
    }),
    timeseries({
      title: 'Processes of a stdio server',
      description:
        'Running now, and ended or restarted per second. A restart that repeats is a server that crashes.',
      unit: 'short',
      width: 12,
      min: 0,
      queries: [
        over(sum('sidelight_processes_active', UPSTREAM, []), 'running'),
        over(
          rate('sidelight_processes_ended_total', UPSTREAM, ['sidelight_process_end']),
          '{{sidelight_process_end}} per second',
        ),
        over(rate('sidelight_processes_restarts_total', UPSTREAM, []), 'restarts per second'),
      ],
      links: [runbook('SidelightProcessCrashing')],
      dataLinks: [TO_LOG],
      empty: 'It is no stdio server',
    }),
    timeseries({
      title: 'Lines of a stdio server that went nowhere',
      description:
        'Noise is text on standard output that is no message; the server should write it to standard error.',
      unit: 'ops',
      width: 12,
      queries: [
        over(
          rate('sidelight_stdio_lines_dropped_total', UPSTREAM, ['sidelight_stdio_drop_reason']),
          '{{sidelight_stdio_drop_reason}}',
        ),
      ],
      dataLinks: [TO_LOG],
      empty: 'It is no stdio server',
    }),
  ],
}

export const RETRIES: Row = {
  title: 'Retries',
  collapsed: true,
  panels: [
    timeseries({
      title: 'Retries',
      description: 'Calls that were sent again, and retries that the budget refused.',
      unit: 'reqps',
      width: 8,
      queries: [
        over(rate('sidelight_retries_total', UPSTREAM, []), 'sent again'),
        over(rate('sidelight_retry_refusals_total', UPSTREAM, []), 'refused by the budget'),
      ],
      dataLinks: HERE_LINKS,
    }),
    timeseries({
      title: 'Second attempts',
      description:
        'Attempts beside a first one that was slow, of tools that only read, by whether theirs was the first answer. Few that win: the delay is too short.',
      unit: 'reqps',
      width: 8,
      queries: [
        over(
          rate('sidelight_hedges_total', UPSTREAM, ['sidelight_hedge_result']),
          '{{sidelight_hedge_result}}',
        ),
      ],
      dataLinks: HERE_LINKS,
      empty: 'No tool may be tried twice',
    }),
    timeseries({
      title: 'Retry budget',
      description:
        'Retries that are left. At none, a sick upstream gets no more than its own traffic.',
      unit: 'short',
      width: 8,
      min: 0,
      queries: [over(sum('sidelight_retry_budget', UPSTREAM, ['instance']), '{{instance}}')],
      dataLinks: HERE_LINKS,
    }),
  ],
}
