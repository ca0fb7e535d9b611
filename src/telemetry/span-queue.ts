/**
 * Ended spans on their way out: bounded in number, sent in batches, one batch at a time
 * (OpenTelemetry specification, "Batching processor").
 *
 * Whatever the collector does, a call only ever appends to a list.
 */

import { withinTime } from './within-time.ts'

export interface SpanQueueOptions {
  /** Spans that may wait; more are dropped, the newest first. */
  readonly spansMax: number
  readonly batchMax: number
  /** How long a span waits at most before its batch is sent. */
  readonly delayMs: number
  /** How long one batch may take before the next is tried. */
  readonly exportTimeoutMs: number
  /** Sends a batch; resolves to false when it was lost. Never rejects. */
  readonly send: (spans: readonly Buffer[]) => Promise<boolean>
  readonly onDropped: (reason: 'queue_full' | 'export_failed', count: number) => void
}

export class SpanQueue {
  readonly #options: SpanQueueOptions
  #waiting: Buffer[] = []
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> | undefined
  #closed = false

  constructor(options: SpanQueueOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#waiting.length
  }

  add(span: Buffer): void {
    const { spansMax, batchMax, onDropped } = this.#options
    if (this.#closed || this.#waiting.length >= spansMax) {
      onDropped('queue_full', 1)
      return
    }
    this.#waiting.push(span)
    if (this.#sending !== undefined) return
    if (this.#waiting.length >= Math.min(batchMax, spansMax)) this.#sendNext()
    else this.#startTimer()
  }

  /** Sends everything that waits, then takes no more. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#waiting.length > 0 || this.#sending !== undefined) {
      if (this.#sending === undefined) this.#sendNext()
      await this.#sending
    }
  }

  #startTimer(): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => this.#sendNext(), this.#options.delayMs)
    this.#timer.unref()
  }

  #sendNext(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const batch = this.#waiting.splice(0, this.#options.batchMax)
    if (batch.length === 0) return
    this.#sending = this.#send(batch)
  }

  async #send(batch: readonly Buffer[]): Promise<void> {
    const { send, exportTimeoutMs, onDropped } = this.#options
    const sent = await withinTime(send(batch), exportTimeoutMs)
    if (sent !== true) onDropped('export_failed', batch.length)
    this.#sending = undefined
    if (this.#closed) return
    if (this.#waiting.length >= this.#options.batchMax) this.#sendNext()
    else if (this.#waiting.length > 0) this.#startTimer()
  }
}
