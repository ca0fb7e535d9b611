/**
 * What wants to know about calls: telemetry now; audit and statistics later.
 *
 * An observer never delays, changes or fails a call. It is told of each thing once, in order.
 */

import type { Call, Exchange } from './exchange.ts'
import type { LimitName } from './limits.ts'
import type { Outcome } from './outcome.ts'

/** Trace context to write into a request on its way out. */
export interface Injection {
  readonly traceparent: string
  /** Empty when there is none. */
  readonly tracestate: string
}

/** The upstream that an attempt goes to. */
export interface AttemptTarget {
  readonly upstreamName: string
  /** `network.transport`: a connection, or the pipes of a process. */
  readonly carrier: 'tcp' | 'pipe'
  /** Undefined for a process. */
  readonly address: string | undefined
  readonly port: number | undefined
}

export interface CallObserver {
  /** A call has been read. Returns what follows it to its end, or undefined when nobody cares. */
  begin(call: Call): CallFollower | undefined
  /** An exchange has ended; its calls have been told before, except those that are suspended. */
  exchangeEnded(exchange: Exchange, outcome: Outcome): void
  /** A limit was hit: a body too large, a table full. `limit` is a static name. */
  limitHit(limit: LimitName): void
}

/** What has passed of the answer to a call. */
export interface Answered {
  /** Bytes of the answer's JSON text, decoded. */
  readonly bytes: number
  /** Bytes of its `result`; 0 when it has none. */
  readonly resultBytes: number
  /**
   * A copy of its `result` as JSON text; undefined unless it was asked for and was no longer than that.
   */
  readonly result: Buffer | undefined
}

export interface CallFollower {
  /**
   * The longest `result` that it wants a copy of, in bytes; 0 or absent for none. Read when the reply
   * begins. Copies are bounded all together too, so there may be none all the same.
   */
  readonly resultBytesWanted?: number
  /** The call's answer has passed; `attemptEnded` follows. Not told when there is no answer. */
  answered?(answer: Answered): void
  /** One attempt to reach the upstream starts now. Returns what to inject, if anything. */
  attemptStarted(target: AttemptTarget, attempt: number, atMs: number): Injection | undefined
  /** The attempt under way has ended; `ended` follows unless another attempt starts. */
  attemptEnded(outcome: Outcome, atMs: number): void
  /** The call has ended; told exactly once. `atMs` is monotonic. */
  ended(outcome: Outcome, atMs: number): void
}

/** What transports tell those who count. Every method is cheap and never throws. */
export interface TransportObserver {
  processStarted(upstream: string): void
  processEnded(upstream: string, how: ProcessEnding): void
  /** A line of a server that went to nobody. */
  lineDropped(upstream: string, why: DroppedLine): void
  sessionEnded(upstream: string, why: SessionEnding): void
  limitHit(limit: LimitName): void
}

export type ProcessEnding =
  /** It was asked to end: its session is over, it was idle, or the sidecar stops. */
  | 'stopped'
  /** It ended by itself with exit code 0. */
  | 'exited'
  /** It ended by itself with another code, or a signal ended it. */
  | 'crashed'
  /** It could not be started. */
  | 'not_started'
  /** It ended after `server/discover`: a server of an earlier revision that was asked for a later one. */
  | 'probe'

export type DroppedLine =
  /** No JSON-RPC message. */
  | 'noise'
  /** Longer than `limits.line`. */
  | 'too_long'
  /** Nobody waits for it. */
  | 'unroutable'

export type SessionEnding =
  /** The client ended it. */
  | 'deleted'
  /** Nothing came for longer than `limits.sessionIdle`. */
  | 'idle'
  /** The upstream knows the session no more, or its process ended. */
  | 'lost'
  /** The table was full. */
  | 'evicted'
  /** The sidecar stopped. */
  | 'stopped'

/** One observer that tells several. The first injection wins. */
export function combineObservers(observers: readonly CallObserver[]): CallObserver {
  const only = observers[0]
  if (observers.length === 1 && only !== undefined) return only
  return {
    begin: (call) => combineFollowers(observers.map((observer) => observer.begin(call))),
    exchangeEnded: (exchange, outcome) => {
      for (const observer of observers) observer.exchangeEnded(exchange, outcome)
    },
    limitHit: (limit) => {
      for (const observer of observers) observer.limitHit(limit)
    },
  }
}

function combineFollowers(followers: readonly (CallFollower | undefined)[]): CallFollower {
  return {
    resultBytesWanted: Math.max(0, ...followers.map((one) => one?.resultBytesWanted ?? 0)),
    answered: (answer) => {
      for (const follower of followers) follower?.answered?.(answer)
    },
    attemptStarted: (target, attempt, atMs) => {
      let injection: Injection | undefined
      for (const follower of followers) {
        const own = follower?.attemptStarted(target, attempt, atMs)
        injection ??= own
      }
      return injection
    },
    attemptEnded: (outcome, atMs) => {
      for (const follower of followers) follower?.attemptEnded(outcome, atMs)
    },
    ended: (outcome, atMs) => {
      for (const follower of followers) follower?.ended(outcome, atMs)
    },
  }
}
