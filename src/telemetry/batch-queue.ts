/**
 * Spans and log records on their way out: bounded in number, sent in batches, one batch at a time
 * (OpenTelemetry specification, "Batching processor").
 *
 * Whatever the collector does, a call only ever appends to a list.
 */

import { withinTime } from './within-time.ts'

export interface BatchQueueOptions<T> {
  /** Items that may wait; more are dropped, the newest first. */
  readonly itemsMax: number
  readonly batchMax: number
  /** How long an item waits at most before its batch is sent. */
  readonly delayMs: number
  /** How long one batch may take before the next is tried. */
  readonly exportTimeoutMs: number
  /** Sends a batch; resolves to the number of items that were lost. Never rejects. */
  readonly send: (items: readonly T[]) => Promise<number>
  readonly onDropped: (reason: 'queue_full' | 'export_failed', count: number) => void
}

export class BatchQueue<T> {
  readonly #options: BatchQueueOptions<T>
  #waiting: T[] = []
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> | undefined
  #closed = false

  constructor(options: BatchQueueOptions<T>) {
    this.#options = options
  }

  get size(): number {
    return this.#waiting.length
  }

  add(item: T): void {
    const { itemsMax, batchMax, onDropped } = this.#options
    if (this.#closed || this.#waiting.length >= itemsMax) {
      onDropped('queue_full', 1)
      return
    }
    this.#waiting.push(item)
    if (this.#sending !== undefined) return
    if (this.#waiting.length >= Math.min(batchMax, itemsMax)) this.#sendNext()
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

  async #send(batch: readonly T[]): Promise<void> {
    const { send, exportTimeoutMs, onDropped } = this.#options
    // A collector that hangs must not keep a process that has ended.
    const sent = withinTime(send(batch), exportTimeoutMs, { background: true })
    const lost = (await sent) ?? batch.length
    if (lost > 0) onDropped('export_failed', lost)
    this.#sending = undefined
    if (this.#closed) return
    if (this.#waiting.length >= this.#options.batchMax) this.#sendNext()
    else if (this.#waiting.length > 0) this.#startTimer()
  }
}
