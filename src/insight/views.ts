/**
 * What the statistics, health and alerts of a sidecar look like from outside: plain readonly values that
 * can be sent as JSON. Times are milliseconds; instants are milliseconds since the Unix epoch. A member
 * that is `undefined` is not known, or does not apply; it is never 0 instead.
 */

import type { BreakerStateName } from '../core/breaker.ts'
import type { OutcomeKind } from '../core/outcome.ts'

export type WindowName = '1m' | '5m' | '1h' | '24h'

export const WINDOW_NAMES: readonly WindowName[] = ['1m', '5m', '1h', '24h']

/** How long calls took. Percentiles are off by `relativeError` at most. */
export interface Durations {
  readonly calls: number
  readonly minMs: number
  readonly meanMs: number
  readonly maxMs: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  /** Such as 0.01: each percentile lies within 1 % of the true one. */
  readonly relativeError: number
}

/** Calls that ended alike. `reason` is that of a refusal, of a failure, or whose fault a JSON-RPC error is. */
export interface OutcomeCount {
  readonly outcome: OutcomeKind
  readonly reason: string | undefined
  readonly calls: number
}

/** Figures of one window. Requests are counted; notifications and long-lived streams are not. */
export interface WindowStats {
  readonly window: WindowName
  /** How much of the window is really covered: less than its length after the start. */
  readonly coveredMs: number
  readonly calls: number
  readonly ratePerSecond: number
  /** Largest first; endings that did not come up are left out. */
  readonly outcomes: readonly OutcomeCount[]
  /** Calls that an available service would have answered: without mistakes of callers, refusals by policy, and cancellations. */
  readonly eligible: number
  /** Of these: failed tools, errors and failures of the upstream, and our own refusals for want of it. */
  readonly errors: number
  /** Of these: the service was not there, or broke. */
  readonly unavailable: number
  /** `errors / eligible`, 0 to 1; undefined without eligible calls. */
  readonly errorRate: number | undefined
  /** `1 - unavailable / eligible`; undefined without eligible calls. */
  readonly availability: number | undefined
  /** Calls with an answer that is no error. */
  readonly answered: Durations | undefined
  /** Calls that went out and failed, timed out or were given up. */
  readonly failed: Durations | undefined
  /** Both together: what callers waited. Refused calls are in none of the three. */
  readonly all: Durations | undefined
  /** From the last attempt's start to the first event, of replies that are event streams. */
  readonly firstEvent: Durations | undefined
  readonly requestBytes: number
  readonly responseBytes: number
  /** Estimated cost of the results in a model's context. */
  readonly resultTokens: number
}

export interface UpstreamStats {
  readonly upstream: string
  readonly inFlight: number
  /** Undefined when it has no breaker. */
  readonly breaker: BreakerStateName | undefined
  /** Of the last health check; undefined when there was none. */
  readonly up: boolean | undefined
  readonly health: HealthVerdict
  readonly windows: readonly WindowStats[]
  /** The last calls that failed, newest first. */
  readonly lastErrors: readonly RecentCall[]
}

export interface ToolStats {
  readonly upstream: string
  /** `_OTHER` stands for all tools that have no place of their own. */
  readonly tool: string
  readonly inFlight: number
  readonly stats: WindowStats
}

export interface ToolDetail extends Omit<ToolStats, 'stats'> {
  readonly windows: readonly WindowStats[]
}

export interface TimelinePoint {
  readonly startMs: number
  readonly durationMs: number
  readonly calls: number
  readonly errors: number
  /** Of `all`, as is `p95Ms`; undefined without calls. */
  readonly p50Ms: number | undefined
  readonly p95Ms: number | undefined
}

/** Where the time of a call went, in this order; together they are its duration. */
export interface CallPhases {
  /** Reading the request's body. */
  readonly readMs: number
  /** Checking who sends it. */
  readonly authMs: number
  /** Waiting for a place, for a connection, or for a process. */
  readonly queueMs: number
  /** Making a connection. */
  readonly connectMs: number
  /** Waiting for the first event, or for the reply's head when it is no event stream. */
  readonly waitMs: number
  /** From then to the end of the answer. */
  readonly bodyMs: number
  /** What is left: attempts that failed before the last one, pauses between them, and our own work. */
  readonly otherMs: number
}

export interface RecentCall {
  /** Grows by 1 with each call; to ask for what came after it. */
  readonly seq: number
  readonly startedAtMs: number
  readonly durationMs: number
  readonly upstream: string
  readonly method: string
  /** The tool, prompt or resource template's label; undefined when the method has none. */
  readonly target: string | undefined
  readonly outcome: OutcomeKind
  readonly reason: string | undefined
  /** `error.type` as the client sees it; undefined when it is no error. */
  readonly errorType: string | undefined
  /** What the call counts for. */
  readonly counts: 'good' | 'error' | 'unavailable' | 'excluded'
  readonly traceId: string | undefined
  /** True when the trace was sampled, so that a backend should have it. */
  readonly sampled: boolean
  readonly attempts: number
  readonly phases: CallPhases
  readonly requestBytes: number
  readonly responseBytes: number
  readonly resultTokens: number
}

export interface RecentQuery {
  /** Only calls with a larger `seq`. */
  readonly after?: number | undefined
  readonly limit: number
  readonly upstream?: string | undefined
  readonly tool?: string | undefined
  readonly outcome?: OutcomeKind | undefined
  /** Only calls that count as errors. */
  readonly errorsOnly?: boolean | undefined
}

