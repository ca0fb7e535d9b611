/**
 * One session of the handshake era, with a server process of its own.
 *
 * Lines go both ways unchanged. What the server says is led to the reply it belongs to: an answer to
 * the request with its id, progress to the request with its token, anything else to the one request
 * under way, or to the GET stream.
 */

import { headerOf, type Exchange } from '../../core/exchange.ts'
import { applyEdits } from '../../mcp/edit-bytes.ts'
import type { WireMessage } from '../../mcp/wire-message.ts'
import type { Flight, ReplySink, TransportFailure } from '../transport.ts'
import { EventStore, formatEventId, parseEventId, type EventStoreLimits } from './event-store.ts'
import { acceptsStream, EMPTY_BODY, STREAM_HEADERS, toEvent } from './framing.ts'
import { toLine } from '../../mcp/to-line.ts'
import { ReplyStream } from './reply-stream.ts'

/** What a session needs of its process. */
export interface SessionProcess {
  write(line: Buffer, written?: () => void): void
  pause(): void
  resume(): void
}

export interface StdioSessionOptions {
  readonly id: string
  /** Whose session it is; only that principal may use it. */
  readonly owner: string | undefined
  readonly replay: EventStoreLimits
  readonly nowMs: () => number
  readonly onUnroutable: () => void
  readonly onReplayLost: () => void
}

interface Pending {
  readonly stream: ReplyStream
  readonly streamId: string
  /** The id as the client wrote it, when the server was given another. */
  readonly restore: string | undefined
  readonly progressKey: string | undefined
  /** How many answers its reply still waits for: more than one in a batch. */
  readonly batch: { open: number }
}

const GET_STREAM = 'g'

/** More than this waiting for a slow reader stops the server's output. */
const BEHIND_BYTES_MAX = 1024 * 1024

/** Messages that are about the server as a whole, and never about a request under way. */
const UNRELATED = /^notifications\/(tools|prompts|resources)\/(list_changed|updated)$/

/** The first revision whose clients know the event that opens a stream. */
const FIRST_PRIMED_REVISION = '2025-11-25'

export class StdioSession {
  readonly id: string
  readonly owner: string | undefined
  readonly #options: StdioSessionOptions
  readonly #process: SessionProcess
  readonly #store: EventStore
  readonly #pending = new Map<string, Pending>()
  readonly #streams = new Map<string, ReplyStream>()
  #get: ReplyStream | undefined
  /** The newest event of the GET stream that has been written to somebody. */
  #getWritten = 0
  #counter = 0
  #held = false
  lastUsedMs: number

  constructor(options: StdioSessionOptions, process: SessionProcess) {
    this.id = options.id
    this.owner = options.owner
    this.#options = options
    this.#process = process
    this.#store = new EventStore(options.replay)
    this.#store.open(GET_STREAM)
    this.lastUsedMs = options.nowMs()
  }

