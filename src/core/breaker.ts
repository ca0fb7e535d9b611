/** The words for what keeps calls from a bad upstream, as telemetry and people see it. */

import type { LimitName } from './limits.ts'

export type BreakerStateName = 'closed' | 'open' | 'half_open'

export const BREAKER_STATES: readonly BreakerStateName[] = ['closed', 'open', 'half_open']

/** What a breaker watches: all calls of an upstream, or those of one of its tools. */
export type BreakerScope = 'upstream' | 'tool'

export const BREAKER_SCOPES: readonly BreakerScope[] = ['upstream', 'tool']

/** Why a breaker changed its state. */
export type TransitionCause =
  /** Hard failures in a row. */
  | 'failures_in_row'
  | 'failure_rate'
  | 'slow_rate'
  | 'trial_failed'
  /** A trial did not end within its lease. */
  | 'trial_lost'
  | 'probe_failed'
  /** The open time is over, and there is no probe that could say more. */
  | 'open_time_over'
  | 'probe_passed'
  | 'trials_passed'
  /** By hand. */
  | 'forced_open'
  | 'forced_closed'
  | 'reset'
  /** What was ordered by hand has run out, or was taken back. */
  | 'override_ended'

export const TRANSITION_CAUSES: readonly TransitionCause[] = [
  'failures_in_row',
  'failure_rate',
  'slow_rate',
  'trial_failed',
  'trial_lost',
  'probe_failed',
  'open_time_over',
  'probe_passed',
  'trials_passed',
  'forced_open',
  'forced_closed',
  'reset',
  'override_ended',
]

export interface Transition {
  readonly from: BreakerStateName
  readonly to: BreakerStateName
  readonly cause: TransitionCause
  readonly atMs: number
  /** When `to` is `open`: how long. */
  readonly openMs: number | undefined
  /** Of the window at that moment. */
  readonly calls: number
  readonly failed: number
  readonly slow: number
}

/** A change of state that the end of a call brought about. */
export interface BreakerChange {
  /** Undefined for the breaker of the whole upstream. */
  readonly tool: string | undefined
  readonly transition: Transition
}

export type TrialResult = 'passed' | 'failed' | 'returned' | 'lost'

export const TRIAL_RESULTS: readonly TrialResult[] = ['passed', 'failed', 'returned', 'lost']

export type OverrideMode = 'forced_open' | 'forced_closed' | 'metrics_only'

export const OVERRIDE_MODES: readonly OverrideMode[] = [
  'forced_open',
  'forced_closed',
  'metrics_only',
]

/** How a call's wait in an upstream's queue ended. */
export type QueueEnd =
  | 'entered'
  /** It could not begin in time. */
  | 'timeout'
  /** It made room for a client that waits with fewer calls. */
  | 'evicted'
  /** The upstream's breaker opened, or it asked for time. */
  | 'refused'
  /** The client left, or took the call back. */
  | 'left'

export const QUEUE_ENDS: readonly QueueEnd[] = ['entered', 'timeout', 'evicted', 'refused', 'left']

/** Which of two attempts answered first: `won` is that of the second, `lost` that it did not. */
export type HedgeResult = 'won' | 'lost'

export const HEDGE_RESULTS: readonly HedgeResult[] = ['won', 'lost']

/** Told of what keeps calls from upstreams. Every method is cheap and never throws. */
export interface ResilienceObserver {
  /** `tool` is undefined for the breaker of the whole upstream. */
  breakerChanged(upstream: string, tool: string | undefined, transition: Transition): void
  breakerRefused(upstream: string, scope: BreakerScope): void
  trialEnded(upstream: string, scope: BreakerScope, result: TrialResult): void
  /** A result came when the state that its call began in was over; it counted for nothing. */
  lateResult(upstream: string, scope: BreakerScope): void
  /** It was open for so much longer. */
  breakerWasOpen(upstream: string, ms: number): void
  throttled(upstream: string, status: number): void
  queueLeft(upstream: string, how: QueueEnd, waitMs: number): void
  /** A call is made again after an attempt that failed. */
  retried(upstream: string): void
  /** It would have been, but the budget was used up. */
  retryRefused(upstream: string): void
  /** A second attempt was made beside a first one that was slow, and is over. */
  hedged(upstream: string, result: HedgeResult): void
  limitHit(limit: LimitName): void
}

/** One upstream's state, for gauges. */
export interface ResilienceView {
  readonly upstream: string
  readonly state: BreakerStateName
  /** Tools whose breaker has opened at least once. */
  readonly tools: readonly { readonly tool: string; readonly state: BreakerStateName }[]
  /** Of the calls in the window, 0 to 1. */
  readonly failureRatio: number
  readonly slowRatio: number
  readonly throttled: boolean
  readonly queued: number
  readonly active: number
  readonly limit: number
  readonly retriesLeft: number
}
