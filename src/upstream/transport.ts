/** Carries one message to one upstream. HTTP now; stdio comes behind the same interface. */

import type { Injection } from '../core/observer.ts'
import type { UpstreamFailure } from '../core/outcome.ts'

export interface Outbound {
  readonly httpMethod: string
  /** The client's query with its `?`, or empty. */
  readonly query: string
  /** As received; the transport removes what belongs to the client's connection alone. */
  readonly rawHeaders: readonly string[]
  /** Written over the client's `traceparent` and `tracestate` headers. */
  readonly injection: Injection | undefined
  readonly body: Buffer
  /** True for streams that stay open as long as the client listens; they must not starve calls. */
  readonly longLived: boolean
}

/** Told what comes back, in order: `head`, any `data`, then `end`; or `failed` at any point. */
export interface ReplySink {
  head(status: number, statusMessage: string, rawHeaders: string[]): void
  /** False asks for a pause until `Flight.resume`. */
  data(chunk: Buffer): boolean
  end(): void
  failed(failure: TransportFailure): void
}

export interface TransportFailure {
  readonly reason: UpstreamFailure
  /** False only when not one byte of the request can have reached the upstream. */
  readonly sent: boolean
  /** True when a fresh connection may do better at once: a pooled one broke before it was used. */
  readonly stale: boolean
  /** For people: an error code such as ECONNREFUSED. Never holds an address or a header. */
  readonly detail: string
}

/** One message under way. */
export interface Flight {
  /** Gives up; the sink hears nothing more. */
  abort(): void
  resume(): void
}

export interface Transport {
  send(outbound: Outbound, sink: ReplySink): Flight
  /** Ends every connection at once. */
  close(): Promise<void>
}
