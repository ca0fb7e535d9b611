/**
 * One server process that serves requests of the stateless era, of several clients at once.
 *
 * Ids, progress tokens and subscription ids are unique per client only, so the server gets others:
 * each is replaced on the way in and put back on the way out, byte for byte as the client wrote it.
 */

import type { Token, WireMessage } from '../../mcp/wire-message.ts'
import type { Flight, ReplySink, TransportFailure } from '../transport.ts'
import { toLine } from '../../mcp/to-line.ts'
import { statusOfAnswer } from './endpoint-rules.ts'
import { idKeyOf, type IdKey } from './id-key.ts'
import { noDiscover } from './message-bytes.ts'
import { ReplyStream } from './reply-stream.ts'
import { namedBy, replaceTokens, restoreTokens } from './shared-tokens.ts'
import type { SessionProcess } from './stdio-session.ts'

export interface SharedProcessOptions {
  readonly nowMs: () => number
  readonly onUnroutable: () => void
  /** A request that was no health check has ended, after so long. */
  readonly onDone: (tookMs: number) => void
}

/** What the server answered to a request of ours or of a client. */
export interface SharedRequest {
  readonly message: WireMessage
  readonly body: Buffer
  /** True when the client takes event streams. */
  readonly acceptsStream: boolean
  /** True for `subscriptions/listen`, whose reply is a stream from the start. */
  readonly listens: boolean
  /** True for a health check, which is no use that keeps the process. */
  readonly checks?: boolean
}

interface Entry {
  readonly stream: ReplyStream
  readonly id: Token
  readonly progressToken: Token | undefined
  readonly listens: boolean
  readonly wantsLogs: boolean
  readonly method: string
  readonly checks: boolean
  readonly beganMs: number
}

/** With more than this that nobody takes, the one furthest behind is broken off. */
const UNTAKEN_BYTES_MAX = 64 * 1024 * 1024

/** How long a server may still log about a request that was given up. */
const QUIET_MS = 60_000

/** A stream whose reader is this far behind is broken off: others must not wait for it. */
const BEHIND_BYTES_MAX = 16 * 1024 * 1024

export class SharedProcess {
  readonly #options: SharedProcessOptions
  readonly #process: SessionProcess
  /** By the ids that the server was given, which are whole numbers. */
  readonly #entries = new Map<IdKey, Entry>()
  /** Answers that have been given and not been taken. */
  readonly #untaken = new Set<ReplyStream>()
  #nextId = 1
  /** Until then nobody gets log messages. */
  #quietUntilMs = 0
  /** False while nothing but `server/discover` was asked, and no answer to it came. */
  proven = false
  /** True when something else than `server/discover` was asked. */
  asked = false
  /** True when it answered `server/discover` with an error: it knows no such thing. */
  refusedProbe = false
  lastUsedMs: number
  #heardMs = -1
  /** True when a request took too long, and the process has said nothing at all since it was sent. */
  hangs = false

  constructor(options: SharedProcessOptions, process: SessionProcess) {
    this.#options = options
    this.#process = process
    this.lastUsedMs = options.nowMs()
  }

  /** True when it was asked anything yet. */
  get touched(): boolean {
    return this.#nextId > 1
  }

