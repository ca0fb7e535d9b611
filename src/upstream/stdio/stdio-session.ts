/**
 * One session of the handshake era, with a server process of its own.
 *
 * Lines go both ways unchanged. What the server says is led to the reply it belongs to: an answer to
 * the request with its id, progress to the request with its token, anything else to the one request
 * under way, or to the GET stream.
 */

import type { Exchange } from '../../core/exchange.ts'
import { toLine } from '../../mcp/to-line.ts'
import type { WireMessage } from '../../mcp/wire-message.ts'
import type { Flight, ReplySink, TransportFailure } from '../transport.ts'
import type { EventStoreLimits } from './event-store.ts'
import { EMPTY_BODY } from './framing.ts'
import { bytesOf, loneRequest, replaced } from './message-bytes.ts'
import { idKeyOf, type IdKey } from './id-key.ts'
import { NOT_TAKEN } from './pool-replies.ts'
import { SessionStreams, type RequestStream } from './session-streams.ts'

/** What a session needs of its process. */
export interface SessionProcess {
  /** Bytes that wait for the process to read them. */
  readonly backlogBytes: number
  write(line: Buffer, written?: (error?: Error | null) => void): void
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
  readonly reply: RequestStream
  /** The id as the client wrote it, when the server was given another. */
  readonly restore: string | undefined
  readonly progressKey: string | undefined
  /** The progress token as the client wrote it, when the server was given another. */
  readonly restoreToken: string | undefined
}

/** Messages that are about the server as a whole, and never about a request under way. */
const UNRELATED = /^notifications\/(tools|prompts|resources)\/(list_changed|updated)$/

export class StdioSession {
  readonly id: string
  readonly owner: string | undefined
  readonly #options: StdioSessionOptions
  readonly #process: SessionProcess
  readonly #streams: SessionStreams
  readonly #pending = new Map<IdKey, Pending>()
  #substitutes = 0
  lastUsedMs: number

