/** What a breaker can be, how it is set, and what it tells. */

import type { BreakerStateName, OverrideMode, Transition, TrialResult } from '../core/breaker.ts'
import type { BreakerSignal } from '../core/outcome.ts'
import type { RateWindow } from './rate-window.ts'

/**
 * Every state owns its data. A `ticket` names the one state, or the one trial, that its holder's
 * result may count in; a number is never used twice.
 */
export type BreakerState =
  | {
      readonly kind: 'closed'
      readonly ticket: number
      readonly sinceMs: number
      /** When calls may begin to come in full again; undefined when it never was open. */
      readonly fullAtMs: number | undefined
      readonly window: RateWindow
      /** Hard failures in a row of calls that do work, and of others. */
      workRun: number
      otherRun: number
    }
  | {
      readonly kind: 'open'
      readonly sinceMs: number
      readonly untilMs: number
      /** The probe that is under way. */
      probe: Trial | undefined
      /** When to ask next; the end of the open time is another time to ask. */
      probeAtMs: number
      /** A probe has found it dead, so that the first one that finds it alive is news. */
      seenDead: boolean
    }
  | {
      readonly kind: 'half_open'
      readonly sinceMs: number
      passed: number
      trial: Trial | undefined
    }

export type Closed = BreakerState & { readonly kind: 'closed' }
export type HalfOpen = BreakerState & { readonly kind: 'half_open' }

export interface Trial {
  readonly ticket: number
  readonly leaseMs: number
}

export interface BreakerSettings {
  /** Hard failures in a row that open it; undefined when only rates do. */
  readonly failuresInRow: number | undefined
  readonly failureRate: number
  /** No rate means anything with fewer calls in the window. */
  readonly callsMin: number
  readonly windowMs: number
  readonly slowCallMs: number
  readonly slowRate: number
  /** Whether slow calls open it, or are only reported. */
  readonly slowOpens: boolean
  /** First open time; it doubles with each opening up to the maximum. */
  readonly openMs: number
  readonly openMsMax: number
  /** Trials in a row that close it. */
  readonly successes: number
  /** A trial that takes longer counts as failed. */
  readonly trialMs: number
  readonly probeMs: number
  /** How long calls grow from a tenth to all after it closed. */
  readonly slowStartMs: number
  /** True: never refuses, and says what it would have done. */
  readonly reportOnly: boolean
}

/** What somebody ordered by hand. */
export interface Override {
  readonly mode: OverrideMode
  readonly reason: string
  readonly actor: string
  /** Monotonic; it ends by itself then. */
  readonly untilMs: number
}

/** Told after the state has changed. What it throws is its own affair. */
export interface BreakerObserver {
  transition(transition: Transition): void
  trialEnded(result: TrialResult): void
  /** A result came when its state was over; it counted for nothing. */
  lateResult(): void
}

/** What a probe found out: `unknown` when it could not be made. */
export type ProbeResult = 'alive' | 'dead' | 'unknown'

/** Asks the upstream whether it lives; calls back once, with the monotonic instant. */
export type Probe = (done: (result: ProbeResult, nowMs: number) => void) => void

/** A breaker as people and gauges see it. */
export interface BreakerView {
  readonly state: BreakerStateName
  readonly sinceMs: number
  /** Monotonic end of the open time. */
  readonly openUntilMs: number | undefined
  readonly trialUnderWay: boolean
  readonly trialsPassed: number
  readonly override: Override | undefined
  readonly calls: number
  readonly failed: number
  readonly slow: number
  readonly failuresInRow: number
}

/** How a call went, as far as the breaker cares. */
export interface Result {
  readonly signal: BreakerSignal
  readonly durationMs: number
  /** False for lists, pings and handshakes: cheap calls that succeed do not end a run of failures. */
  readonly work: boolean
  /** False: a failure counts in the rate, and in no run of failures. */
  readonly hard: boolean
  /** Failures with the same number are one: a process or connection that took many calls with it. */
  readonly incident: number | undefined
}

export interface BreakerParts {
  readonly settings: BreakerSettings
  readonly nowMs: number
  /** From 0 to below 1. */
  readonly random: () => number
  readonly observer: BreakerObserver
  /** Asked when the open time is over, instead of a caller's call. */
  readonly probe: Probe | undefined
}

/** The result of a call that was not made after all. */
export const NOTHING: Result = {
  signal: 'none',
  durationMs: 0,
  work: false,
  hard: false,
  incident: undefined,
}

/** The result of a stream that could not be begun. */
export const UNREACHABLE: Result = { ...NOTHING, signal: 'fault', hard: true }
