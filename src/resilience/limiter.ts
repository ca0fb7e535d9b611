/** Counts what is in flight and refuses more than a maximum. A permit is held until its body ends. */

import type { Outcome } from '../core/outcome.ts'

/** The right to make one exchange with an upstream. Settle it once; later settles do nothing. */
export interface Permit {
  readonly kind: 'permit'
  settle(outcome: Outcome): void
}

export class Limiter {
  readonly #max: number
  #inFlight = 0

  constructor(max: number) {
    this.#max = max
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** A permit, or undefined when `max` are in flight. */
  tryAcquire(): Permit | undefined {
    if (this.#inFlight >= this.#max) return undefined
    this.#inFlight += 1
    let settled = false
    return {
      kind: 'permit',
      settle: () => {
        if (settled) return
        settled = true
        this.#inFlight -= 1
      },
    }
  }
}
