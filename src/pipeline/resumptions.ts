/**
 * Calls whose answer is still to come on another stream.
 *
 * A 2025-11-25 server may close the stream of a call on purpose; the client fetches the answer with
 * GET and `Last-Event-ID` (Streamable HTTP, "Resumability and redelivery"). Until then the call has
 * no outcome: neither success nor failure would be true. The table is bounded in number and time;
 * a call that falls out of it ends as `closed`.
 */

import type { Clock } from '../core/clock.ts'
import { sessionKeyOf, type Exchange } from '../core/exchange.ts'
import type { Message } from '../core/message.ts'
import type { Outcome } from '../core/outcome.ts'

export interface ResumptionLimits {
  readonly callsMax: number
  readonly waitMs: number
  /** Told when a call falls out because the table is full. */
  readonly onOverflow: () => void
}

/** A suspended call: what to look for, and whom to tell. */
export interface Suspended {
  readonly message: Message
  readonly settle: (outcome: Outcome) => void
}

interface Entry extends Suspended {
  readonly sessionKey: string | undefined
  readonly untilMs: number
}

const LOST: Outcome = { kind: 'upstream_failed', reason: 'closed', sent: true }

export class Resumptions {
  readonly #clock: Clock
  readonly #limits: ResumptionLimits
  /** In order of suspension, so the first is the oldest. */
  readonly #entries = new Set<Entry>()

  constructor(clock: Clock, limits: ResumptionLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  get size(): number {
    return this.#entries.size
  }

  suspend(exchange: Exchange, index: number, settle: (outcome: Outcome) => void): void {
    const message = exchange.calls[index]?.message
    if (message === undefined) return
    this.sweep()
    const oldest = this.#entries.values().next().value
    if (this.#entries.size >= this.#limits.callsMax && oldest !== undefined) {
      this.#limits.onOverflow()
      this.#end(oldest, LOST)
    }
    this.#entries.add({
      message,
      sessionKey: sessionKeyOf(exchange),
      untilMs: this.#clock.monotonicMs() + this.#limits.waitMs,
      settle,
    })
  }

  /** The calls whose answers may come on this stream. */
  waitingFor(exchange: Exchange): readonly Suspended[] {
    if (this.#entries.size === 0) return []
    const key = sessionKeyOf(exchange)
    return [...this.#entries]
      .filter((entry) => entry.sessionKey === key)
      .map((entry) => ({
        message: entry.message,
        settle: (outcome: Outcome) => this.#end(entry, outcome),
      }))
  }

  /** The client took a call back. */
  cancel(sessionKey: string, idKey: string): void {
    for (const entry of this.#entries) {
      if (entry.sessionKey === sessionKey && entry.message.id?.key === idKey) {
        this.#end(entry, { kind: 'cancelled' })
      }
    }
  }

  /** Ends the calls that have waited too long. */
  sweep(): void {
    const now = this.#clock.monotonicMs()
    for (const entry of this.#entries) {
      if (entry.untilMs > now) return
      this.#end(entry, LOST)
    }
  }

  /** Ends every call that waits; for shutdown. */
  endAll(): void {
    for (const entry of this.#entries) this.#end(entry, LOST)
  }

  #end(entry: Entry, outcome: Outcome): void {
    if (this.#entries.delete(entry)) entry.settle(outcome)
  }
}
