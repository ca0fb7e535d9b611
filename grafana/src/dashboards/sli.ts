/** The indicators and budgets that the recording rules keep; alerts go by the same series. */

import { AVAILABILITY_STEPS, ERROR_STEPS, LATENCY_STEPS, WORDS } from './limits.ts'
import type { Link, Panel } from './model.ts'
import { runbook, TO_FAILED_TRACES, TO_LOG, TO_TRACES, TO_UPSTREAM } from './links.ts'
import { now, over, stat } from './panels.ts'
import { JOB } from './promql.ts'

/** Rules add up all sidecars of a job. */
export const RECORDED = `${JOB}, sidelight_upstream_name=~"$upstream"`

export const recorded = (series: string): string => `sidelight:${series}{${RECORDED}}`

/** A share over all chosen upstreams, weighted by their traffic, over the last `window`. */
export const shareOf = (
  part: 'calls_unavailable' | 'calls_failed' | 'calls_slow',
  window: string,
): string => {
  const whole = part === 'calls_slow' ? 'calls_timed' : 'calls'
  const total = (series: string): string =>
    `sum(avg_over_time(${recorded(`${series}:rate5m`)}[${window}]))`
  return `${total(part)} / (${total(whole)} > 0)`
}

const LINKS: readonly Link[] = [TO_FAILED_TRACES, TO_LOG]

const NO_RULES = 'No traffic yet, or no rules'

export const availability = (width: number): Panel =>
  stat({
    title: 'Availability',
    description: `Share of calls over 30 minutes that found a working server. Failed tools, mistakes of callers and refusals by policy do not count against it. An alert fires below ${WORDS.availability}.`,
    unit: 'percentunit',
    width,
    decimals: 2,
    sparkline: true,
    queries: [over(`1 - ${shareOf('calls_unavailable', '30m')}`, 'availability')],
    steps: AVAILABILITY_STEPS,
    dataLinks: LINKS,
    links: [runbook('SidelightAvailabilityLow')],
    empty: NO_RULES,
  })

export const errorRate = (width: number): Panel =>
  stat({
    title: 'Error rate',
    description: `Share of calls over 5 minutes that failed, failed tools included; mistakes of callers and refusals by policy are not. An alert fires above ${WORDS.errorRate}.`,
    unit: 'percentunit',
    width,
    decimals: 2,
    sparkline: true,
    queries: [over(shareOf('calls_failed', '5m'), 'failed')],
    steps: ERROR_STEPS,
    dataLinks: LINKS,
    links: [runbook('SidelightErrorRateHigh')],
    empty: NO_RULES,
  })

export const slowest = (width: number): Panel =>
  stat({
    title: 'p95 of the slowest',
    description: `The 95th percentile over 5 minutes of the upstream where it is largest. Calls that Sidelight refused are not in it. An alert fires above ${WORDS.latency}.`,
    unit: 's',
    width,
    sparkline: true,
    queries: [over(`max(${recorded('call_duration_seconds:p95_5m')})`, 'p95')],
    steps: LATENCY_STEPS,
    dataLinks: [TO_TRACES, TO_LOG],
    links: [runbook('SidelightLatencyP95High')],
    empty: NO_RULES,
  })

export const budgetLeft = (width: number, objective: 'availability' | 'latency'): Panel =>
  stat({
    title: `${objective === 'availability' ? 'Availability' : 'Latency'} budget left`,
    description: `What is left of the ${objective} budget of 30 days, of the upstream where least is. Below nothing: the objective is missed.`,
    unit: 'percentunit',
    width,
    decimals: 1,
    queries: [now(`min(${recorded(`${objective}_budget_left:ratio30d`)})`)],
    steps: [
      [null, 'red'],
      [0, 'orange'],
      [0.25, 'green'],
    ],
    dataLinks: [TO_FAILED_TRACES],
    links: [
      runbook(
        objective === 'availability'
          ? 'SidelightAvailabilityBudgetBurn'
          : 'SidelightLatencyBudgetBurn',
      ),
    ],
    empty: NO_RULES,
  })

/** Of a panel with one series for each upstream. */
export const SLI_LINKS: readonly Link[] = [TO_UPSTREAM, ...LINKS]
