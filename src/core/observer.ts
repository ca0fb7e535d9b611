/**
 * What wants to know about calls: telemetry now; audit and statistics later.
 *
 * An observer never delays, changes or fails a call. It is told of each thing once, in order.
 */

import type { BreakerChange } from './breaker.ts'
import type { Call, Exchange } from './exchange.ts'
import type { LimitName } from './limits.ts'
import type { JsonRpcId, TraceFields } from './message.ts'
import type { Outcome } from './outcome.ts'

/** Context to write into a request on its way out. */
export interface Injection {
  /** Empty when no trace context is written. */
  readonly traceparent: string
  /** Empty when there is none. */
  readonly tracestate: string
  /** The `baggage` header in place of the caller's: empty for none, undefined to leave it alone. */
  readonly headerBaggage?: string | undefined
  /** The same for `params._meta.baggage`. */
  readonly metaBaggage?: string | undefined
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

/** What an event stream is for. */
export type StreamKind =
  /** The reply to a POST. */
  | 'reply'
  /** The reply to `subscriptions/listen` (2026-07-28). */
  | 'subscription'
  /** Where a server of sessions speaks first: a GET stream, or what a wrapped program writes. */
  | 'session'
  /** The one stream of an HTTP+SSE session. */
  | 'sse'

/**
 * What one attempt to reach the upstream took. Always of this shape; the transport and the delivery
 * write into it as things happen. Instants are monotonic milliseconds, 0 until they come.
 */
export interface AttemptFacts {
  /** 1 for the first. */
  readonly number: number
  readonly startedMs: number
  /** How long the request waited for a connection, or for the process to be ready for it. */
  queuedMs: number
  /** How long making a connection took; -1 when none had to be made. */
  connectMs: number
  /** The request was handed to the connection, or written to the process. */
  handedMs: number
  headMs: number
  /** The first event with a message in it, of replies that are event streams and can be read. */
  firstEventMs: number
  /** Time that handing the reply on took, in milliseconds. */
  replyMs: number
  endedMs: number
  /** Bytes of the bodies, as they are on the wire. */
  requestBytes: number
  responseBytes: number
  /** Undefined when the reply is no event stream. */
  stream: StreamKind | undefined
  /** Events with a message in them that have passed. */
  events: number
}

export function newAttempt(number: number, startedMs: number): AttemptFacts {
  return {
    number,
    startedMs,
    queuedMs: 0,
    connectMs: -1,
    handedMs: 0,
    headMs: 0,
    firstEventMs: 0,
    replyMs: 0,
    endedMs: 0,
    requestBytes: 0,
    responseBytes: 0,
    stream: undefined,
    events: 0,
  }
}

/** What is read of a request that an upstream makes of its client. */
export interface ServerAsk {
  readonly id: JsonRpcId
  readonly method: string
  readonly trace: TraceFields
}

/** A request that an upstream makes of its client, such as `sampling/createMessage`. */
export interface ServerRequest extends ServerAsk {
  /** On whose reply it came. */
  readonly exchange: Exchange
  readonly target: AttemptTarget
}

/** How a request of an upstream ended: by the client's answer, or without one. */
export type ServerRequestOutcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'rpc_error'; readonly code: number; readonly message?: string }
  /** The upstream took it back, or what it was for has ended. */
  | { readonly kind: 'cancelled' }
  /** Nothing came for as long as answers are waited for. */
  | { readonly kind: 'unanswered' }

export interface ServerRequestFollower {
  /** Told exactly once. `atMs` is monotonic. */
  ended(outcome: ServerRequestOutcome, atMs: number): void
}

export interface CallObserver {
  /** A call has been read. Returns what follows it to its end, or undefined when nobody cares. */
  begin(call: Call): CallFollower | undefined
  /**
   * An exchange has ended; its calls have been told before, except those that are suspended. `attempt`
   * is the last one; undefined when nothing went to an upstream.
   */
  exchangeEnded(exchange: Exchange, outcome: Outcome, attempt?: AttemptFacts): void
  /** Events of a reply or stream have passed. */
  eventsPassed?(exchange: Exchange, kind: StreamKind, count: number): void
  /** The upstream asks its client something, on a stream that is no call's. */
  asked?(request: ServerRequest, atMs: number): ServerRequestFollower | undefined
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
  /**
   * One attempt to reach the upstream starts now, maybe beside one that is slow. Returns what to inject, if
   * anything.
   */
  attemptStarted(target: AttemptTarget, attempt: number, atMs: number): Injection | undefined
  /**
   * An attempt has ended; `ended` follows unless another starts or is under way. Told without `attempt` of
   * a call that never went out.
   */
  attemptEnded(outcome: Outcome, atMs: number, attempt?: AttemptFacts): void
  /** The call, which ended at `atMs`, has changed breakers; `attemptEnded` follows. */
  breakersChanged?(changes: readonly BreakerChange[], atMs: number): void
  /** The upstream asks its client something on this call's stream. */
  asked?(request: ServerRequest, atMs: number): ServerRequestFollower | undefined
  /** The call has ended; told exactly once. `atMs` is monotonic. */
  ended(outcome: Outcome, atMs: number): void
}

/** What transports tell those who count. Every method is cheap and never throws. */
export interface TransportObserver {
  processStarted(upstream: string): void
  processEnded(upstream: string, how: ProcessEnding): void
  /** A process was started in the place of one that had ended by itself. */
  processRestarted(upstream: string): void
  /** A line of a server that went to nobody. */
  lineDropped(upstream: string, why: DroppedLine): void
  /** `session` is undefined for one that never began, or whose end was not seen. */
  sessionEnded(upstream: string, why: SessionEnding, session: SessionFacts | undefined): void
  limitHit(limit: LimitName): void
}

/** What is known of a session that has ended. */
export interface SessionFacts {
  readonly durationMs: number
  /** What carries the client's messages. */
  readonly carrier: 'tcp' | 'pipe'
  /** The revision, as far as messages of the session have named it. */
  readonly protocolVersion: string | undefined
}

/** What the prober tells those who count. */
export interface HealthObserver {
  /** A check ended. `errorType` comes from a bounded set, and is undefined when the upstream is up. */
  healthChecked(upstream: string, tookMs: number, errorType: string | undefined): void
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
  /** It ended of `server/discover`, as servers of earlier revisions may, or during a health check. */
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
