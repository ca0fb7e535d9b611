/**
 * The alerts that Sidelight itself and the rules of Prometheus (grafana/src) both have: names, severities
 * and thresholds stand here alone, so that the two mean the same.
 */

export interface AlertDefaults {
  readonly name: string
  readonly severity: 'critical' | 'warning'
  /** What it is about; a label, for routes. */
  readonly category: 'calls' | 'upstream' | 'security' | 'telemetry'
  /** A share from 0 to 1, or seconds; 1 where a state is either there or not. */
  readonly threshold: number
  /** What is looked at, in ms; 0 for the present state. */
  readonly windowMs: number
  /** How long it has to hold before the alert fires, in ms. */
  readonly forMs: number
  /** How long it goes on firing after it last held, in ms, so that what comes and goes is one alert. */
  readonly keepFiringForMs: number
  /** Calls that there must have been in the window; fewer prove nothing. */
  readonly callsMin: number
  /** Calls that must have counted against it in the window. */
  readonly badCallsMin: number
}

const MINUTE_MS = 60_000

/** Of what is a state and no share of calls. */
const STATE = { threshold: 1, windowMs: 0, callsMin: 0, badCallsMin: 0 } as const

export const ALERT_DEFAULTS = {
  /** `error` and `unavailable` calls of those that count. */
  errorRate: {
    name: 'SidelightErrorRateHigh',
    severity: 'warning',
    category: 'calls',
    threshold: 0.05,
    windowMs: 5 * MINUTE_MS,
    forMs: 5 * MINUTE_MS,
    keepFiringForMs: 5 * MINUTE_MS,
    callsMin: 0,
    badCallsMin: 5,
  },
  /** Seconds. */
  latency: {
    name: 'SidelightLatencyP95High',
    severity: 'warning',
    category: 'calls',
    threshold: 5,
    windowMs: 5 * MINUTE_MS,
    forMs: 5 * MINUTE_MS,
    keepFiringForMs: 5 * MINUTE_MS,
    callsMin: 20,
    badCallsMin: 0,
  },
  /**
   * Fires below the threshold; only `unavailable` calls count against it. It ends when the calls of the last
   * five minutes were well, so that nobody is called for an outage that is over.
   */
  availability: {
    name: 'SidelightAvailabilityLow',
    severity: 'critical',
    category: 'calls',
    threshold: 0.99,
    windowMs: 30 * MINUTE_MS,
    forMs: 5 * MINUTE_MS,
    keepFiringForMs: 5 * MINUTE_MS,
    callsMin: 0,
    badCallsMin: 5,
  },
  /** Not closed for so long: one that is half open for a moment has not recovered. */
  breakerOpen: {
    ...STATE,
    name: 'SidelightBreakerOpen',
    severity: 'critical',
    category: 'upstream',
    forMs: MINUTE_MS,
    // Longer than what follows from it: that is not to be heard of when all is over.
    keepFiringForMs: 11 * MINUTE_MS,
  },
  upstreamDown: {
    ...STATE,
    name: 'SidelightUpstreamDown',
    severity: 'critical',
    category: 'upstream',
    forMs: 3 * MINUTE_MS,
    keepFiringForMs: MINUTE_MS,
  },
  /** Records that were not written in the window. */
  auditFailing: {
    ...STATE,
    name: 'SidelightAuditFailing',
    severity: 'critical',
    category: 'security',
    windowMs: 10 * MINUTE_MS,
    forMs: 0,
    keepFiringForMs: 0,
  },
  /** Items that the collector did not take, in the window. */
  telemetryFailing: {
    ...STATE,
    name: 'SidelightTelemetryFailing',
    severity: 'warning',
    category: 'telemetry',
    windowMs: 10 * MINUTE_MS,
    forMs: 10 * MINUTE_MS,
    keepFiringForMs: 10 * MINUTE_MS,
  },
  /** Items that came faster than they could be sent, in the window. */
  telemetryDropped: {
    ...STATE,
    name: 'SidelightTelemetryDropped',
    severity: 'warning',
    category: 'telemetry',
    windowMs: 10 * MINUTE_MS,
    forMs: 5 * MINUTE_MS,
    keepFiringForMs: 10 * MINUTE_MS,
  },
} as const satisfies Readonly<Record<string, AlertDefaults>>

/** The rules by their keys, as the configuration names them. */
export type AlertRuleName = keyof typeof ALERT_DEFAULTS

export const ALERT_RULE_NAMES: readonly AlertRuleName[] = [
  'errorRate',
  'latency',
  'availability',
  'breakerOpen',
  'upstreamDown',
  'auditFailing',
  'telemetryFailing',
  'telemetryDropped',
]