  /** True while a client waits for a request or listens to a stream. */
  get busy(): boolean {
    if (this.#get?.attached === true) return true
    for (const { stream } of this.#pending.values()) if (stream.attached) return true
    return false
  }

  /** Requests and what else a client posts; `messages` are those of `body`, in order. */
  post(
    exchange: Exchange,
    body: Buffer,
    messages: readonly WireMessage[],
    sink: ReplySink,
  ): Flight {
    this.lastUsedMs = this.#options.nowMs()
    const requests = messages.filter(({ kind }) => kind === 'request')
    if (requests.length === 0) return this.#deliver(body, messages, sink)
    this.#counter += 1
    const streamId = `p${this.#counter.toString(36)}`
    const stream = this.#openStream(exchange, streamId, sink)
    this.#streams.set(streamId, stream)
    const batch = { open: requests.length }
    // Several answers come one by one. A client that can come back to a stream is given one at
    // once: with it, a lost connection costs no answer.
    if (batch.open > 1 || isPrimed(exchange)) stream.open()
    for (const message of messages) {
      if (message.kind === 'request') this.#request(body, message, { stream, streamId, batch })
      else this.#process.write(lineOf(body, message))
    }
    return this.#flight(stream)
  }

  /** The stream on which the server speaks first, or one that a client comes back to. */
  listen(lastEventId: string | undefined, sink: ReplySink): Flight {
    this.lastUsedMs = this.#options.nowMs()
    const place = lastEventId === undefined ? undefined : parseEventId(lastEventId)
    if (place !== undefined && place.stream !== GET_STREAM) return this.#resume(place, sink)
    // A client that has lost its connection may come back before we know: the newest one counts.
    this.#get?.end()
    const from = place?.sequence ?? this.#getWritten
    const missed = this.#store.after({ stream: GET_STREAM, sequence: from }) ?? []
    if (this.#store.lostAfter(GET_STREAM, from) > 0) this.#options.onReplayLost()
    const stream = this.#newStream(sink, undefined, true, GET_STREAM)
    this.#get = stream
    stream.attach(
      sink,
      this.#headers(),
      missed.map((event) => toEvent(event.message, formatEventId(event))),
    )
    this.#getWritten = Math.max(this.#getWritten, missed.at(-1)?.sequence ?? 0)
    return this.#flight(stream)
  }

  /** Whether a client can come back to this event; undefined is a client that starts anew. */
  canResume(lastEventId: string | undefined): boolean {
    if (lastEventId === undefined) return true
    const place = parseEventId(lastEventId)
    return place !== undefined && this.#store.after(place) !== undefined
  }

  /** A message of the server. */
  received(line: Buffer, message: WireMessage): void {
    if (message.kind === 'response') return this.#answered(line, message)
    const bytes = bytesOf(line, message)
    if (!this.#route(bytes, message)) this.#options.onUnroutable()
    this.#holdBack()
  }

  /** Every call under way fails; nothing more comes. */
  fail(failure: TransportFailure): void {
    for (const { stream } of this.#pending.values()) stream.fail(failure)
    this.#pending.clear()
    for (const stream of this.#streams.values()) stream.fail(failure)
    this.#streams.clear()
    this.#get?.end()
  }

  /** The server has answered a request of which nothing more than this is known: its id. */
  failOne(key: string, failure: TransportFailure): void {
    const pending = this.#pending.get(key)
    if (pending === undefined) return this.#options.onUnroutable()
    this.#pending.delete(key)
    pending.stream.fail(failure)
    this.#closeStream(pending)
  }

  tick(nowMs: number): void {
    for (const stream of this.#streams.values()) stream.tick(nowMs)
    this.#get?.tick(nowMs)
  }

  /** Notifications and answers to the server: accepted when the process has taken them. */
  #deliver(body: Buffer, messages: readonly WireMessage[], sink: ReplySink): Flight {
    let aborted = false
    for (const [index, message] of messages.entries()) {
      if (message.method === 'notifications/cancelled') this.#takeBack(message.cancels?.key)
      const last = index === messages.length - 1
      this.#process.write(
        lineOf(body, message),
        last
          ? () => {
              if (aborted) return
              sink.head(202, 'Accepted', EMPTY_BODY)
              sink.end()
            }
          : undefined,
      )
    }
    return {
      abort: () => {
        aborted = true
      },
      resume: () => {},
    }
  }

  /** Servers do not answer what was cancelled, so its reply ends here. */
  #takeBack(key: string | undefined): void {
    const pending = key === undefined ? undefined : this.#pending.get(key)
    if (pending === undefined || key === undefined) return
    this.#pending.delete(key)
    pending.batch.open -= 1
    if (pending.batch.open > 0) return
    pending.stream.end()
    this.#closeStream(pending)
  }

  #request(
    body: Buffer,
    message: WireMessage,
    reply: Pick<Pending, 'stream' | 'streamId' | 'batch'>,
  ): void {
    const own = message.id?.key ?? ''
    // Clients are known that give every request the same id; the server then gets another.
    const taken = this.#pending.has(own)
    const substitute = `"sidelight-${this.#counter}-${this.#pending.size}"`
    const key = taken ? `s${substitute.slice(1, -1)}` : own
    this.#pending.set(key, {
      ...reply,
      restore: taken ? message.id?.raw : undefined,
      progressKey: message.progressToken?.key,
    })
    const edits =
      taken && message.id !== undefined
        ? [{ start: message.id.start, end: message.id.end, text: substitute }]
        : []
    const line = applyEdits(
      bytesOf(body, message),
      edits.map(({ start, end, text }) => ({
        start: start - message.start,
        end: end - message.start,
        text,
      })),
    )
    this.#process.write(toLine(line))
  }

  #answered(line: Buffer, message: WireMessage): void {
    const key = message.id?.key
    // JSON-RPC 2.0 §5.1: an error that could not be tied to an id has none.
    const lone = key === undefined || key === 'null' ? [...this.#pending.keys()] : []
    const found = lone.length === 1 ? lone[0] : key
    const pending = found === undefined ? undefined : this.#pending.get(found)
    if (pending === undefined || found === undefined) return this.#options.onUnroutable()
    this.#pending.delete(found)
    const { stream, restore, batch } = pending
    const bytes = restored(line, message, restore)
    batch.open -= 1
    if (batch.open > 0) stream.message(bytes)
    else {
      stream.answer(bytes, 200)
      this.#closeStream(pending)
    }
    this.#holdBack()
  }

  /** The stream has ended; its events stay in the store for a while. */
  #closeStream({ streamId }: Pending): void {
    this.#streams.delete(streamId)
    this.#store.finish(streamId)
  }

