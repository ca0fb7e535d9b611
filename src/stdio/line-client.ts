/** The client's end of an exchange whose messages came as a line and are answered in lines. */

import type { Exchange } from '../core/exchange.ts'
import type { Answer, Client } from '../core/reply.ts'
import { toLine } from '../mcp/to-line.ts'
import type { LineOutput } from './line-output.ts'

/** What came back are lines as a server wrote them, or nothing to be written. */
type Mode = 'lines' | 'nothing'

export class LineClient implements Client {
  readonly #output: LineOutput
  readonly #exchange: Exchange
  readonly #onDone: () => void
  #mode: Mode = 'nothing'
  #stopDraining: (() => void) | undefined
  #gone: (() => void) | undefined
  #done = false

  /** `onDone` is called once, when nothing more will be written for this exchange. */
  constructor(exchange: Exchange, output: LineOutput, onDone: () => void) {
    this.#exchange = exchange
    this.#output = output
    this.#onDone = onDone
  }

  head(status: number, _statusMessage: string, rawHeaders: readonly string[]): void {
    const type = status === 202 ? '' : (rawHeaders[1] ?? '')
    // Answers of a batch come as events to be seen by us; their lines are written as they came.
    this.#mode = type.startsWith('application/') ? 'lines' : 'nothing'
  }

  write(chunk: Buffer): boolean {
    // The transport hands each message over whole.
    return this.#mode === 'nothing' || this.#output.line(chunk)
  }

  end(): void {
    this.#finish()
  }

  /** A reply that broke off: what was written of it were whole lines. */
  abort(): void {
    this.#finish()
  }

  answer({ body }: Answer): void {
    // Notifications are not answered, not even with an error (JSON-RPC 2.0 §4.1).
    const { calls } = this.#exchange
    const unread = calls.length === 0 && this.#exchange.kind === 'message'
    if (unread || calls.some(({ message }) => message.kind === 'request')) {
      this.#output.line(toLine(Buffer.from(body)))
    }
    this.#finish()
  }

  onDrain(resume: () => void): void {
    this.#stopDraining = this.#output.onDrain(resume)
  }

  onGone(gone: () => void): void {
    this.#gone = gone
  }

  /** The client has left before its answer came. */
  leave(): void {
    this.#gone?.()
    this.#finish()
  }

  #finish(): void {
    if (this.#done) return
    this.#done = true
    this.#stopDraining?.()
    this.#onDone()
  }
}
