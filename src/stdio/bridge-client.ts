/**
 * The client's end of an exchange that a line began and an HTTP server answers: takes JSON bodies and
 * event streams apart into lines.
 *
 * A client over pipes has no status to look at, so every request is answered here when the server
 * does not: with the error it sent, or one that says what happened.
 */

import { findHeader } from '../core/raw-headers.ts'
import type { Answer, Client } from '../core/reply.ts'
import { member, parseJson } from '../mcp/json-member.ts'
import { isEventStream } from '../core/content-type.ts'
import { SseScanner } from '../mcp/sse-scanner.ts'
import { toLine } from '../mcp/to-line.ts'
import { WireReader, type Token, type WireMessage } from '../mcp/wire-message.ts'
import type { LineOutput } from './line-output.ts'

/** How an exchange ended, as far as its client needs to know. */
export interface BridgeEnd {
  /** 0 when there was no reply. */
  readonly status: number
  /** Requests that have no answer yet. */
  readonly unanswered: readonly Token[]
  /** The last event that was seen; undefined when the stream cannot be resumed. */
  readonly lastEventId: string | undefined
  readonly retryMs: number | undefined
}

export interface BridgeClientOptions {
  readonly output: LineOutput
  readonly requests: readonly Token[]
  /** True for a line that is no message: its error is nobody's, and is written as it is. */
  readonly unreadable: boolean
  /** True for a request that fetches what an earlier one left open. */
  readonly resumes: boolean
  /** True for a message of a session: 404 then says that the session is lost, which is not passed on. */
  readonly inSession: boolean
  /** True for a message that is not the client's: nothing of its answer is written. */
  readonly muted: boolean
  /** Largest message that is put together. */
  readonly messageBytesMax: number
  /** Told of each message before it is written. */
  readonly onMessage: (line: Buffer, message: WireMessage) => void
  /** The head has come: the status, and the session that begins. */
  readonly onHead: (status: number, sessionId: string | undefined) => void
  readonly onEnd: (end: BridgeEnd) => void
}

export class BridgeClient implements Client {
  readonly #options: BridgeClientOptions
  readonly #reader = new WireReader()
  readonly #unanswered: Map<string, Token>
  readonly #stopDraining: (() => void)[] = []
  #status = 0
  #sse: SseScanner | undefined
  #chunks: Buffer[] = []
  #bytes = 0
  #tooLong = false
  #lastEventId: string | undefined
  #retryMs: number | undefined
  #gone: (() => void) | undefined
  #done = false
  #kept = true

  constructor(options: BridgeClientOptions) {
    this.#options = options
    this.#unanswered = new Map(options.requests.map((token) => [token.key, token]))
  }

  /** True while an answer is still to come. */
  get waits(): boolean {
    return this.#unanswered.size > 0 && !this.#done
  }

  /** The client has taken its request back: hang up, as clients over HTTP do. */
  leave(): void {
    this.#unanswered.clear()
    this.#gone?.()
    this.#finish()
  }

  head(status: number, _statusMessage: string, rawHeaders: readonly string[]): void {
    this.#status = status
    this.#options.onHead(status, findHeader(rawHeaders, 'mcp-session-id'))
    if (status < 300 && isEventStream(findHeader(rawHeaders, 'content-type'))) {
      this.#sse = this.#createScanner()
    }
  }

  write(chunk: Buffer): boolean {
    this.#kept = true
    if (this.#sse === undefined) this.#keep(chunk)
    else this.#sse.write(chunk)
    return this.#kept
  }

  end(): void {
    const lost = this.#status === 404 && this.#options.inSession
    if (this.#sse === undefined && this.#bytes > 0 && !this.#tooLong && !lost) {
      this.#message(Buffer.concat(this.#chunks))
    }
    this.#finish()
  }

  abort(): void {
    this.#finish()
  }

  answer({ status, body }: Answer): void {
    // A stream that could not be had is asked for again; its calls are not answered by that.
    if (this.#options.resumes) return this.#finish()
    this.#status = status
    if (this.#options.requests.length > 0) this.#message(Buffer.from(body))
    else if (this.#options.unreadable) this.#options.output.line(Buffer.from(body))
    this.#finish()
  }

  onDrain(resume: () => void): void {
    this.#stopDraining.push(this.#options.output.onDrain(resume))
  }

  onGone(gone: () => void): void {
    this.#gone = gone
  }

  #createScanner(): SseScanner {
    return new SseScanner({
      data: (chunk, from, to) => this.#keep(Buffer.from(chunk.subarray(from, to))),
      dataLine: () => this.#keep(SPACE),
      event: (hasData, named) => {
        const data = Buffer.concat(this.#chunks)
        const whole = !this.#tooLong
        this.#chunks = []
        this.#bytes = 0
        this.#tooLong = false
        if (hasData && !named && whole && data.length > 0) this.#message(data)
      },
      id: (value) => {
        this.#lastEventId = value === '' ? undefined : value
      },
      retry: (ms) => {
        this.#retryMs = ms
      },
    })
  }

  #keep(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#options.messageBytesMax) {
      this.#tooLong = true
      this.#chunks = []
    } else if (!this.#tooLong) this.#chunks.push(chunk)
  }

  /** Something that may be one message, or a batch of them. */
  #message(bytes: Buffer): void {
    const messages = this.#reader.read(bytes)
    // What is no message, such as an error page, says nothing to a client over pipes.
    if (messages === undefined) return
    const [first] = messages
    const lost = first?.kind === 'response' && (first.id === undefined || first.id.key === 'null')
    if (lost) return this.#adopt(bytes)
    for (const message of messages) {
      if (message.kind === 'response') this.#unanswered.delete(message.id?.key ?? '')
      this.#options.onMessage(bytes, message)
    }
    if (this.#options.muted) return
    this.#kept = this.#options.output.line(toLine(bytes)) && this.#kept
  }

  /** An error without an id would be nobody's: it is the answer to every request of this exchange. */
  #adopt(bytes: Buffer): void {
    const error = member(parseJson(bytes), 'error')
    if (typeof error !== 'object' || error === null) return
    for (const { raw } of this.#unanswered.values()) {
      this.#options.output.line(errorLine(raw, error))
    }
    this.#unanswered.clear()
  }

  #finish(): void {
    if (this.#done) return
    this.#done = true
    for (const stop of this.#stopDraining) stop()
    this.#chunks = []
    this.#options.onEnd({
      status: this.#status,
      unanswered: [...this.#unanswered.values()],
      lastEventId: this.#lastEventId,
      retryMs: this.#retryMs,
    })
  }
}

const SPACE = Buffer.from(' ')

/** An error response to the request with this id. */
export function errorLine(idRaw: string, error: object): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","id":${idRaw},"error":${JSON.stringify(error)}}`)
}
