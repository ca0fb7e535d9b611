/**
 * Calls whose answer comes on another stream than the reply to their POST.
 *
 * A 2025-11-25 server may close the stream of a call on purpose; the client fetches the answer with
 * GET and `Last-Event-ID` (Streamable HTTP, "Resumability and redelivery"). In 2024-11-05 every answer
 * comes on the session's one stream. Until then the call has no outcome: neither success nor failure
 * would be true. The table is bounded in number and time; a call that falls out of it ends as `closed`.
 */

import type { Clock } from '../core/clock.ts'
import { sessionKeyOf, type Exchange } from '../core/exchange.ts'
import type { Message } from '../core/message.ts'
import type { Answered } from '../core/observer.ts'
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
  /** The longest result that it wants a copy of, in bytes; 0 for none. */
  readonly wanted: number
  readonly settle: (outcome: Outcome, answered: Answered) => void
}

export interface SuspendOptions {
  /** How long the answer is waited for; `stream`: until the session's stream ends. */
  readonly until: 'wait' | 'stream'
  /** What the call ends as when no answer comes. */
  readonly otherwise: Outcome
}

/** `atMs` is given when the call ended before now: nothing was heard of it since. */
export type Settle = (outcome: Outcome, atMs?: number, answered?: Answered) => void

interface Entry {
  readonly message: Message
  readonly wanted: number
  readonly settle: Settle
  readonly suspendedAtMs: number
  readonly sessionKey: string
  readonly untilMs: number
  readonly otherwise: Outcome
}

const LOST: Outcome = { kind: 'upstream_failed', reason: 'closed', sent: true }

export const SUSPENDED_BY_SERVER: SuspendOptions = { until: 'wait', otherwise: LOST }
export const ANSWERED_ON_STREAM: SuspendOptions = { until: 'stream', otherwise: LOST }
/** The client hung up, which in sessions is no cancellation: it may come back for the answer. */
export const LEFT_BY_CLIENT: SuspendOptions = { until: 'wait', otherwise: { kind: 'cancelled' } }

export class Resumptions {
  readonly #clock: Clock
  readonly #limits: ResumptionLimits
  /** In order of suspension, so the first is the oldest. */
  readonly #entries = new Set<Entry>()
  readonly #bySession = new Map<string, Set<Entry>>()
  /** How many of them want a copy of their result. */
  #wanting = 0

  constructor(clock: Clock, limits: ResumptionLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  get size(): number {
    return this.#entries.size
  }

  suspend(
    exchange: Exchange,
    index: number,
    options: SuspendOptions,
    settle: Settle,
    wanted = 0,
  ): void {
    const message = exchange.calls[index]?.message
    if (message === undefined) return
    const oldest = this.#entries.values().next().value
    if (this.#entries.size >= this.#limits.callsMax && oldest !== undefined) {
      this.#limits.onOverflow()
      this.#giveUp(oldest)
    }
    const suspendedAtMs = this.#clock.monotonicMs()
    const waitMs = options.until === 'stream' ? Infinity : this.#limits.waitMs
    const entry: Entry = {
      message,
      wanted,
      sessionKey: sessionKeyOf(exchange) ?? '',
      suspendedAtMs,
      untilMs: suspendedAtMs + waitMs,
      otherwise: options.otherwise,
      settle,
    }
    this.#entries.add(entry)
    if (wanted > 0) this.#wanting += 1
    const session = this.#bySession.get(entry.sessionKey)
    if (session === undefined) this.#bySession.set(entry.sessionKey, new Set([entry]))
    else session.add(entry)
  }

  /** True when answers may come on this stream now. */
  waitsFor(exchange: Exchange): boolean {
    return this.#bySession.has(sessionKeyOf(exchange) ?? '')
  }

  /** What is looked for on this stream, now and later. */
  on(exchange: Exchange): { calls(): readonly Suspended[]; wanted(): number } {
    return { calls: () => this.waitingFor(exchange), wanted: () => this.wanted(exchange) }
  }

  /** The calls whose answers may come on this stream. */
  waitingFor(exchange: Exchange): readonly Suspended[] {
    const session = this.#bySession.get(sessionKeyOf(exchange) ?? '')
    if (session === undefined) return []
    return [...session].map((entry) => ({
      message: entry.message,
      wanted: entry.wanted,
      settle: (outcome: Outcome, answered: Answered) => this.#end(entry, outcome, answered),
    }))
  }

  /** The longest result that one of them wants a copy of. */
  wanted(exchange: Exchange): number {
    if (this.#wanting === 0) return 0
    let most = 0
    for (const entry of this.#bySession.get(sessionKeyOf(exchange) ?? '') ?? []) {
      if (entry.wanted > most) most = entry.wanted
    }
    return most
  }

  /** The client took a call back. */
  cancel(sessionKey: string, idKey: string): void {
    for (const entry of this.#bySession.get(sessionKey) ?? []) {
      if (entry.message.id?.key === idKey) this.#end(entry, { kind: 'cancelled' })
    }
  }

  /** The stream on which a session's answers come has ended. */
  endSession(sessionKey: string, outcome: Outcome): void {
    for (const entry of this.#bySession.get(sessionKey) ?? []) this.#end(entry, outcome)
  }

  /** The call has ended otherwise: no answer is waited for. */
  forget(message: Message, sessionKey: string): void {
    for (const entry of this.#bySession.get(sessionKey) ?? []) {
      if (entry.message === message) this.#remove(entry)
    }
  }

  /** Ends the calls that have waited too long. */
  sweep(): void {
    const now = this.#clock.monotonicMs()
    for (const entry of this.#entries) {
      if (entry.untilMs <= now) this.#giveUp(entry)
    }
  }

  /** Ends every call that waits; for shutdown. */
  endAll(): void {
    for (const entry of this.#entries) this.#giveUp(entry)
  }

  /** The wait is no part of the call's time. */
  #giveUp(entry: Entry): void {
    if (this.#remove(entry)) entry.settle(entry.otherwise, entry.suspendedAtMs)
  }

  #end(entry: Entry, outcome: Outcome, answered?: Answered): void {
    if (this.#remove(entry)) entry.settle(outcome, undefined, answered)
  }

  #remove(entry: Entry): boolean {
    if (!this.#entries.delete(entry)) return false
    if (entry.wanted > 0) this.#wanting -= 1
    const session = this.#bySession.get(entry.sessionKey)
    session?.delete(entry)
    if (session?.size === 0) this.#bySession.delete(entry.sessionKey)
    return true
  }
}