  #route(bytes: Buffer, message: WireMessage): boolean {
    const token = message.method === 'notifications/progress' ? message.progressOf : undefined
    if (token !== undefined) {
      for (const { progressKey, stream } of this.#pending.values()) {
        if (progressKey === token.key) return stream.message(bytes)
      }
    }
    const replies = new Set([...this.#pending.values()].map(({ stream }) => stream))
    const [only] = replies
    const related = !UNRELATED.test(message.method)
    const alone = related && replies.size === 1 && only?.attached === true
    if (alone && only.message(bytes)) return true
    if (this.#get?.attached === true) return this.#get.message(bytes)
    if (related) {
      for (const stream of [...replies].toReversed()) {
        if (stream.attached && stream.message(bytes)) return true
      }
    }
    // Kept for the stream that the client may open.
    this.#store.add(GET_STREAM, bytes)
    return true
  }

  #resume(place: { readonly stream: string; readonly sequence: number }, sink: ReplySink): Flight {
    const missed = this.#store.after(place) ?? []
    const replay = missed.map((event) => toEvent(event.message, formatEventId(event)))
    const stream = this.#streams.get(place.stream)
    if (stream === undefined) {
      // Its answer has come: what was missed is all there is.
      sink.head(200, 'OK', [...STREAM_HEADERS, ...this.#headers()])
      for (const event of replay) sink.data(event)
      sink.end()
      return { abort: () => {}, resume: () => {} }
    }
    stream.attach(sink, this.#headers(), replay)
    return this.#flight(stream)
  }

  #openStream(exchange: Exchange, streamId: string, sink: ReplySink): ReplyStream {
    this.#store.open(streamId)
    const primed = isPrimed(exchange)
    return this.#newStream(
      sink,
      primed ? formatEventId({ stream: streamId, sequence: 0 }) : undefined,
      acceptsStream(exchange),
      streamId,
    )
  }

  #newStream(
    sink: ReplySink,
    priming: string | undefined,
    accepts: boolean,
    streamId: string,
  ): ReplyStream {
    return new ReplyStream({
      sink,
      acceptsStream: accepts,
      headers: this.#headers(),
      store: (message) => {
        const sequence = this.#store.add(streamId, message)
        if (streamId === GET_STREAM) this.#getWritten = sequence
        return formatEventId({ stream: streamId, sequence })
      },
      priming,
      nowMs: this.#options.nowMs(),
    })
  }

  #headers(): string[] {
    return ['Mcp-Session-Id', this.id]
  }

  #flight(stream: ReplyStream): Flight {
    return {
      // A client of this era that hangs up has not cancelled anything; it may come back.
      abort: () => {
        stream.detach()
        this.#holdBack()
      },
      resume: () => {
        stream.caughtUp()
        this.#holdBack()
      },
    }
  }

  /** The server's output waits while a reader is far behind. */
  #holdBack(): void {
    let behind = this.#get?.behindBytes ?? 0
    for (const stream of this.#streams.values()) behind = Math.max(behind, stream.behindBytes)
    const hold = behind > BEHIND_BYTES_MAX
    if (hold === this.#held) return
    this.#held = hold
    if (hold) this.#process.pause()
    else this.#process.resume()
  }
}

/** Whether the client knows streams that open with an id and no data. */
function isPrimed(exchange: Exchange): boolean {
  const revision = headerOf(exchange.headers, 'mcp-protocol-version')
  return revision !== undefined && revision >= FIRST_PRIMED_REVISION
}

function bytesOf(body: Buffer, { start, end }: WireMessage): Buffer {
  return start === 0 && end === body.length ? body : body.subarray(start, end)
}

function lineOf(body: Buffer, message: WireMessage): Buffer {
  return toLine(bytesOf(body, message))
}

function restored(line: Buffer, message: WireMessage, raw: string | undefined): Buffer {
  const bytes = bytesOf(line, message)
  const { id, start } = message
  if (raw === undefined || id === undefined) return bytes
  return applyEdits(bytes, [{ start: id.start - start, end: id.end - start, text: raw }])
}
