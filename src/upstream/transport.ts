/** Carries one message to one upstream: over HTTP, over the older HTTP+SSE, or to a process. */

import type { Exchange } from '../core/exchange.ts'
import type { AttemptFacts, Injection } from '../core/observer.ts'
import type { Rejection, UpstreamFailure } from '../core/outcome.ts'
import type { PoolState } from '../core/pool.ts'

export interface Outbound {
  /** What was received, with the calls in it. */
  readonly exchange: Exchange
  /** Written over the client's `traceparent` and `tracestate` headers. */
  readonly injection: Injection | undefined
  /** The exchange's body, with trace context in it when that is written. */
  readonly body: Buffer
  /** True for streams that stay open as long as the client listens; they must not starve calls. */
  readonly longLived: boolean
  /** True when the reply has to be read on its way, so the upstream is asked not to compress it. */
  readonly plain?: boolean
  /** Where to write how long the request waited, and when it was handed on. */
  readonly attempt: AttemptFacts
}

/** Told what comes back, in order: `head`, any `data`, then `end`; or `failed` at any point. */
export interface ReplySink {
  head(status: number, statusMessage: string, rawHeaders: readonly string[]): void
  /** False asks for a pause until `Flight.resume`. */
  data(chunk: Buffer): boolean
  end(): void
  failed(failure: TransportFailure): void
  /** The client has taken it back by another message, as the end of its session, or does not read. */
  cancelled(): void
}

export interface TransportFailure {
  readonly reason: UpstreamFailure
  /** False only when not one byte of the request can have reached the upstream. */
  readonly sent: boolean
  /** True when a fresh connection may do better at once: a pooled one broke before it was used. */
  readonly stale: boolean
  /** For people: an error code such as ECONNREFUSED. Never holds an address or a header. */
  readonly detail: string
  /** Equal for all that one broken connection or ended process took with it; of a process, its pid. */
  readonly incident?: number
}

/** One message under way. */
export interface Flight {
  /** Gives up, `late` when it took too long; the sink hears nothing more. */
  abort(why?: 'late'): void
  resume(): void
  /** Nobody needs the bytes of a chunk any more, so that they may be overwritten; for those who can use that. */
  spent?(chunk: Buffer): void
}

export interface Transport {
  /** Says no before anything is sent: a session that does not exist, a table that is full. */
  check(exchange: Exchange): Rejection | undefined
  send(outbound: Outbound, sink: ReplySink): Flight
  /** How many sessions the transport itself keeps. */
  readonly sessions: number
  /** Its connections, or the processes that requests share. */
  pools?(): readonly PoolState[]
  /** Looks after what depends on time: idle sessions, silent streams. Called about once a second. */
  tick(nowMs: number): void
  /** Ends every connection and process. */
  close(): Promise<void>
}
