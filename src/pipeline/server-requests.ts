/**
 * Requests that upstreams make of their clients, until they are answered.
 *
 * They pass like everything else; here it is only known that they are open, because the answer comes in
 * an exchange of its own. Ids are unique within a session only. The table is bounded in number and time.
 */

import type { Clock } from '../core/clock.ts'
import type { Message } from '../core/message.ts'
import type { ServerRequestFollower, ServerRequestOutcome } from '../core/observer.ts'

/** Most requests that are open at a time, of all sessions together. */
export const SERVER_REQUESTS_MAX = 4_096

/** A person may take a while to answer. */
const ANSWER_MS = 60 * 60 * 1_000

/** When the reply on which it was asked has ended, the answer may still be on its way. */
const LATE_ANSWER_MS = 10_000

export interface ServerRequestsOptions {
  readonly clock: Clock
  /** Told when the oldest is given up because there are too many. */
  readonly onOverflow: () => void
}

interface Entry {
  readonly sessionKey: string
  readonly follower: ServerRequestFollower
  /** The delivery on whose stream it was asked, while that lasts. */
  stream: object | undefined
  untilMs: number
  /** What it ends as when no answer comes, and when that was; 0 for the moment it is given up. */
  otherwise: ServerRequestOutcome
  otherwiseMs: number
}

const CANCELLED: ServerRequestOutcome = { kind: 'cancelled' }
const UNANSWERED: ServerRequestOutcome = { kind: 'unanswered' }

export class ServerRequests {
  readonly #options: ServerRequestsOptions
  /** In order of their beginning, so the first is the oldest. */
  readonly #open = new Map<string, Entry>()

  constructor(options: ServerRequestsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#open.size
  }

  /**
   * A request passes on its way to the client. `follow` is called unless it is open already: events
   * are sent again to a client that comes back to a stream.
   */
  begin(
    sessionKey: string,
    idKey: string,
    stream: object,
    follow: (atMs: number) => ServerRequestFollower | undefined,
  ): void {
    const key = keyOf(sessionKey, idKey)
    if (this.#open.has(key)) return
    const nowMs = this.#options.clock.monotonicMs()
    const follower = follow(nowMs)
    if (follower === undefined) return
    const oldest = this.#open.keys().next().value
    if (this.#open.size >= SERVER_REQUESTS_MAX && oldest !== undefined) {
      this.#options.onOverflow()
      this.#end(oldest, UNANSWERED)
    }
    this.#open.set(key, {
      sessionKey,
      follower,
      stream,
      untilMs: nowMs + ANSWER_MS,
      otherwise: UNANSWERED,
      otherwiseMs: 0,
    })
  }

  /** A client's response has come. */
  answered(sessionKey: string, message: Message): void {
    if (message.id !== undefined) this.#end(keyOf(sessionKey, message.id.key), outcomeOf(message))
  }

  /** The upstream wants no answer any more. */
  takenBack(sessionKey: string, idKey: string): void {
    this.#end(keyOf(sessionKey, idKey), CANCELLED)
  }

  /** A reply that held requests has ended: nobody will wait for their answers for long. */
  streamEnded(stream: object): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const entry of this.#open.values()) {
      if (entry.stream !== stream) continue
      entry.stream = undefined
      entry.untilMs = nowMs + LATE_ANSWER_MS
      entry.otherwise = CANCELLED
      entry.otherwiseMs = nowMs
    }
  }

  endSession(sessionKey: string): void {
    for (const [key, entry] of this.#open) {
      if (entry.sessionKey === sessionKey) this.#end(key, CANCELLED)
    }
  }

  /** Gives up those that have waited too long. */
  sweep(): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const [key, entry] of this.#open) {
      if (entry.untilMs <= nowMs) this.#end(key, entry.otherwise, entry.otherwiseMs)
    }
  }

  /** Ends every one; for shutdown. */
  endAll(): void {
    for (const key of this.#open.keys()) this.#end(key, CANCELLED)
  }

  #end(key: string, outcome: ServerRequestOutcome, atMs = 0): void {
    const entry = this.#open.get(key)
    if (entry === undefined) return
    this.#open.delete(key)
    entry.follower.ended(outcome, atMs === 0 ? this.#options.clock.monotonicMs() : atMs)
  }
}

function keyOf(sessionKey: string, idKey: string): string {
  return `${sessionKey} ${idKey}`
}

/** An answer that is an error without a code says no more than none. */
function outcomeOf({ error }: Message): ServerRequestOutcome {
  if (error === undefined) return { kind: 'ok' }
  const { code, message } = error
  if (code === undefined) return UNANSWERED
  return message === undefined ? { kind: 'rpc_error', code } : { kind: 'rpc_error', code, message }
}
