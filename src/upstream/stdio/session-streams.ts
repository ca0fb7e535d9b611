/**
 * The streams of one session: the one on which the server speaks first, and the replies to requests.
 *
 * Every event is kept for a while, so that a client that has lost a stream can come back to it
 * (Streamable HTTP, "Resumability and Redelivery").
 */

import { headerOf, type Exchange } from '../../core/exchange.ts'
import type { Flight, ReplySink, TransportFailure } from '../transport.ts'
import {
  EventStore,
  formatEventId,
  parseEventId,
  type EventPlace,
  type EventStoreLimits,
  type StoredEvent,
} from './event-store.ts'
import { acceptsStream, STREAM_HEADERS, toEvent } from './framing.ts'
import { ReplyStream } from './reply-stream.ts'

export interface SessionStreamsOptions {
  readonly sessionId: string
  readonly replay: EventStoreLimits
  readonly nowMs: () => number
  readonly onReplayLost: () => void
  /** Asks the server to stop writing, or to go on. */
  readonly onHold: (hold: boolean) => void
}

/** The reply to one request, or to a batch. */
export interface RequestStream {
  /** By which its session knows it; a text would cost much more to look up. */
  readonly number: number
  readonly stream: ReplyStream
  /** How many answers it still waits for: more than one in a batch. */
  open: number
}

const GET_STREAM = 'g'

/** What a reply's events are named by. */
const nameOf = (number: number): string => `p${number.toString(36)}`
const numberOf = (name: string): number => Number.parseInt(name.slice(1), 36)

/** More than this waiting for a slow reader stops the server's output. */
const BEHIND_BYTES_MAX = 1024 * 1024

/** The first revision whose clients know the event that opens a stream. */
const FIRST_PRIMED_REVISION = '2025-11-25'

export class SessionStreams {
  readonly #options: SessionStreamsOptions
  readonly #store: EventStore
  readonly #requests = new Map<number, ReplyStream>()
  readonly #headers: readonly string[]
  #get: ReplyStream | undefined
  /** The newest event of the GET stream that has been written to somebody. */
  #getWritten = 0
  #counter = 0
  #held = false

  constructor(options: SessionStreamsOptions) {
    this.#options = options
    this.#store = new EventStore(options.replay)
    this.#store.open(GET_STREAM)
    this.#headers = ['Mcp-Session-Id', options.sessionId]
  }

  /** True while a client listens to what the server says of its own accord. */
  get listened(): boolean {
    return this.#get?.attached === true
  }

