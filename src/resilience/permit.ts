/** What the call path holds while an exchange with an upstream is under way, or waits for its turn. */

import type { BreakerChange, HedgeResult } from '../core/breaker.ts'
import type { Call } from '../core/exchange.ts'
import type { Outcome, Rejection, UpstreamFailed } from '../core/outcome.ts'

/** An attempt that failed before anything of its reply went to the client. */
export interface FailedAttempt {
  readonly outcome: UpstreamFailed
  /** 1 for the first. */
  readonly number: number
  /** How long the call may still take, in milliseconds. */
  readonly leftMs: number
}

/** A second attempt that is made beside a first one, and holds a place of its own. */
export interface SecondAttempt {
  /** One of the two failed while the other goes on; gives one place back. */
  failed(outcome: Outcome, incident: number | undefined): void
  /** No more than one is under way. Told once. */
  ended(result: HedgeResult): void
}

/** The right to make one exchange with an upstream. */
export interface Permit {
  readonly kind: 'permit'
  /** The head of the upstream's reply. */
  head(status: number, rawHeaders: readonly string[]): void
  /** What failed took other calls with it; equal numbers mean the same failure. */
  failedIn(incident: number): void
  /**
   * Asks for another attempt. Undefined when there is none; otherwise `again` is called once, later, and
   * says whether it may still be made, unless what is returned is called before.
   */
  retry(failed: FailedAttempt, again: (mayGo: boolean) => void): (() => void) | undefined
  /** True when the call may get a second attempt beside a first one that is slow. */
  readonly hedges: boolean
  /**
   * Asks for that. `begin` is called later, once at most, when the call still may; what is returned takes
   * the wish back.
   */
  hedge(begin: (second: SecondAttempt) => void): () => void
  /**
   * A call of the exchange has ended; for one that was suspended, maybe after `settle`. Returns the
   * changes of breakers that its result has brought about, if any.
   */
  callEnded(call: Call, outcome: Outcome, atMs: number): readonly BreakerChange[] | undefined
  /** The exchange is over. Later settles do nothing. */
  settle(outcome: Outcome): void
}

/** An exchange that has to wait for its turn. */
export interface Queued {
  readonly kind: 'queued'
  /** Calls back once, later, unless it leaves before. */
  start(done: (result: Permit | Rejection) => void): void
  /** Gives up waiting. */
  leave(): void
}
