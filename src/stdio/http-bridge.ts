/**
 * A client over pipes in front of a Streamable HTTP server: `sidelight wrap --upstream URL`.
 *
 * Each line becomes a POST with the headers that the protocol asks for; what comes back becomes lines.
 * The era is whatever client and server agree on: nothing is translated. In sessions, the server's own
 * stream is listened to, lost streams are resumed, and the session is ended with the client.
 */

import type { Readable, Writable } from 'node:stream'
import type { ExchangeKind } from '../core/exchange.ts'
import { WireReader, type Token } from '../mcp/wire-message.ts'
import type { Stages } from '../pipeline/stages.ts'
import { errorLine, type BridgeEnd } from './bridge-client.ts'
import { readBridgeFacts } from './bridge-facts.ts'
import { BridgeHeaders } from './bridge-headers.ts'
import { BridgeRunner, type About } from './bridge-runner.ts'
import { LineInput } from './line-input.ts'
import { LineOutput } from './line-output.ts'

export interface HttpBridgeOptions {
  readonly stages: Stages
  readonly upstream: string
  readonly input: Readable
  readonly output: Writable
  readonly lineBytesMax: number
  /** `User-Agent` of our requests. */
  readonly userAgent: string
  /** The client has closed its end. */
  readonly onEnd: () => void
}

/** JSON-RPC code of an answer that the server did not give; outside the reserved range. */
export const NO_ANSWER_CODE = 1017

const RETRY_MS = 1_000
const RETRY_MS_MAX = 30_000

/** A stream that ends this often in a row without anything new is not asked for again. */
const RESUMES_MAX = 10

/** How long a message that nobody answers may hold up those that follow it. */
const ACCEPT_MS = 1_000

const INITIALIZED = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}')
const EMPTY = Buffer.alloc(0)

export class HttpBridge {
  readonly #options: HttpBridgeOptions
  readonly #input: LineInput
  readonly #output: LineOutput
  readonly #reader = new WireReader()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #headers: BridgeHeaders
  readonly #runner: BridgeRunner
  #queue: Buffer[] = []
  /** Bytes of lines that have been read and not been dealt with. */
  #waitingBytes = 0
  /** The message that must be accepted before the next one may follow. */
  #blocker: Buffer | undefined
  /** Ends the wait for it, when it is one that nobody answers. */
  #patience: NodeJS.Timeout | undefined
  /** The client's own `initialize`. */
  #handshake: Buffer | undefined
  /** Messages that were sent again after their session was lost. */
  readonly #retried = new WeakSet<Buffer>()
  #sessionId: string | undefined
  #closing = false
  #idle: (() => void) | undefined

