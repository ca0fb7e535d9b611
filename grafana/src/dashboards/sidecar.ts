/** The sidecars themselves: do they have room, keep up, and lose nothing. */

import { DASHBOARD_UIDS } from '../links.ts'
import { TO_TRACES, runbook } from './links.ts'
import { LOOP_DELAY_STEPS, LOOP_USE_STEPS, WORDS } from './limits.ts'
import type { Dashboard, Row } from './model.ts'
import { now, over, stat, table, timeseries } from './panels.ts'
import { max, quantile, SIDECAR, sum } from './promql.ts'
import { LOSSES } from './sidecar-losses.ts'
import { ADMIN, SIDECAR_LINKS as LINKS, sidecarsUp } from './shared-panels.ts'
import { SIDECAR_ANNOTATIONS, UPSTREAM_VARIABLES } from './variables.ts'

const BY_INSTANCE = ['instance']

const NOW: Row = {
  title: 'Now',
  panels: [
    sidecarsUp(4),
    stat({
      title: 'Configuration refused',
      description: 'Sidecars whose file is not valid at present; they go on with the one before.',
      unit: 'short',
      width: 4,
      queries: [
        now(
          `count(sidelight_config_valid{${SIDECAR}} == 0) or 0 * count(sidelight_config_valid{${SIDECAR}})`,
        ),
      ],
      steps: [
        [null, 'green'],
        [1, 'red'],
      ],
      links: [runbook('SidelightConfigInvalid')],
      dataLinks: LINKS,
      empty: 'No sidecar has been heard of',
    }),
    stat({
      title: 'Limits hit',
      description: 'Times that any limit was hit in the visible time.',
      unit: 'short',
      width: 4,
      decimals: 0,
      queries: [now(`sum(increase(sidelight_limit_hits_total{${SIDECAR}}[$__range]))`)],
      steps: [
        [null, 'green'],
        [1, 'orange'],
      ],
      links: [runbook('SidelightLimitHit')],
      dataLinks: LINKS,
      empty: 'No sidecar has been heard of',
    }),
    stat({
      title: 'Telemetry lost',
      description:
        'Spans, log records and exports of metrics that were dropped in the visible time.',
      unit: 'short',
      width: 4,
      decimals: 0,
      queries: [now(`sum(increase(sidelight_telemetry_dropped_total{${SIDECAR}}[$__range]))`)],
      steps: [
        [null, 'green'],
        [1, 'orange'],
      ],
      links: [runbook('SidelightTelemetryDropped')],
      dataLinks: LINKS,
      empty: 'No sidecar has been heard of',
    }),
    stat({
      title: 'Event loop, p99',
      description: `The worst sidecar. Over ${WORDS.loopDelay} every call of it is slow.`,
      unit: 's',
      width: 4,
      sparkline: true,
      queries: [over(max('nodejs_eventloop_delay_p99_seconds', SIDECAR, []), 'p99')],
      steps: LOOP_DELAY_STEPS,
      links: [runbook('SidelightEventLoopSlow')],
      dataLinks: LINKS,
      empty: 'No sidecar has been heard of',
    }),
    stat({
      title: 'Memory',
      description: 'The largest sidecar. Compare it with the limit of its container.',
      unit: 'bytes',
      width: 4,
      sparkline: true,
      queries: [over(max('process_memory_usage_bytes', SIDECAR, []), 'memory')],
      dataLinks: LINKS,
      empty: 'No sidecar has been heard of',
    }),
    table({
      title: 'Sidecars',
      description: 'Each sidecar with its version.',
      unit: 'none',
      width: 24,
      height: 6,
      columns: [
        ['instance', 'Sidecar'],
        ['job', 'Job'],
        ['sidelight_version', 'Version'],
      ],
      queries: [
        now(`max by (instance, job, sidelight_version) (sidelight_build_info{${SIDECAR}})`),
        now(`max by (instance, job) (nodejs_eventloop_utilization_ratio{${SIDECAR}})`),
        now(`sum by (instance, job) (sidelight_exchanges_active{${SIDECAR}})`),
        now(`sum by (instance, job) (sidelight_sessions_active{${SIDECAR}})`),
      ],
      values: [
        { heading: 'Here', unit: 'short' },
        {
          heading: 'Event loop in use',
          unit: 'percentunit',
          decimals: 1,
          steps: LOOP_USE_STEPS,
        },
        { heading: 'Exchanges', unit: 'short' },
        { heading: 'Sessions', unit: 'short' },
      ],
      sortBy: 1,
      rowLinks: [ADMIN],
      links: [runbook('SidelightRestarting')],
      dataLinks: LINKS,
      empty: 'No sidecar has been heard of',
    }),
  ],
}

