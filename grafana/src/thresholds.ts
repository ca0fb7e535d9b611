/**
 * From which figure on something is wrong. Those that in-process alerts have too come from
 * `src/core/alert-defaults.ts`. The first group can be set per upstream without a change here
 * (grafana/rules/overrides.yaml); docs/alerts.md lists both.
 */

import { ALERT_DEFAULTS } from '../../src/core/alert-defaults.ts'

/** Set per upstream by a series `sidelight:threshold_override{threshold="<name>"}`. */
export const UPSTREAM_THRESHOLDS = {
  error_ratio: {
    value: ALERT_DEFAULTS.errorRate.threshold,
    about: 'Share of failed calls above which SidelightErrorRateHigh fires.',
  },
  error_ratio_critical: {
    value: 0.25,
    about: 'Share of failed calls above which SidelightErrorRateCritical fires.',
  },
  latency_p95_seconds: {
    value: ALERT_DEFAULTS.latency.threshold,
    about: '95th percentile of call durations above which SidelightLatencyP95High fires.',
  },
  availability_ratio: {
    value: ALERT_DEFAULTS.availability.threshold,
    about: 'Availability over 30 minutes below which SidelightAvailabilityLow fires.',
  },
  availability_budget_ratio: {
    value: 0.001,
    about:
      'Share of calls that may find the upstream unavailable in 30 days: 1 minus the objective.',
  },
  latency_budget_ratio: {
    value: 0.05,
    about: 'Share of calls that may take longer than the latency objective in 30 days.',
  },
  error_calls_min: {
    value: ALERT_DEFAULTS.errorRate.badCallsMin,
    about: 'Failed calls in 5 minutes without which SidelightErrorRateHigh stays silent.',
  },
  latency_calls_min: {
    value: ALERT_DEFAULTS.latency.callsMin,
    about: 'Calls in 5 minutes without which SidelightLatencyP95High stays silent.',
  },
} as const satisfies Readonly<Record<string, { readonly value: number; readonly about: string }>>

export type UpstreamThreshold = keyof typeof UPSTREAM_THRESHOLDS

/** The same for all; they are part of the expressions. */
export const FIXED_THRESHOLDS = {
  /** Seconds: a call that takes longer is slow. A bound of the histogram, so that it is counted exactly. */
  slowSeconds: 5,
  criticalErrorsMin: 20,
  unavailableCallsMin: ALERT_DEFAULTS.availability.badCallsMin,
  breakerOpensIn30m: 3,
  upstreamFlipsIn30m: 6,
  refusedForWantOfRoomIn5m: 5,
  /** Of the limit, on average over 5 minutes. */
  saturationRatio: 0.9,
  throttlesIn10m: 3,
  crashesIn10m: 3,
  repeatedCallsIn5m: 50,
  callsAfterRefusalIn5m: 10,
  collectorQueueRatio: 0.8,
  restartsIn30m: 3,
  eventLoopUtilization: 0.9,
  eventLoopDelaySeconds: 0.2,
  limitHitsIn5m: 10,
  refusedTokensIn5m: 20,
  /** Than on average over a day. */
  refusedTokensTimesUsual: 5,
  forgedTokensIn10m: 5,
  decisionsIn10m: 20,
  keysAgeSeconds: 2700,
  undecidedIn5m: 5,
  /** Records; the queue of a sidecar holds 10,000 unless `audit.queue` says otherwise. */
  auditBacklog: 5000,
} as const satisfies Readonly<Record<string, number>>

export interface Thresholds {
  readonly upstream: Readonly<Record<UpstreamThreshold, number>>
  readonly fixed: Readonly<Record<keyof typeof FIXED_THRESHOLDS, number>>
}

/** As shipped. */
export const THRESHOLDS: Thresholds = {
  upstream: {
    error_ratio: UPSTREAM_THRESHOLDS.error_ratio.value,
    error_ratio_critical: UPSTREAM_THRESHOLDS.error_ratio_critical.value,
    latency_p95_seconds: UPSTREAM_THRESHOLDS.latency_p95_seconds.value,
    availability_ratio: UPSTREAM_THRESHOLDS.availability_ratio.value,
    availability_budget_ratio: UPSTREAM_THRESHOLDS.availability_budget_ratio.value,
    latency_budget_ratio: UPSTREAM_THRESHOLDS.latency_budget_ratio.value,
    error_calls_min: UPSTREAM_THRESHOLDS.error_calls_min.value,
    latency_calls_min: UPSTREAM_THRESHOLDS.latency_calls_min.value,
  },
  fixed: FIXED_THRESHOLDS,
}