  constructor(options: HttpBridgeOptions) {
    this.#options = options
    this.#output = new LineOutput(options.output, options.onEnd)
    this.#headers = new BridgeHeaders(options.userAgent)
    this.#runner = new BridgeRunner({ ...options, output: this.#output, headers: this.#headers })
    this.#input = new LineInput({
      ...options,
      onLine: (line) => {
        const message = withoutEnd(line)
        this.#waitingBytes += message.length
        this.#queue.push(message)
        this.#pump()
      },
      waitingBytes: () => this.#waitingBytes,
      onTooLong: () => this.#options.stages.observer.limitHit('line'),
    })
  }

  start(): void {
    this.#input.start()
  }

  /** Resolves when everything that the client asked for has been answered. */
  drained(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idle = resolve
    })
  }

  /** Ends the session, as clients of sessions should, and what still listens. */
  async close(): Promise<void> {
    this.#closing = true
    for (const timer of this.#timers) clearTimeout(timer)
    if (this.#sessionId !== undefined) {
      await new Promise<void>((resolve) => {
        this.#run('end_session', EMPTY, [], {}, () => resolve())
      })
    }
    this.leave()
  }

  leave(): void {
    this.#runner.leaveAll()
  }

  flushed(): Promise<void> {
    return this.#output.flushed()
  }

  #pump(): void {
    while (this.#blocker === undefined) {
      const line = this.#queue.shift()
      if (line === undefined) break
      this.#send(line)
    }
    if (this.#isIdle()) this.#idle?.()
  }

  /** A line is dealt with. */
  #taken(line: Buffer): void {
    this.#waitingBytes -= line.length
    this.#input.relieved()
  }

  #isIdle(): boolean {
    return this.#queue.length === 0 && this.#blocker === undefined && !this.#runner.waits
  }

  #send(line: Buffer): void {
    const messages = this.#reader.read(line) ?? []
    const [first] = messages
    if (
      first?.method === 'notifications/cancelled' &&
      (first.claimsModern || !this.#headers.handshaken)
    ) {
      // 2026-07-28: over HTTP a request is taken back by hanging up.
      this.#runner.leave(first.cancels?.key)
      this.#taken(line)
      return
    }
    const requests = messages.flatMap(({ kind, id }) =>
      kind === 'request' && id !== undefined ? [id] : [],
    )
    const about = { ...readBridgeFacts(line, first), unreadable: first === undefined }
    this.#order(line, about.method, requests.length > 0)
    const sessionId = this.#sessionId
    this.#run('message', line, requests, about, (end) => {
      this.#unblock(line)
      if (end.status === 404 && sessionId !== undefined && !this.#retried.has(line)) {
        return this.#recover(line, sessionId)
      }
      this.#taken(line)
      this.#resume(end, 0)
      this.#pump()
    })
  }

  /**
   * Each message travels on a connection of its own, so what nobody answers must have been accepted
   * before the next one is sent, and `initialize` answered.
   */
  #order(line: Buffer, method: string, isRequest: boolean): void {
    if (method === 'initialize') this.#handshake = line
    if (isRequest && method !== 'initialize') return
    this.#blocker = line
    // A server that does not accept a notification holds up nothing else for long.
    if (!isRequest) this.#patience = this.#later(ACCEPT_MS, () => this.#unblock(line))
  }

  #unblock(line: Buffer): void {
    if (this.#blocker !== line) return
    this.#blocker = undefined
    if (this.#patience !== undefined) {
      clearTimeout(this.#patience)
      this.#timers.delete(this.#patience)
    }
    this.#pump()
  }

  #run(
    kind: ExchangeKind,
    body: Buffer,
    requests: readonly Token[],
    about: About,
    onEnd: (end: BridgeEnd) => void,
  ): void {
    this.#runner.run({
      kind,
      body,
      requests,
      about,
      sessionId: this.#sessionId,
      onHead: (status, begun) => this.#headCame(body, about, status, begun),
      onMessage: (line, message) => {
        this.#headers.learn(line, message, about.method)
        if (message.kind === 'response' && about.method === 'initialize') this.#unblock(body)
      },
      onEnd,
    })
  }

  #headCame(body: Buffer, { method }: About, status: number, begun: string | undefined): void {
    if (status >= 300) return
    if (method === 'initialize') this.#sessionId = begun ?? this.#sessionId
    else if (this.#blocker === body) {
      if (method === 'notifications/initialized') this.#listen(0)
      this.#unblock(body)
    }
  }

  /**
   * The server has lost the session. A client over pipes knows of none, so the handshake is made again
   * here, and the message that was refused is sent again: it was not run.
   */
  #recover(line: Buffer, sessionId: string): void {
    this.#retried.add(line)
    this.#queue.unshift(line)
    const handshake = this.#handshake
    if (this.#sessionId !== sessionId || handshake === undefined) return this.#pump()
    this.#sessionId = undefined
    this.#blocker = handshake
    this.#run('message', handshake, [], { method: 'initialize', muted: true }, (end) => {
      if (end.status >= 300 || this.#sessionId === undefined) return this.#unblock(handshake)
      this.#blocker = INITIALIZED
      const about = { method: 'notifications/initialized', muted: true }
      this.#run('message', INITIALIZED, [], about, () => this.#unblock(INITIALIZED))
    })
  }

  /** Requests whose stream ended without their answer: it is asked for again, or they are told. */
  #resume(end: BridgeEnd, attempt: number): void {
    const { unanswered, lastEventId } = end
    if (unanswered.length === 0) return
    const gaveUp = this.#closing || attempt >= RESUMES_MAX
    if (lastEventId === undefined || this.#sessionId === undefined || gaveUp) {
      const message = describeNoAnswer(end.status)
      const error = { code: NO_ANSWER_CODE, message, data: { source: 'sidelight' } }
      for (const { raw } of unanswered) this.#output.line(errorLine(raw, error))
      return
    }
    this.#later((end.retryMs ?? RETRY_MS) * (attempt + 1), () => {
      this.#run('stream', EMPTY, unanswered, { lastEventId }, (next) => {
        const moved = next.lastEventId !== undefined && next.lastEventId !== lastEventId
        this.#resume(
          { ...next, lastEventId: next.lastEventId ?? lastEventId },
          moved ? 0 : attempt + 1,
        )
        this.#pump()
      })
    })
  }

  /** The stream on which a server of sessions speaks first, for as long as the session lasts. */
  #listen(failures: number, lastEventId?: string): void {
    if (this.#closing || this.#sessionId === undefined) return
    this.#run('stream', EMPTY, [], { lastEventId }, (end) => {
      // 405: the server offers none. Other refusals are final too.
      if (this.#closing || (end.status >= 400 && end.status < 500)) return
      const next = end.status >= 200 && end.status < 300 ? 0 : failures + 1
      const waitMs = Math.max(end.retryMs ?? RETRY_MS, Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** next))
      this.#later(waitMs, () => this.#listen(next, end.lastEventId ?? lastEventId))
    })
  }

  #later(ms: number, run: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      run()
    }, ms)
    this.#timers.add(timer)
    return timer
  }
}

/** The line feed, and a carriage return before it, frame the message and are no part of it. */
function withoutEnd(line: Buffer): Buffer {
  let end = line.length
  if (line[end - 1] === 0x0a) end -= 1
  if (line[end - 1] === 0x0d) end -= 1
  return line.subarray(0, end)
}

function describeNoAnswer(status: number): string {
  if (status < 300) return 'The MCP server ended its reply without an answer.'
  const hint =
    status === 404 || status === 405
      ? ' The URL must be that of a Streamable HTTP endpoint; HTTP+SSE is not spoken here.'
      : ''
  return `The MCP server answered with HTTP status ${status}.${hint}`
}