const WORK: Row = {
  title: 'Work',
  panels: [
    timeseries({
      title: 'Exchanges and sessions',
      description: 'Under way, by sidecar.',
      unit: 'short',
      width: 12,
      min: 0,
      queries: [
        over(sum('sidelight_exchanges_active', SIDECAR, BY_INSTANCE), 'exchanges, {{instance}}'),
        over(sum('sidelight_sessions_active', SIDECAR, BY_INSTANCE), 'sessions, {{instance}}'),
      ],
      dataLinks: LINKS,
    }),
    timeseries({
      title: 'Sidelight’s own share of a call',
      description:
        'Time of a call that was neither the upstream’s nor waiting, over all upstreams.',
      unit: 's',
      width: 12,
      min: 0,
      queries: [0.5, 0.95, 0.99].map((q) =>
        over(quantile(q, 'sidelight_overhead_duration_seconds', SIDECAR, []), `p${q * 100}`, {
          exemplars: q === 0.99,
        }),
      ),
      dataLinks: [TO_TRACES, ...LINKS],
    }),
  ],
}

const PROCESS: Row = {
  title: 'Process',
  panels: [
    timeseries({
      title: 'Event loop delay',
      description:
        'How late timers come: what every call waits at least once. The largest of all sidecars.',
      unit: 's',
      width: 8,
      min: 0,
      queries: [
        over(max('nodejs_eventloop_delay_mean_seconds', SIDECAR, []), 'mean'),
        over(max('nodejs_eventloop_delay_p50_seconds', SIDECAR, []), 'p50'),
        over(max('nodejs_eventloop_delay_p90_seconds', SIDECAR, []), 'p90'),
        over(max('nodejs_eventloop_delay_p99_seconds', SIDECAR, []), 'p99'),
        over(max('nodejs_eventloop_delay_max_seconds', SIDECAR, []), 'max'),
      ],
      dataLinks: LINKS,
    }),
    timeseries({
      title: 'Event loop in use',
      description:
        'Share of the time in which there was something to do. Sidelight works on one core: near 1 it is at its end.',
      unit: 'percentunit',
      width: 8,
      min: 0,
      max: 1,
      queries: [
        over(max('nodejs_eventloop_utilization_ratio', SIDECAR, BY_INSTANCE), '{{instance}}'),
      ],
      steps: LOOP_USE_STEPS,
      showSteps: true,
      links: [runbook('SidelightOverloaded')],
      dataLinks: LINKS,
    }),
    timeseries({
      title: 'Memory',
      description: 'Physical memory, and of it the heap, used and allocated.',
      unit: 'bytes',
      width: 8,
      min: 0,
      queries: [
        over(sum('process_memory_usage_bytes', SIDECAR, BY_INSTANCE), 'all, {{instance}}'),
        over(sum('v8js_memory_heap_used_bytes', SIDECAR, BY_INSTANCE), 'heap used, {{instance}}'),
        over(sum('v8js_memory_heap_space_size_bytes', SIDECAR, BY_INSTANCE), 'heap, {{instance}}'),
      ],
      dataLinks: LINKS,
    }),
    timeseries({
      title: 'Heap by space',
      description: 'Used bytes. A large old space that only grows is a leak; report it.',
      unit: 'bytes',
      width: 24,
      height: 6,
      stacked: true,
      queries: [
        over(
          sum('v8js_memory_heap_used_bytes', SIDECAR, ['v8js_heap_space_name']),
          '{{v8js_heap_space_name}}',
        ),
      ],
      dataLinks: LINKS,
    }),
  ],
}

export const SIDECAR_DASHBOARD: Dashboard = {
  uid: DASHBOARD_UIDS.sidecar,
  title: 'Sidelight / Sidecars',
  description: 'The sidecars themselves: do they have room, keep up, and lose nothing.',
  tags: ['sidelight', 'mcp'],
  variables: UPSTREAM_VARIABLES,
  annotations: SIDECAR_ANNOTATIONS,
  from: 'now-3h',
  rows: [NOW, WORK, PROCESS, LOSSES],
}
