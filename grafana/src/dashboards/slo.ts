/** The objectives: what is left of their budgets, how fast it goes, and who uses it up. */

import { DASHBOARD_UIDS } from '../links.ts'
import { ROW_TO_UPSTREAM, runbook, TO_FAILED_TRACES, TO_TRACES } from './links.ts'
import { WORDS } from './limits.ts'
import type { Dashboard, Panel, Row } from './model.ts'
import { now, over, table, timeseries } from './panels.ts'
import { availability, budgetLeft, recorded, SLI_LINKS, slowest } from './sli.ts'
import { UPSTREAM_ANNOTATIONS, UPSTREAM_VARIABLES } from './variables.ts'

type Objective = 'availability' | 'latency'

const PART = { availability: 'calls_unavailable', latency: 'calls_slow' } as const

const RUNBOOK = {
  availability: runbook('SidelightAvailabilityBudgetBurn'),
  latency: runbook('SidelightLatencyBudgetBurn'),
} as const

const WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'] as const

const NO_RULES = 'No traffic yet, or no rules'

/** How many times faster than the budget lasts, of the upstream where it is fastest. */
const burn = (objective: Objective, window: string): string => `
  max(${recorded(`${PART[objective]}:ratio_rate${window}`)}
    / ${recorded(`threshold:${objective}_budget_ratio`)})`

const worst = (series: string): string => `max by (sidelight_upstream_name) (${recorded(series)})`

const burnPanel = (objective: Objective, what: string): Panel =>
  timeseries({
    title: `${what}: how fast the budget goes`,
    description:
      'By window, of the upstream where it is fastest; 1 uses up exactly the budget in 30 days. An alert needs a long and a short window above its factor: 14.4 and 6 page, 3 and 1 make a ticket.',
    unit: 'none',
    width: 16,
    min: 0,
    queries: WINDOWS.map((window) => over(burn(objective, window), window)),
    steps: [
      [null, 'green'],
      [1, 'yellow'],
      [6, 'orange'],
      [14.4, 'red'],
    ],
    showSteps: true,
    dataLinks: [objective === 'availability' ? TO_FAILED_TRACES : TO_TRACES],
    links: [RUNBOOK[objective]],
    empty: NO_RULES,
  })

const leftPanel = (objective: Objective, what: string): Panel =>
  timeseries({
    title: `${what}: what is left`,
    description:
      'Share of the budget of 30 days that is left, by upstream. It comes back as bad hours leave the 30 days.',
    unit: 'percentunit',
    width: 8,
    max: 1,
    queries: [
      over(
        `min by (sidelight_upstream_name) (${recorded(`${objective}_budget_left:ratio30d`)})`,
        '{{sidelight_upstream_name}}',
      ),
    ],
    steps: [
      [null, 'red'],
      [0, 'green'],
    ],
    showSteps: true,
    dataLinks: SLI_LINKS,
    links: [RUNBOOK[objective]],
    empty: NO_RULES,
  })

const NOW: Row = {
  title: 'Now',
  panels: [
    availability(6),
    budgetLeft(6, 'availability'),
    slowest(6),
    budgetLeft(6, 'latency'),
    table({
      title: 'Objectives by upstream',
      description:
        'What is left of each budget, how fast it went in the last hour, and when it will be used up at that speed.',
      unit: 'none',
      width: 24,
      columns: [['sidelight_upstream_name', 'Upstream']],
      queries: [
        now(`min by (sidelight_upstream_name) (${recorded('availability_budget_left:ratio30d')})`),
        now(`max by (sidelight_upstream_name) (
          ${recorded('calls_unavailable:ratio_rate1h')} / ${recorded('threshold:availability_budget_ratio')})`),
        now(
          `min by (sidelight_upstream_name) (${recorded('availability_budget_exhaustion:seconds')})`,
        ),
        now(`min by (sidelight_upstream_name) (${recorded('latency_budget_left:ratio30d')})`),
        now(`max by (sidelight_upstream_name) (
          ${recorded('calls_slow:ratio_rate1h')} / ${recorded('threshold:latency_budget_ratio')})`),
        now(`min by (sidelight_upstream_name) (${recorded('latency_budget_exhaustion:seconds')})`),
      ],
      values: [
        { heading: 'Availability budget left', unit: 'percentunit', decimals: 1 },
        { heading: 'Availability burn, 1 h', unit: 'none', decimals: 2 },
        { heading: 'Used up in', unit: 'dtdurations' },
        { heading: 'Latency budget left', unit: 'percentunit', decimals: 1 },
        { heading: 'Latency burn, 1 h', unit: 'none', decimals: 2 },
        { heading: 'Latency used up in', unit: 'dtdurations' },
      ],
      sortBy: 1,
      rowLinks: [ROW_TO_UPSTREAM],
      dataLinks: [TO_FAILED_TRACES],
      empty: NO_RULES,
    }),
  ],
}

const CALLS: Row = {
  title: 'What counts',
  panels: [
    timeseries({
      title: 'Calls that found no working server',
      description: 'Share of calls over 5 minutes, by upstream: what counts against availability.',
      unit: 'percentunit',
      width: 8,
      min: 0,
      queries: [over(worst('calls_unavailable:ratio_rate5m'), '{{sidelight_upstream_name}}')],
      dataLinks: SLI_LINKS,
      links: [RUNBOOK.availability],
      empty: NO_RULES,
    }),
    timeseries({
      title: `Calls slower than ${WORDS.slow}`,
      description: 'Share of calls over 5 minutes, by upstream: what counts against latency.',
      unit: 'percentunit',
      width: 8,
      min: 0,
      queries: [over(worst('calls_slow:ratio_rate5m'), '{{sidelight_upstream_name}}')],
      dataLinks: SLI_LINKS,
      links: [RUNBOOK.latency],
      empty: NO_RULES,
    }),
    timeseries({
      title: 'Calls that count',
      description:
        'Calls per second that an available service would have answered. With few of them one failure is a large share.',
      unit: 'reqps',
      width: 8,
      min: 0,
      queries: [over(worst('calls:rate5m'), '{{sidelight_upstream_name}}')],
      dataLinks: SLI_LINKS,
      empty: NO_RULES,
    }),
  ],
}

export const SLO_DASHBOARD: Dashboard = {
  uid: DASHBOARD_UIDS.slo,
  title: 'Sidelight / Objectives',
  description:
    'Availability and latency over 30 days: what is left, how fast it goes, who uses it up.',
  tags: ['sidelight', 'mcp'],
  variables: UPSTREAM_VARIABLES,
  annotations: UPSTREAM_ANNOTATIONS,
  from: 'now-24h',
  rows: [
    NOW,
    {
      title: 'Availability',
      panels: [
        burnPanel('availability', 'Availability'),
        leftPanel('availability', 'Availability'),
      ],
    },
    {
      title: 'Latency',
      panels: [burnPanel('latency', 'Latency'), leftPanel('latency', 'Latency')],
    },
    CALLS,
  ],
}