  /** True while a request waits that will be answered, and not a stream that stays open. */
  get working(): boolean {
    return [...this.#entries.values()].some(({ listens }) => !listens)
  }

  /** Requests under way. */
  get load(): number {
    return this.#entries.size
  }

  request(request: SharedRequest, sink: ReplySink): Flight {
    const { message, body } = request
    const nowMs = this.#options.nowMs()
    const checks = request.checks === true
    if (!checks) this.lastUsedMs = nowMs
    const { id } = message
    if (id === undefined) throw new Error('a request has an id')
    const ours = this.#nextId
    this.#nextId += 1
    const stream = new ReplyStream({
      sink,
      acceptsStream: request.acceptsStream,
      headers: [],
      store: undefined,
      priming: undefined,
      nowMs,
    })
    const entry: Entry = {
      stream,
      id,
      progressToken: message.progressToken,
      listens: request.listens,
      wantsLogs: message.wantsLogs,
      method: message.method,
      checks,
      beganMs: nowMs,
    }
    if (message.method !== 'server/discover') this.asked = true
    this.#entries.set(ours, entry)
    this.#process.write(toLine(replaceTokens(body, message, ours)))
    return this.#flight(ours, entry, sink)
  }

  /** A notification of a client that belongs to no request, or takes one back. */
  notify(line: Buffer, written: (error?: Error | null) => void): void {
    this.lastUsedMs = this.#options.nowMs()
    this.#process.write(toLine(line), written)
  }

  /** It has said something, to whomever. */
  heard(): void {
    this.#heardMs = this.#options.nowMs()
  }

  /** A message of the server. */
  received(line: Buffer, message: WireMessage): void {
    const bytes = line.subarray(message.start, message.end)
    if (message.kind === 'response') this.#answered(bytes, message)
    else if (message.kind === 'request') this.#refuse(message)
    else this.#notified(bytes, message)
  }

  fail(failure: TransportFailure): void {
    for (const { stream } of this.#entries.values()) stream.fail(failure)
    this.#clear()
  }

  failOne(idKey: string, failure: TransportFailure): void {
    const key = idKeyOf(idKey)
    const entry = this.#entries.get(key)
    if (entry === undefined) return this.#options.onUnroutable()
    this.#forget(key, entry)
    entry.stream.fail(failure)
  }

  tick(nowMs: number): void {
    for (const { stream } of this.#entries.values()) stream.tick(nowMs)
  }

  /** True when all that waits is `server/discover`: its end then says that it knows no such thing. */
  get onlyProbed(): boolean {
    return !this.asked && !this.proven
  }

  /** Answers those that probed a server of an earlier revision, which ended of it. */
  answerProbes(): void {
    for (const { stream, id } of this.#entries.values()) stream.answer(noDiscover(id.raw), 404)
    this.#clear()
  }

  #clear(): void {
    for (const [key, entry] of this.#entries) this.#forget(key, entry)
  }

  #forget(key: IdKey, entry: Entry): void {
    if (!this.#entries.delete(key) || entry.checks) return
    this.#options.onDone(this.#options.nowMs() - entry.beganMs)
  }

  #answered(bytes: Buffer, message: WireMessage): void {
    const key = this.#keyOfAnswer(message)
    const entry = this.#entries.get(key)
    if (entry === undefined) return this.#options.onUnroutable()
    this.#forget(key, entry)
    if (!entry.checks) this.lastUsedMs = this.#options.nowMs()
    if (message.errorCode === undefined) this.proven = true
    else if (entry.method === 'server/discover') this.refusedProbe = true
    const status = statusOfAnswer(message.errorCode)
    entry.stream.answer(restoreTokens(bytes, message, entry), status)
    // One that is not taken yet still holds its bytes.
    if (!entry.stream.attached) return
    this.#untaken.add(entry.stream)
    this.#boundUntaken()
  }

  /** JSON-RPC 2.0 §5.1: an error that could not be tied to an id has none. */
  #keyOfAnswer({ id, errorCode }: WireMessage): IdKey {
    const nameless = (id === undefined || id.key === 'null') && errorCode !== undefined
    const only =
      nameless && this.#entries.size === 1 ? this.#entries.keys().next().value : undefined
    return only ?? idKeyOf(id?.key ?? '')
  }

  /** What nobody takes must not fill the memory, nor stop the server for others. */
  #boundUntaken(): void {
    for (const stream of this.#untaken) if (!stream.attached) this.#untaken.delete(stream)
    const streams = [...this.#untaken, ...[...this.#entries.values()].map(({ stream }) => stream)]
    let waiting = 0
    let furthest: ReplyStream | undefined
    for (const stream of streams) {
      waiting += stream.behindBytes
      if (stream.behindBytes > (furthest?.behindBytes ?? 0)) furthest = stream
    }
    if (waiting > UNTAKEN_BYTES_MAX) furthest?.breakOff()
  }

  #notified(bytes: Buffer, message: WireMessage): void {
    const found = this.#addressee(message)
    if (found === undefined) return this.#options.onUnroutable()
    const { entry, key } = found
    // A server that ends a subscription says so in this way on stdio; on HTTP the stream just ends.
    if (message.method === 'notifications/cancelled') {
      this.#forget(key, entry)
      entry.stream.end()
      return
    }
    entry.stream.message(restoreTokens(bytes, message, entry))
    if (entry.stream.behindBytes === 0) return
    this.#boundUntaken()
    if (entry.stream.behindBytes <= BEHIND_BYTES_MAX) return
    entry.stream.breakOff()
    this.#abandon(key)
  }

  #addressee(message: WireMessage): { key: IdKey; entry: Entry } | undefined {
    const named = namedBy(message)
    if (named !== undefined) {
      const key = idKeyOf(named.key)
      const entry = this.#entries.get(key)
      return entry === undefined ? undefined : { key, entry }
    }
    if (message.method !== 'notifications/message') return undefined
    // Nothing in a log message says whose it is: it is passed on only when there is no doubt.
    if (this.#options.nowMs() < this.#quietUntilMs) return undefined
    const candidates = [...this.#entries].filter(([, entry]) => entry.wantsLogs)
    const [only] = candidates
    if (candidates.length !== 1 || only === undefined) return undefined
    return { key: only[0], entry: only[1] }
  }

  /** Servers of this era ask nothing of clients; one that does must not wait for ever. */
  #refuse({ id }: WireMessage): void {
    const error = `{"code":-32601,"message":"Servers send no requests in this protocol revision."}`
    this.#process.write(Buffer.from(`{"jsonrpc":"2.0","id":${id?.raw ?? 'null'},"error":${error}}`))
  }

  #flight(ours: number, entry: Entry, sink: ReplySink): Flight {
    if (entry.listens) entry.stream.open()
    return {
      abort: (why) => {
        if (why === 'late' && this.#heardMs < entry.beganMs) this.hangs = true
        entry.stream.detach(sink)
        this.#untaken.delete(entry.stream)
        this.#abandon(ours)
      },
      resume: () => {
        entry.stream.caughtUp(sink)
        if (!entry.stream.attached) this.#untaken.delete(entry.stream)
      },
    }
  }

  /**
   * A client that hangs up has cancelled its request (2026-07-28 "Cancellation"). Servers do not answer
   * what was cancelled, so it is forgotten; a late answer goes to nobody.
   */
  #abandon(key: IdKey): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#forget(key, entry)
    // What it still logs about this request must not reach somebody else's.
    if (entry.wantsLogs) this.#quietUntilMs = this.#options.nowMs() + QUIET_MS
    this.#takeBack(key)
  }

  #takeBack(key: IdKey): void {
    const params = `{"requestId":${key},"reason":"The client has gone."}`
    this.#process.write(
      Buffer.from(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`),
    )
  }
}
