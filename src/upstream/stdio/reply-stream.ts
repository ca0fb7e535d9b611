/**
 * The reply to one HTTP request, made from the lines of a stdio server.
 *
 * A lone answer that comes first and soon is a JSON body. Anything else that has to be said before
 * it, or a second of silence, makes the reply an event stream, as Streamable HTTP leaves it to the
 * server.
 */

import { STATUS_CODES } from 'node:http'
import type { ReplySink, TransportFailure } from '../transport.ts'
import {
  EMPTY_BODY,
  jsonHeaders,
  KEEP_ALIVE,
  primingEvent,
  STREAM_HEADERS,
  toEvent,
} from './framing.ts'
import { toLine } from '../../mcp/to-line.ts'

export interface ReplyStreamOptions {
  readonly sink: ReplySink
  /** False for clients that take nothing but JSON: what is not the answer is then left out. */
  readonly acceptsStream: boolean
  /** Headers of the reply besides those of its body, names and values in turn. */
  readonly headers: readonly string[]
  /** Stores a message and returns its event's id; undefined when the stream cannot be resumed. */
  readonly store: ((message: Buffer) => string) | undefined
  /** Id of the event that opens the stream, for clients that know such events. */
  readonly priming: string | undefined
  readonly nowMs: number
}

/** A reply that is still silent after this becomes a stream. */
const SILENCE_MS = 1_000

/** A stream that is silent for so long says that it lives. */
const KEEP_ALIVE_MS = 15_000

export class ReplyStream {
  // Not the options themselves: they name the sink, and with it all of a call, which ends before the stream.
  readonly #acceptsStream: boolean
  readonly #headers: readonly string[]
  readonly #store: ((message: Buffer) => string) | undefined
  readonly #priming: string | undefined
  #state: 'waiting' | 'streaming' | 'over' = 'waiting'
  /** Undefined while nobody listens: the client has gone and may come back. */
  #sink: ReplySink | undefined
  /** When something was last written, as far as the ticks tell. */
  #lastMs: number
  #wrote = false
  #told = false
  /** Bytes written that the listener has not taken yet, since it said that it cannot keep up. */
  behindBytes = 0
  #behind = false

  constructor(options: ReplyStreamOptions) {
    this.#acceptsStream = options.acceptsStream
    this.#headers = options.headers
    this.#store = options.store
    this.#priming = options.priming
    this.#sink = options.sink
    this.#lastMs = options.nowMs
  }

  get over(): boolean {
    return this.#state === 'over'
  }

  /** True when its client may have been told an id of one of its events. */
  get named(): boolean {
    return this.#told || this.#priming !== undefined
  }

  get streaming(): boolean {
    return this.#state === 'streaming'
  }

  /** Starts the event stream; nothing happens when it runs or the client takes none. */
  open(): void {
    if (this.#state !== 'waiting' || !this.#acceptsStream) return
    this.#state = 'streaming'
    this.#sink?.head(200, 'OK', [...STREAM_HEADERS, ...this.#headers])
    if (this.#priming !== undefined) this.#write(primingEvent(this.#priming))
  }

  /** A message before the answer. False when it cannot be said on this reply. */
  message(message: Buffer): boolean {
    if (this.#state === 'over' || !this.#acceptsStream) return false
    this.open()
    this.#told = true
    this.#write(toEvent(message, this.#store?.(message)))
    return true
  }

  /** The answer, which ends the reply. The status counts only while no head has been sent. */
  answer(message: Buffer, status: number): void {
    if (this.#state === 'over') return
    if (this.#state === 'streaming') {
      this.message(message)
      this.end()
      return
    }
    this.#state = 'over'
    const body = toLine(message)
    const headers = jsonHeaders(body.length)
    for (const part of this.#headers) headers.push(part)
    this.#sink?.head(status, STATUS_CODES[status] ?? '', headers)
    this.#write(body)
    this.#finish()
  }

  /** Ends a stream in good order. */
  end(): void {
    if (this.#state === 'over') return
    if (this.#state === 'waiting') this.open()
    // A client that takes no streams is owed a head all the same.
    if (this.#state === 'waiting') this.#sink?.head(202, 'Accepted', EMPTY_BODY)
    this.#state = 'over'
    this.#finish()
  }

  /** The reply is over when its reader has taken it: until then it counts as under way. */
  #finish(): void {
    if (this.#behind) return
    this.#sink?.end()
    this.#sink = undefined
  }

  /** The server is gone. */
  fail(failure: TransportFailure): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#sink?.failed(failure)
    this.#sink = undefined
  }

  /** Gives up a reader that does not take what was said, also after its answer. */
  breakOff(): void {
    this.#state = 'over'
    // Its client's doing, so no failure of the server: a breaker must not learn from it.
    this.#sink?.cancelled()
    this.#sink = undefined
    this.#behind = false
    this.behindBytes = 0
  }

  /** The client has taken its request back, or ended its session. */
  cancel(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#sink?.cancelled()
    this.#sink = undefined
  }

  /** A listener has gone; what follows is stored for its return. Another one may have taken its place. */
  detach(sink: ReplySink): void {
    if (this.#sink !== sink) return
    this.#sink = undefined
    this.caughtUp(sink)
  }

  get attached(): boolean {
    return this.#sink !== undefined
  }

  /** The client is back, on a reply of its own whose head is sent here; events are replayed first. */
  attach(sink: ReplySink, headers: readonly string[], replay: readonly Buffer[]): void {
    // The connection that the client came from may still look open from here.
    if (this.#sink !== sink) this.#sink?.end()
    this.#sink = sink
    this.#behind = false
    this.behindBytes = 0
    if (this.#state === 'waiting') this.#state = 'streaming'
    sink.head(200, 'OK', [...STREAM_HEADERS, ...headers])
    for (const event of replay) this.#write(event)
    if (this.#state === 'over') this.#finish()
  }

  caughtUp(sink: ReplySink): void {
    if (this.#sink !== undefined && this.#sink !== sink) return
    this.#behind = false
    this.behindBytes = 0
    if (this.#state === 'over') this.#finish()
  }

  tick(nowMs: number): void {
    if (this.#state === 'waiting' && nowMs - this.#lastMs >= SILENCE_MS) this.open()
    if (this.#wrote) {
      this.#lastMs = nowMs
      this.#wrote = false
    }
    if (this.#state !== 'streaming' || nowMs - this.#lastMs < KEEP_ALIVE_MS) return
    this.#write(KEEP_ALIVE)
  }

  #write(bytes: Buffer): void {
    if (this.#sink === undefined) return
    this.#wrote = true
    if (!this.#sink.data(bytes)) this.#behind = true
    if (this.#behind) this.behindBytes += bytes.length
  }
}