export interface RecentCalls {
  /** Newest first. */
  readonly calls: readonly RecentCall[]
  /** The newest call there is, whether it was asked for or not: what to pass as `after` next time. */
  readonly lastSeq: number
  /** True when calls after `after` are gone already. */
  readonly missed: boolean
}

export type HealthLevel = 'HEALTHY' | 'WARNING' | 'CRITICAL' | 'UNKNOWN'

export const HEALTH_LEVELS: readonly HealthLevel[] = ['HEALTHY', 'WARNING', 'CRITICAL', 'UNKNOWN']

export type HealthReasonCode =
  | 'error_rate'
  | 'p95'
  | 'breaker_open'
  | 'breaker_half_open'
  | 'upstream_down'
  /** Fewer calls than can be judged by. */
  | 'little_traffic'
  /** Nothing came, and no health check says more. */
  | 'no_traffic'
  /** It was worse, and has not been better for long enough. */
  | 'recovering'

export interface HealthReason {
  readonly code: HealthReasonCode
  readonly level: HealthLevel
  /** A share, or milliseconds; undefined where there is nothing to measure. */
  readonly value: number | undefined
  readonly threshold: number | undefined
  /** Calls that it rests on. */
  readonly calls: number
  /** One sentence for people, with the figures. */
  readonly text: string
}

export interface HealthVerdict {
  readonly level: HealthLevel
  readonly sinceMs: number
  /** Worst first; empty when there is nothing to say. */
  readonly reasons: readonly HealthReason[]
}

export interface HealthReport {
  /** As bad as the worst upstream; UNKNOWN only when nothing is known of any. */
  readonly level: HealthLevel
  readonly sinceMs: number
  readonly upstreams: readonly (HealthVerdict & { readonly upstream: string })[]
}

export type AlertState = 'pending' | 'firing' | 'resolved'

export interface AlertView {
  /** The same for the same rule and labels, as Alertmanager computes no two alerts the same. */
  readonly fingerprint: string
  readonly name: string
  readonly state: AlertState
  readonly severity: 'critical' | 'warning'
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** When the condition began to hold. */
  readonly activeAtMs: number
  readonly firedAtMs: number | undefined
  readonly resolvedAtMs: number | undefined
  /** What was measured last, in the rule's unit; undefined when there was nothing to measure. */
  readonly value: number | undefined
  readonly threshold: number
  readonly silencedBy: string | undefined
}

export interface ReceiverView {
  readonly name: string
  readonly type: 'alertmanager' | 'webhook'
  readonly lastSuccessMs: number | undefined
  readonly lastFailureMs: number | undefined
  /** Such as `503` or `ECONNREFUSED`; undefined when the last attempt succeeded. */
  readonly lastError: string | undefined
  readonly failuresInRow: number
}

export interface SilenceOrder {
  /** Labels that an alert must have, such as `alertname` or `sidelight_upstream_name`; at least one. */
  readonly matchers: Readonly<Record<string, string>>
  readonly ttlMs: number
  readonly reason: string
  readonly author: string
}

export interface SilenceView {
  readonly id: string
  readonly matchers: Readonly<Record<string, string>>
  readonly reason: string
  readonly author: string
  readonly createdAtMs: number
  readonly endsAtMs: number
}

export interface Overview {
  readonly atMs: number
  readonly startedAtMs: number
  readonly health: HealthReport
  readonly inFlight: number
  /** All upstreams together. */
  readonly windows: readonly WindowStats[]
  readonly alerts: { readonly pending: number; readonly firing: number; readonly silenced: number }
}

/** What can be asked. Every answer is a value of that moment; nothing here waits or throws. */
export interface Insight {
  /** Grows whenever an answer may have changed: for entity tags. */
  readonly version: number
  /** With these windows, or with all of them: each takes its time to sum up. */
  overview(windows?: readonly WindowName[]): Overview
  /** In the order of the configuration. `_OTHER`, for calls that named none of them, comes last if there were any. */
  upstreams(windows?: readonly WindowName[]): readonly UpstreamStats[]
  upstream(name: string): UpstreamStats | undefined
  /** Tools that were called in the last 24 hours. */
  tools(query: {
    readonly window: WindowName
    readonly upstream?: string | undefined
  }): readonly ToolStats[]
  tool(upstream: string, tool: string): ToolDetail | undefined
  /** Oldest first: 60 points of 5 s or a minute, 48 of half an hour; of all together when none is named. */
  timeline(
    upstream: string | undefined,
    span: '5m' | '1h' | '24h',
  ): readonly TimelinePoint[] | undefined
  recentCalls(query: RecentQuery): RecentCalls
  /** The calls of one trace that are still remembered, newest first. */
  callsOfTrace(traceId: string): readonly RecentCall[]
  health(): HealthReport
  /** Firing first, then pending, then those resolved within the last 15 minutes. */
  alerts(): readonly AlertView[]
  receivers(): readonly ReceiverView[]
  silences(): readonly SilenceView[]
  /** `full`: there are as many as there may be. */
  silence(order: SilenceOrder): SilenceView | 'full' | 'invalid'
  /** False when there is no such silence. */
  endSilence(id: string): boolean
}
