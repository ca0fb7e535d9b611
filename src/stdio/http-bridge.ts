/**
 * A client over pipes in front of a Streamable HTTP server: `sidelight wrap --upstream URL`.
 *
 * Each line becomes a POST with the headers that the protocol asks for; what comes back becomes lines.
 * The era is whatever client and server agree on: nothing is translated. In sessions, the server's own
 * stream is listened to, lost streams are resumed, and the session is ended with the client.
 */

import type { Readable, Writable } from 'node:stream'
import type { Exchange, ExchangeKind } from '../core/exchange.ts'
import { logDefect } from '../core/log.ts'
import { isLongLived } from '../mcp/methods.ts'
import { WireReader, type Token, type WireMessage } from '../mcp/wire-message.ts'
import { handle, refuseUnread } from '../pipeline/handle.ts'
import type { Stages } from '../pipeline/stages.ts'
import { BridgeClient, errorLine, type BridgeEnd } from './bridge-client.ts'
import { readBridgeFacts, type BridgeFacts } from './bridge-facts.ts'
import { BridgeHeaders } from './bridge-headers.ts'
import { lineExchange } from './line-exchange.ts'
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

const EMPTY = Buffer.alloc(0)

/** What is known of a request besides its bytes. */
type About = Partial<BridgeFacts> & {
  readonly lastEventId?: string | undefined
  /** True for a line that holds no message. */
  readonly unreadable?: boolean
}

/** A request, or stream, under way. */
interface Running {
  readonly client: BridgeClient
  readonly ids: ReadonlySet<string>
  /** True for a request that lasts as long as its client listens. */
  readonly listens: boolean
}

export class HttpBridge {
  readonly #options: HttpBridgeOptions
  readonly #input: LineInput
  readonly #output: LineOutput
  readonly #reader = new WireReader()
  readonly #running = new Set<Running>()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #headers: BridgeHeaders
  #queue: Buffer[] = []
  /** True while a message must be accepted before the next one may follow. */
  #blocked = false
  #sessionId: string | undefined
  #closing = false
  #idle: (() => void) | undefined

  constructor(options: HttpBridgeOptions) {
    this.#options = options
    this.#output = new LineOutput(options.output)
    this.#headers = new BridgeHeaders(options.userAgent)
    this.#input = new LineInput({
      ...options,
      onLine: (line) => {
        this.#input.began()
        this.#queue.push(withoutEnd(line))
        this.#pump()
      },
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
    for (const { client } of this.#running) client.leave()
  }

  flushed(): Promise<void> {
    return this.#output.flushed()
  }

  #pump(): void {
    while (!this.#blocked) {
      const line = this.#queue.shift()
      if (line === undefined) break
      this.#send(line)
    }
    if (this.#isIdle()) this.#idle?.()
  }

  #isIdle(): boolean {
    const waiting = [...this.#running].some(({ ids, listens }) => ids.size > 0 && !listens)
    return this.#queue.length === 0 && !this.#blocked && !waiting
  }

  #send(line: Buffer): void {
    const messages = this.#reader.read(line) ?? []
    const [first] = messages
    if (
      first?.method === 'notifications/cancelled' &&
      (first.claimsModern || !this.#headers.handshaken)
    ) {
      this.#takeBack(first)
      this.#input.done()
      return
    }
    const requests = messages.flatMap(({ kind, id }) =>
      kind === 'request' && id !== undefined ? [id] : [],
    )
    const initializes = messages.some(({ method }) => method === 'initialize')
    // What nobody answers must have arrived before what follows is sent on another connection.
    this.#blocked = initializes || requests.length === 0
    const facts = { ...readBridgeFacts(line, first), unreadable: first === undefined }
    this.#run('message', line, requests, facts, (end) => {
      this.#blocked = false
      this.#input.done()
      if (initializes && end.status < 300) this.#sessionId = end.sessionId ?? this.#sessionId
      if (first?.method === 'notifications/initialized' && end.status < 300) this.#listen(0)
      this.#resume(end, 0)
      this.#pump()
    })
  }

  #run(
    kind: ExchangeKind,
    body: Buffer,
    requests: readonly Token[],
    about: About,
    onEnd: (end: BridgeEnd) => void,
  ): void {
    const { stages, lineBytesMax, upstream } = this.#options
    const exchange = lineExchange({
      upstream,
      kind,
      body,
      headers: this.#headers.for(kind, body, { ...about, sessionId: this.#sessionId }),
      sessionId: this.#sessionId,
      nowMs: stages.clock.monotonicMs(),
    })
    const client: BridgeClient = new BridgeClient({
      output: this.#output,
      requests,
      unreadable: about.unreadable === true,
      messageBytesMax: lineBytesMax,
      onHead: () => {},
      onMessage: (line, message) => this.#headers.learn(line, message, about.method),
      onEnd: (end) => {
        this.#running.delete(running)
        onEnd(end)
      },
    })
    const running: Running = {
      client,
      ids: new Set(requests.map(({ key }) => key)),
      listens: isLongLived(about.method ?? ''),
    }
    this.#running.add(running)
    this.#handle(exchange, client)
  }

  #handle(exchange: Exchange, client: BridgeClient): void {
    const { stages } = this.#options
    try {
      handle(exchange, client, stages)
    } catch (error) {
      logDefect(stages.log, 'A defect of the sidecar ended an exchange', error)
      refuseUnread(exchange, client, { kind: 'internal' }, stages)
    }
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
    this.#later(end.retryMs ?? RETRY_MS, () => {
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

  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      run()
    }, ms)
    this.#timers.add(timer)
  }

  /** 2026-07-28: over HTTP a request is taken back by hanging up. */
  #takeBack({ cancels }: WireMessage): void {
    for (const { client, ids } of this.#running) {
      if (cancels !== undefined && ids.has(cancels.key)) client.leave()
    }
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
