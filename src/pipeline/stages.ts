/** What the pipeline needs from the rest of the sidecar. Each field is one stage or one source. */

import type { Timeouts } from './deadline.ts'
import type { Clock } from '../core/clock.ts'
import type { Exchange, HeaderRecord } from '../core/exchange.ts'
import type { Log } from '../core/log.ts'
import type { Envelope, Message } from '../core/message.ts'
import type {
  Answered,
  AttemptTarget,
  CallObserver,
  Injection,
  ServerAsk,
} from '../core/observer.ts'
import type { Outcome, Rejection } from '../core/outcome.ts'
import type { Permit, Queued } from '../resilience/permit.ts'
import type { Transport } from '../upstream/transport.ts'
import type { InFlight } from './in-flight.ts'
import type { Resumptions, Suspended } from './resumptions.ts'
import type { ServerRequests } from './server-requests.ts'

export interface Stages {
  readonly clock: Clock
  readonly log: Log
  readonly observer: CallObserver
  readonly resumptions: Resumptions
  readonly serverRequests: ServerRequests
  readonly inFlight: InFlight
  /** How refusals of requests are put: as MCP results and errors, or as HTTP statuses. */
  readonly rejections: 'mcp' | 'http'
  /** A rejection while the sidecar is shutting down. */
  drainRejection(): Rejection | undefined
  readEnvelope(headers: HeaderRecord, body: Buffer): Envelope | Rejection
  findUpstream(name: string): Upstream | undefined
  /** A rejection of calls of tools that are not as the operator has pinned them. */
  checkPins(exchange: Exchange): Rejection | undefined
  /** What the policy says of an exchange and of each call in it; undefined lets it pass. */
  authorize(exchange: Exchange): Denial | undefined
  /**
   * Records that the calls go out. Gives the permit back at once unless they have to wait for their
   * record; what refuses, or waits and leaves, settles the permit.
   */
  recordAttempt(exchange: Exchange, permit: Permit): Permit | Rejection | Queued
  /** How lists in the reply are filtered; undefined when they are not. */
  replyFilter(exchange: Exchange): ReplyFilter | undefined
  /** Names of the upstreams that the client may know of, for the message that says which exist. */
  upstreamNames(exchange: Exchange): readonly string[]
  /** True for requests that stay open as long as the client listens. */
  isLongLived(method: string): boolean
  watchReply(
    head: { readonly status: number; readonly contentType: string | undefined },
    messages: readonly Message[],
    onOutcome: (
      index: number,
      outcome: Outcome | 'suspended',
      answered: Answered | undefined,
    ) => void,
    /** The longest result that each call wants a copy of; undefined when none wants one. */
    wanted: readonly number[] | undefined,
    speech: SpeechSink,
  ): ReplyWatch
  /** Watches a session's stream for answers to calls that were posted elsewhere. */
  watchStream(
    head: { readonly status: number; readonly contentType: string | undefined },
    awaited: Awaited,
    speech: SpeechSink,
  ): ReplyWatch
  decodeTee(
    contentEncoding: string | undefined,
    onData: (chunk: Buffer) => void,
  ): DecodeTee | undefined | 'unreadable'
  spliceMeta(
    body: Buffer,
    injections: readonly { readonly message: Message; readonly injection: Injection }[],
  ): Buffer
}

export interface Denial {
  readonly rejection: Rejection
  /** True when the client is not to learn that there is such an upstream. */
  readonly hidden: boolean
}

/** Takes out of lists what the client may not use. */
export interface ReplyFilter {
  /** Largest body or event. */
  readonly bytesMax: number
  /** Bounds what is held of all replies together. */
  readonly budget: { take(bytes: number): boolean; give(bytes: number): void }
  /** The body as the client may see it; undefined when it cannot be read. */
  json(body: Buffer): Buffer | undefined
  events(): EventFiltering
}

export interface EventFiltering {
  /** Bytes of the event under way. */
  readonly held: number
  /** What can go on now, in order; or why nothing more may. */
  write(chunk: Buffer): readonly Buffer[] | 'too_large' | 'unreadable'
  end(): Buffer | 'too_large' | 'unreadable'
}

/** Told what an upstream says besides answers. */
export interface SpeechSink {
  asked(ask: ServerAsk): void
  /** The upstream takes back its request with this id. */
  askTakenBack(idKey: string): void
}

export interface ReplyWatch {
  /** True when the stream can be resumed: its events carry ids. */
  readonly resumable: boolean
  /** How many events, or lines, with a message in them have passed; 0 when the body is JSON. */
  readonly events: number
  write(chunk: Buffer): void
  end(): void
  /** Nothing more will be told: what is held is let go. */
  drop(): void
}

/** The calls that wait on a stream, and the longest result that any of them wants a copy of. */
export interface Awaited {
  calls(): readonly Suspended[]
  wanted(): number
}

export interface DecodeTee {
  write(chunk: Buffer): boolean
  end(done: (readable: boolean) => void): void
  onDrain(resume: () => void): void
  drop(): void
}

export interface Upstream {
  readonly name: string
  readonly target: AttemptTarget
  readonly transport: Transport
  readonly timeouts: Timeouts
  /** Which carriers of trace context are written on the way out. */
  readonly propagate: { readonly meta: boolean; readonly headers: boolean }
  /** Everything that may say no, or wait, before a byte is sent. */
  admit(exchange: Exchange): Permit | Rejection | Queued
  /** The head of the upstream's reply: what it says about sessions. */
  replied(exchange: Exchange, status: number, rawHeaders: readonly string[]): void
}