  constructor(options: StdioSessionOptions, process: SessionProcess) {
    this.id = options.id
    this.owner = options.owner
    this.#options = options
    this.#process = process
    this.#streams = new SessionStreams({
      ...options,
      sessionId: options.id,
      onHold: (hold) => (hold ? process.pause() : process.resume()),
    })
    this.lastUsedMs = options.nowMs()
  }

  /** Requests that have no answer yet, those of clients that have gone included. */
  get openRequests(): number {
    return this.#pending.size
  }

  /** Forgets requests whose clients have gone; late answers then go to nobody. */
  forgetAbandoned(): void {
    for (const [key, { reply }] of this.#pending) {
      if (reply.stream.attached) continue
      this.#pending.delete(key)
      reply.stream.end()
      this.#streams.close(reply)
    }
  }

  /** True while a client waits for a request or listens to a stream. */
  get busy(): boolean {
    if (this.#streams.listened) return true
    for (const { reply } of this.#pending.values()) if (reply.stream.attached) return true
    return false
  }

  /**
   * A request alone, as nearly all are: its envelope says all that is needed of it. Undefined when the
   * message has to be read again because something in it may have to be replaced.
   */
  ask(exchange: Exchange, body: Buffer, sink: ReplySink): Flight | undefined {
    const id = loneRequest(exchange, body)
    if (id === undefined) return undefined
    const key = idKeyOf(id.key)
    if (this.#pending.has(key)) return undefined
    this.lastUsedMs = this.#options.nowMs()
    const reply = this.#streams.open(exchange, 1, sink)
    this.#pass(key, undefined, reply, body)
    return this.#streams.flight(reply.stream, sink)
  }

  /** Requests and what else a client posts; `messages` are those of `body`, in order. */
  post(
    exchange: Exchange,
    body: Buffer,
    messages: readonly WireMessage[],
    sink: ReplySink,
  ): Flight {
    this.lastUsedMs = this.#options.nowMs()
    const requests = messages.filter(({ kind }) => kind === 'request').length
    if (requests === 0) return this.#deliver(body, messages, sink)
    const reply = this.#streams.open(exchange, requests, sink)
    for (const message of messages) {
      if (message.kind === 'request') this.#request(body, message, reply)
      else this.#process.write(toLine(bytesOf(body, message)))
    }
    return this.#streams.flight(reply.stream, sink)
  }

  /** The stream on which the server speaks first, or one that a client comes back to. */
  listen(lastEventId: string | undefined, sink: ReplySink): Flight {
    this.lastUsedMs = this.#options.nowMs()
    return this.#streams.listen(lastEventId, sink)
  }

  /** Whether a client can come back to this event; undefined is a client that starts anew. */
  canResume(lastEventId: string | undefined): boolean {
    return this.#streams.canResume(lastEventId)
  }

  /** A message of the server. */
  received(line: Buffer, message: WireMessage): void {
    if (message.kind === 'response') return this.#answered(line, message)
    this.#route(bytesOf(line, message), message)
    this.#streams.holdBack()
  }

  /** Every call under way fails; nothing more comes. */
  fail(failure: TransportFailure): void {
    this.#pending.clear()
    this.#streams.fail(failure)
  }

  /** The client has ended the session: what was under way was given up by it. */
  end(): void {
    for (const { reply } of this.#pending.values()) reply.stream.cancel()
    this.fail(NOT_TAKEN)
  }

  /** The server has answered a request of which nothing more than this is known: its id. */
  failOne(idKey: string, failure: TransportFailure): void {
    const key = idKeyOf(idKey)
    const pending = this.#pending.get(key)
    if (pending === undefined) return this.#options.onUnroutable()
    this.#pending.delete(key)
    pending.reply.stream.fail(failure)
    this.#streams.close(pending.reply)
  }

  tick(nowMs: number): void {
    this.#streams.tick(nowMs)
  }

  /** Notifications and answers to the server: accepted when the process has taken them. */
  #deliver(body: Buffer, messages: readonly WireMessage[], sink: ReplySink): Flight {
    let aborted = false
    const accepted = (error?: Error | null): void => {
      if (aborted) return
      if (error instanceof Error) return sink.failed(NOT_TAKEN)
      sink.head(202, 'Accepted', EMPTY_BODY)
      sink.end()
    }
    for (const [index, message] of messages.entries()) {
      if (message.method === 'notifications/cancelled') this.#takeBack(message.cancels?.key)
      const last = index === messages.length - 1
      this.#process.write(toLine(bytesOf(body, message)), last ? accepted : undefined)
    }
    return {
      abort: () => {
        aborted = true
      },
      resume: () => {},
    }
  }

  /** Servers do not answer what was cancelled, so its reply ends here. */
  #takeBack(idKey: string | undefined): void {
    if (idKey === undefined) return
    const key = idKeyOf(idKey)
    const pending = this.#pending.get(key)
    if (pending === undefined) return
    this.#pending.delete(key)
    const { reply } = pending
    reply.open -= 1
    if (reply.open > 0) return
    reply.stream.cancel()
    this.#streams.close(reply)
  }

  #request(body: Buffer, message: WireMessage, reply: RequestStream): void {
    const { id, progressToken } = message
    const own = idKeyOf(id?.key ?? '')
    const bytes = bytesOf(body, message)
    if (id === undefined || !this.#isTaken(own, progressToken?.key)) {
      return this.#pass(own, progressToken?.key, reply, bytes)
    }
    // Clients are known that give every request the same id; the server then gets another.
    do this.#substitutes += 1
    while (this.#isTaken(`ssidelight-${this.#substitutes}`, `ssidelight-${this.#substitutes}`))
    const text = `sidelight-${this.#substitutes}`
    this.#pending.set(`s${text}`, {
      reply,
      progressKey: progressToken === undefined ? undefined : `s${text}`,
      restore: id.raw,
      restoreToken: progressToken?.raw,
    })
    this.#process.write(toLine(replaced(bytes, message, [id, progressToken], `"${text}"`)))
  }

  #pass(key: IdKey, progressKey: string | undefined, reply: RequestStream, bytes: Buffer): void {
    this.#pending.set(key, { reply, progressKey, restore: undefined, restoreToken: undefined })
    this.#process.write(toLine(bytes))
  }

  /** Whether another request has this id, or this token, now. */
  #isTaken(key: IdKey, progressKey: string | undefined): boolean {
    if (this.#pending.has(key)) return true
    if (progressKey === undefined) return false
    for (const other of this.#pending.values()) if (other.progressKey === progressKey) return true
    return false
  }

  #answered(line: Buffer, message: WireMessage): void {
    const key = this.#keyOfAnswer(message)
    const pending = key === undefined ? undefined : this.#pending.get(key)
    if (pending === undefined || key === undefined) return this.#options.onUnroutable()
    this.#pending.delete(key)
    const { reply, restore } = pending
    const own = bytesOf(line, message)
    const bytes = restore === undefined ? own : replaced(own, message, [message.id], restore)
    reply.open -= 1
    if (reply.open > 0) {
      reply.stream.message(bytes)
      if (reply.stream.behindBytes > 0) this.#streams.holdBack()
    } else {
      reply.stream.answer(bytes, 200)
      this.#streams.close(reply)
    }
  }

  /** JSON-RPC 2.0 §5.1: an error that could not be tied to an id has none. */
  #keyOfAnswer({ id, errorCode }: WireMessage): IdKey | undefined {
    const nameless = (id === undefined || id.key === 'null') && errorCode !== undefined
    const lone =
      nameless && this.#pending.size === 1 ? this.#pending.keys().next().value : undefined
    return lone ?? (id === undefined ? undefined : idKeyOf(id.key))
  }

  #route(bytes: Buffer, message: WireMessage): void {
    if (this.#progressed(bytes, message)) return
    const related = !UNRELATED.test(message.method)
    const replies = related ? this.#attachedReplies() : []
    if (replies.length === 1 && replies[0]?.stream.message(bytes) === true) return
    if (this.#streams.listened) return this.#streams.say(bytes)
    // The newest request is the likeliest cause of what cannot be told.
    for (const { stream } of replies.toReversed()) if (stream.message(bytes)) return
    this.#streams.say(bytes)
  }

  /** Progress goes to the request that asked for it with this token. */
  #progressed(bytes: Buffer, message: WireMessage): boolean {
    const { method, progressOf } = message
    if (method !== 'notifications/progress' || progressOf === undefined) return false
    for (const { progressKey, reply, restoreToken } of this.#pending.values()) {
      if (progressKey !== progressOf.key) continue
      const told =
        restoreToken === undefined ? bytes : replaced(bytes, message, [progressOf], restoreToken)
      // A client that takes no streams is told nothing, and nobody else is told instead.
      if (!reply.stream.message(told)) this.#options.onUnroutable()
      return true
    }
    return false
  }

  #attachedReplies(): readonly RequestStream[] {
    const replies = new Set<RequestStream>()
    for (const { reply } of this.#pending.values()) if (reply.stream.attached) replies.add(reply)
    return [...replies]
  }
}
