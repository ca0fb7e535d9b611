/** The second attempt at a call that is slow: its place at the upstream, and how it counts. */

import type { HedgeResult } from '../core/breaker.ts'
import type { Outcome } from '../core/outcome.ts'
import type { SecondAttempt } from './permit.ts'
import type { UpstreamGuard } from './upstream-guard.ts'

/** How an attempt that failed while the other goes on counts. */
type Judge = (outcome: Outcome, incident: number | undefined) => void

export class HeldSecond implements SecondAttempt {
  readonly #guard: UpstreamGuard
  readonly #judge: Judge
  #holds = true

  /** The guard has given it a place. */
  constructor(guard: UpstreamGuard, judge: Judge) {
    this.#guard = guard
    this.#judge = judge
  }

  failed(outcome: Outcome, incident: number | undefined): void {
    this.#judge(outcome, incident)
    this.#leave()
  }

  ended(result: HedgeResult): void {
    this.#guard.retries.hedged(result)
    this.#leave()
  }

  #leave(): void {
    if (!this.#holds) return
    this.#holds = false
    this.#guard.left(this.#guard.nowMs)
  }
}
