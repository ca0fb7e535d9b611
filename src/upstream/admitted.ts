/** One exchange on its way to an upstream: what it holds, given back once. */

import type { BreakerChange } from '../core/breaker.ts'
import type { Call } from '../core/exchange.ts'
import type { Outcome, Rejection } from '../core/outcome.ts'
import type { GuardPass } from '../resilience/guard-pass.ts'
import type { Limiter } from '../resilience/limiter.ts'
import type { FailedAttempt, Permit, Queued, SecondAttempt } from '../resilience/permit.ts'
import type { GuardQueued } from '../resilience/guard-parts.ts'
import type { Visit } from './sessions.ts'

export class AdmittedExchange implements Permit {
  readonly kind = 'permit'
  readonly #limiter: Limiter
  /** The upstream, which is not closed while something is under way. */
  readonly #counted: { active: number }
  readonly #visit: Visit | undefined
  #pass: GuardPass | undefined
  #settled = false

  constructor(limiter: Limiter, counted: { active: number }, visit: Visit | undefined) {
    this.#limiter = limiter
    this.#counted = counted
    counted.active += 1
    this.#visit = visit
  }

  permit(pass: GuardPass): Permit {
    this.#pass = pass
    return this
  }

  refuse(rejection: Rejection): Rejection {
    this.settle(rejection)
    return rejection
  }

  /** The same once its turn has come. */
  queue(queued: GuardQueued): Queued {
    return new AdmittedLater(this, queued)
  }

  head(status: number, rawHeaders: readonly string[]): void {
    this.#pass?.head(status, rawHeaders)
  }

  failedIn(incident: number): void {
    this.#pass?.failedIn(incident)
  }

  retry(failed: FailedAttempt, again: (mayGo: boolean) => void): (() => void) | undefined {
    return this.#pass?.retry(failed, again)
  }

  get hedges(): boolean {
    return this.#pass?.hedges === true
  }

  hedge(begin: (second: SecondAttempt) => void): () => void {
    return this.#pass?.hedge(begin) ?? NOTHING_TO_TAKE_BACK
  }

  callEnded(call: Call, outcome: Outcome, atMs: number): readonly BreakerChange[] | undefined {
    return this.#pass?.callEnded(call, outcome, atMs)
  }

  settle(outcome: Outcome): void {
    if (this.#settled) return
    this.#settled = true
    this.#limiter.leave()
    this.#counted.active -= 1
    this.#visit?.leave()
    this.#pass?.settle(outcome)
  }
}

class AdmittedLater implements Queued {
  readonly kind = 'queued'
  readonly #admitted: AdmittedExchange
  readonly #queued: GuardQueued

  constructor(admitted: AdmittedExchange, queued: GuardQueued) {
    this.#admitted = admitted
    this.#queued = queued
  }

  start(done: (result: Permit | Rejection) => void): void {
    const admitted = this.#admitted
    this.#queued.start((result) =>
      done(result.kind === 'pass' ? admitted.permit(result) : admitted.refuse(result)),
    )
  }

  leave(): void {
    this.#queued.leave()
    this.#admitted.settle(LEFT)
  }
}

const NOTHING_TO_TAKE_BACK = (): void => {}

const LEFT: Outcome = { kind: 'cancelled' }
