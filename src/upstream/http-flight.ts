/** One message on its way over HTTP: gets a connection, hands the reply on, and notes what it took. */

import type { Exchange } from '../core/exchange.ts'
import type { AttemptFacts } from '../core/observer.ts'
import type { PoolRecorder } from '../core/pool.ts'
import { codeOf, brokenConnection } from './describe-failure.ts'
import type { Caller } from './http1/caller.ts'
import type { Connection } from './http1/connection.ts'
import type { ConnectionPool } from './http1/pool.ts'
import type { ReplyHead } from './http1/reply-head.ts'
import type { Flight, Outbound, ReplySink, TransportFailure } from './transport.ts'

/** Where flights go: a pool, with whoever counts what happens in it. */
export interface FlightPool {
  readonly connections: ConnectionPool
  readonly recorder: PoolRecorder
  /** What becomes of the head of a 401 or 403. */
  readonly onRefused: (exchange: Exchange, headers: readonly string[]) => readonly string[]
}

/** Methods with which a request says its length even when it is 0. */
const WITH_BODY: ReadonlySet<string> = new Set([
  'POST',
  'PUT',
  'PATCH',
  'QUERY',
  'PROPFIND',
  'PROPPATCH',
])

export class HttpFlight implements Flight, Caller {
  readonly lines: string
  readonly body: Buffer
  readonly servername: string
  over = false
  readonly #sink: ReplySink
  readonly #pool: FlightPool
  readonly #exchange: Exchange
  readonly #attempt: AttemptFacts
  readonly #enteredMs: number
  #connection: Connection | undefined = undefined
  #queued = false
  #connectsMs = 0
  #handedMs = 0

  constructor(
    sink: ReplySink,
    { exchange, attempt, body }: Outbound,
    lines: string,
    servername: string,
    pool: FlightPool,
  ) {
    this.#sink = sink
    this.#pool = pool
    this.#exchange = exchange
    this.#attempt = attempt
    this.lines = lines
    this.body = body
    this.servername = servername
    this.#enteredMs = pool.connections.clock.monotonicMs()
  }

  get toHead(): boolean {
    return this.#exchange.httpMethod === 'HEAD'
  }

  get saysLength(): boolean {
    return WITH_BODY.has(this.#exchange.httpMethod)
  }

  abort(why?: 'late'): void {
    if (this.over) return
    this.over = true
    const connection = this.#connection
    if (this.#handedMs === 0 && why === 'late') this.#pool.recorder.timedOut()
    this.#pool.connections.forget(this)
    connection?.giveUp()
    this.#done(this.#pool.connections.clock.monotonicMs())
  }

  resume(): void {
    if (this.#handedMs > 0) this.#connection?.resume()
  }

  spent(part: Buffer): void {
    this.#connection?.spent(part)
  }

  queued(): void {
    this.#queued = true
  }

  connects(connection: Connection, nowMs: number): void {
    this.#connection = connection
    this.#connectsMs = nowMs
    if (this.#queued) this.#attempt.queuedMs = nowMs - this.#enteredMs
  }

  goes(connection: Connection, nowMs: number): void {
    const attempt = this.#attempt
    if (this.#connection !== undefined) attempt.connectMs = nowMs - this.#connectsMs
    else if (this.#queued) attempt.queuedMs = nowMs - this.#enteredMs
    this.#connection = connection
    attempt.handedMs = nowMs
    this.#handedMs = nowMs
    this.#pool.recorder.waited(nowMs - this.#enteredMs)
  }

  replyHead({ status, statusMessage, rawHeaders }: ReplyHead): void {
    const refused = status === 401 || status === 403
    const headers = refused ? this.#pool.onRefused(this.#exchange, rawHeaders) : rawHeaders
    this.#sink.head(status, statusMessage, headers)
  }

  replyData(part: Buffer): boolean {
    return this.#sink.data(part)
  }

  replyEnd(nowMs: number): void {
    this.over = true
    this.#done(nowMs)
    try {
      this.#sink.end()
    } catch (error) {
      this.#sink.failed(brokenConnection(error instanceof Error ? codeOf(error) : 'unknown'))
    }
  }

  failed(failure: TransportFailure): void {
    if (this.over) return
    this.over = true
    this.#done(this.#pool.connections.clock.monotonicMs())
    this.#sink.failed(failure)
  }

  /** The connection is free again, or closed, or was never used. */
  #done(nowMs: number): void {
    this.#connection = undefined
    if (this.#handedMs > 0) this.#pool.recorder.used(nowMs - this.#handedMs)
  }
}