  /** A reply to `requests` requests. */
  open(exchange: Exchange, requests: number, sink: ReplySink): RequestStream {
    this.#counter += 1
    const number = this.#counter
    const primed = isPrimed(exchange)
    // Others learn its name from their first event.
    if (primed) this.#store.open(nameOf(number))
    const priming = primed ? formatEventId({ stream: nameOf(number), sequence: 0 }) : undefined
    const store = (message: Buffer): string => {
      const name = nameOf(number)
      return formatEventId({ stream: name, sequence: this.#store.add(name, message) })
    }
    const stream = this.#create(sink, priming, acceptsStream(exchange), store)
    this.#requests.set(number, stream)
    // Several answers come one by one. A client that can come back to a stream is given one at
    // once: with it, a lost connection costs no answer.
    if (requests > 1 || primed) stream.open()
    return { number, stream, open: requests }
  }

  /** The stream on which the server speaks first, or one that a client comes back to. */
  listen(lastEventId: string | undefined, sink: ReplySink): Flight {
    const place = lastEventId === undefined ? undefined : parseEventId(lastEventId)
    if (place !== undefined && place.stream !== GET_STREAM) return this.#resume(place, sink)
    // A client that has lost its connection may come back before we know: the newest one counts.
    this.#get?.end()
    const from = place?.sequence ?? this.#getWritten
    const missed = this.#store.left({ stream: GET_STREAM, sequence: from })
    if (this.#store.lostAfter(GET_STREAM, from) > 0) this.#options.onReplayLost()
    const stream = this.#create(sink, undefined, true, (message) => {
      this.#getWritten = this.#store.add(GET_STREAM, message)
      return formatEventId({ stream: GET_STREAM, sequence: this.#getWritten })
    })
    this.#get = stream
    stream.attach(sink, this.#headers, missed.map(toReplay))
    this.#getWritten = Math.max(this.#getWritten, missed.at(-1)?.sequence ?? 0)
    this.holdBack()
    return this.flight(stream, sink)
  }

  /** Whether a client can come back to this event; undefined is a client that starts anew. */
  canResume(lastEventId: string | undefined): boolean {
    if (lastEventId === undefined) return true
    const place = parseEventId(lastEventId)
    if (place === undefined) return false
    // The server's own stream goes on whatever was missed; an answer must not be.
    return place.stream === GET_STREAM
      ? this.#store.knows(place)
      : this.#store.after(place) !== undefined
  }

  /** Says it to whoever listens, or keeps it for the stream that the client may open. */
  say(message: Buffer): void {
    if (this.#get?.attached === true && this.#get.message(message)) return
    this.#store.add(GET_STREAM, message)
  }

  /** A reply has ended; its events stay for a while. */
  close({ number, stream }: RequestStream): void {
    if (stream.named) this.#store.finish(nameOf(number))
    // A reply whose reader has not taken all of it still holds the server back.
    if (stream.over && !stream.attached) this.#requests.delete(number)
    if (this.#held || stream.behindBytes > 0) this.holdBack()
  }

  /** The reader of a stream has taken all of it, or has gone. */
  relieved(): void {
    for (const [number, stream] of this.#requests) {
      if (stream.over && !stream.attached) this.#requests.delete(number)
    }
    this.holdBack()
  }

  fail(failure: TransportFailure): void {
    for (const stream of this.#requests.values()) stream.fail(failure)
    this.#requests.clear()
    this.#get?.end()
  }

  tick(nowMs: number): void {
    for (const stream of this.#requests.values()) stream.tick(nowMs)
    this.#get?.tick(nowMs)
  }

  flight(stream: ReplyStream, sink: ReplySink): Flight {
    return new StreamFlight(this, stream, sink)
  }

  /** The server's output waits while a reader is far behind. */
  holdBack(): void {
    let behind = this.#get?.behindBytes ?? 0
    for (const stream of this.#requests.values()) behind = Math.max(behind, stream.behindBytes)
    const hold = behind > BEHIND_BYTES_MAX
    if (hold === this.#held) return
    this.#held = hold
    this.#options.onHold(hold)
  }

  #resume(place: EventPlace, sink: ReplySink): Flight {
    const replay = this.#store.left(place).map(toReplay)
    const stream = this.#requests.get(numberOf(place.stream))
    if (stream === undefined || stream.over) {
      // Its answer has come: what was missed is all there is.
      sink.head(200, 'OK', [...STREAM_HEADERS, ...this.#headers])
      for (const event of replay) sink.data(event)
      sink.end()
      return { abort: () => {}, resume: () => {} }
    }
    stream.attach(sink, this.#headers, replay)
    this.holdBack()
    return this.flight(stream, sink)
  }

  #create(
    sink: ReplySink,
    priming: string | undefined,
    accepts: boolean,
    store: (message: Buffer) => string,
  ): ReplyStream {
    return new ReplyStream({
      sink,
      acceptsStream: accepts,
      headers: this.#headers,
      store,
      priming,
      nowMs: this.#options.nowMs(),
    })
  }
}

/** A reader of a stream. */
class StreamFlight implements Flight {
  readonly #streams: SessionStreams
  readonly #stream: ReplyStream
  readonly #sink: ReplySink

  constructor(streams: SessionStreams, stream: ReplyStream, sink: ReplySink) {
    this.#streams = streams
    this.#stream = stream
    this.#sink = sink
  }

  /** A client of this era that hangs up has not cancelled anything; it may come back. */
  abort(): void {
    this.#stream.detach(this.#sink)
    this.#streams.relieved()
  }

  resume(): void {
    this.#stream.caughtUp(this.#sink)
    this.#streams.relieved()
  }
}

function toReplay(event: StoredEvent): Buffer {
  return toEvent(event.message, formatEventId(event))
}

/** Whether the client knows streams that open with an id and no data. */
function isPrimed(exchange: Exchange): boolean {
  const revision = headerOf(exchange.headers, 'mcp-protocol-version')
  return revision !== undefined && revision >= FIRST_PRIMED_REVISION
}
