/** One message on its way over HTTP: undici's handler, which hands the reply on and notes what it took. */

import type { Dispatcher } from 'undici'
import type { Clock } from '../core/clock.ts'
import type { Exchange } from '../core/exchange.ts'
import type { AttemptFacts } from '../core/observer.ts'
import type { PoolRecorder } from '../core/pool.ts'
import { describeFailure } from './describe-failure.ts'
import { responseHeaders, type HeaderNames } from './forward-headers.ts'
import type { Flight, Outbound, ReplySink } from './transport.ts'
import type { Visitor } from './turnstile.ts'

/** What flights of one transport have in common. */
export interface FlightParts {
  readonly names: HeaderNames
  readonly clock: Clock
  /** What becomes of the head of a 401 or 403. */
  readonly onRefused: (exchange: Exchange, headers: string[]) => string[]
}

export class HttpFlight implements Dispatcher.DispatchHandler, Flight, Visitor {
  readonly #sink: ReplySink
  readonly #parts: FlightParts
  readonly #exchange: Exchange
  readonly #attempt: AttemptFacts
  #connects = false
  #dispatched = false
  #controller: Dispatcher.DispatchController | undefined
  readonly #recorder: PoolRecorder
  #handedMs = 0
  #failed = false
  aborted = false
  leave: (() => void) | undefined = undefined
  readonly enteredMs: number
  dispatchedMs = 0

  constructor(
    sink: ReplySink,
    { exchange, attempt }: Outbound,
    parts: FlightParts,
    recorder: PoolRecorder,
  ) {
    this.#sink = sink
    this.#recorder = recorder
    this.enteredMs = parts.clock.monotonicMs()
    this.#parts = parts
    this.#exchange = exchange
    this.#attempt = attempt
  }

  /** A connection is begun for it. */
  connects(): void {
    this.#connects = true
  }

  /** undici has been given it; when a connection was free, it has been written by now. */
  dispatched(): void {
    this.#dispatched = true
    if (this.#controller !== undefined) this.#handed()
  }

  abort(why?: 'late'): void {
    this.aborted = true
    if (this.#controller === undefined) {
      if (why === 'late') this.#recorder.timedOut()
      this.done()
    } else this.#controller.abort(new Error('the client has gone'))
  }

  /** The connection is free again, or was never used. */
  done(): void {
    const { leave } = this
    this.leave = undefined
    leave?.()
    if (this.#handedMs === 0) return
    this.#recorder.used(this.#parts.clock.monotonicMs() - this.#handedMs)
    this.#handedMs = 0
  }

  resume(): void {
    this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#dispatched) this.#waited()
    if (this.aborted) controller.abort(new Error('the client has gone'))
  }

  /** It was not written at once: a connection was made for it, or one had just not become free. */
  #waited(): void {
    const attempt = this.#attempt
    const waitedMs = this.#handed() - this.dispatchedMs
    if (this.#connects) attempt.connectMs = waitedMs
    else attempt.queuedMs += waitedMs
  }

  #handed(): number {
    const nowMs = this.#parts.clock.monotonicMs()
    this.#attempt.handedMs = nowMs
    this.#handedMs = nowMs
    this.#recorder.waited(nowMs - this.enteredMs)
    return nowMs
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusMessage?: string,
  ): void {
    if (status < 200 || this.aborted) return
    const raw = controller.rawHeaders
    const headers = Array.isArray(raw) ? responseHeaders(raw, this.#parts.names) : []
    const refused = status === 401 || status === 403
    this.#sink.head(
      status,
      statusMessage ?? '',
      refused ? this.#parts.onRefused(this.#exchange, headers) : headers,
    )
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.aborted && !this.#sink.data(chunk)) controller.pause()
  }

  onResponseEnd(): void {
    this.done()
    if (!this.aborted) this.#sink.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.done()
    if (this.aborted || this.#failed) return
    this.#failed = true
    this.#sink.failed(describeFailure(error, this.#controller !== undefined))
  }
}
