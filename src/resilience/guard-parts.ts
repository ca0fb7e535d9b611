/** What the guard of an upstream is made of. */

import type { ResilienceObserver } from '../core/breaker.ts'
import type { Clock } from '../core/clock.ts'
import type { Rejection } from '../core/outcome.ts'
import type { BreakerSettings, Probe } from './breaker-state.ts'
import type { GuardPass } from './guard-pass.ts'
import type { RetryRules } from './retries.ts'
import type { SignalRules } from './signals.ts'
import type { Timers } from './timers.ts'

export interface GuardSettings {
  /** Undefined when the upstream has no breaker. */
  readonly breaker: BreakerSettings | undefined
  /** Undefined when its tools have none. */
  readonly toolBreaker: BreakerSettings | undefined
  readonly signals: SignalRules
  /** Calls at a time. */
  readonly concurrency: number
  /** True: the limit follows how long calls take, up to `concurrency`. */
  readonly adaptive: boolean
  readonly queueMax: number
  readonly queueMs: number
  readonly retries: RetryRules
}

export interface GuardParts {
  readonly upstream: string
  readonly settings: GuardSettings
  readonly clock: Clock
  readonly timers: Timers
  readonly random: () => number
  readonly observer: ResilienceObserver
  readonly isLongLived: (method: string) => boolean
  /** What an open breaker asks; undefined when nothing can be asked. */
  readonly probe: Probe | undefined
}

/** A call that waits for its turn. */
export interface GuardQueued {
  readonly kind: 'queued'
  start(done: (result: GuardPass | Rejection) => void): void
  leave(): void
}

/** The same probe, with something to do after each answer. */
export function andThen(probe: Probe, then: () => void): Probe {
  return (done) =>
    probe((result, atMs) => {
      done(result, atMs)
      then()
    })
}
