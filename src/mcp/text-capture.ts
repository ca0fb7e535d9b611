/**
 * A bounded copy of the JSON text that passes, kept only for calls that asked for it.
 *
 * It never delays the original. A text that is too long for the call, or for all copies together, is
 * let go at once and counted; whoever asked then gets none.
 */

export interface CaptureBudgetOptions {
  /** Most bytes of all copies together. */
  readonly bytesMax: number
  /** A text was let go because it or all of them together were too long. */
  readonly onFull: () => void
}

/** Bounds the bytes of all copies that are held at a time. */
export class CaptureBudget {
  readonly #options: CaptureBudgetOptions
  #bytes = 0

  constructor(options: CaptureBudgetOptions) {
    this.#options = options
  }

  /** Bytes that are held now. */
  get bytes(): number {
    return this.#bytes
  }

  /** False when there is no room for so many more bytes. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#options.bytesMax) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }

  full(): void {
    this.#options.onFull()
  }
}

/** What a first piece reserves; the copy then doubles, so that small pieces cost no more than large. */
const FIRST_BYTES = 4 * 1024

/** What stands around a result in its message: `jsonrpc`, `id`, and names of members. */
const AROUND_BYTES = 4 * 1024

/**
 * The copy of one JSON text at a time. `wanted` says how long a result may be that somebody wants now, 0
 * for nobody; it is asked once per text, when its first bytes come.
 */
export class TextCapture {
  readonly #wanted: () => number
  readonly #budget: CaptureBudget
  #buffer: Buffer | undefined
  #length = 0
  /** Most bytes of the text under way; -1 as long as it has not begun, 0 when it is not kept. */
  #bytesMax = -1

  constructor(wanted: () => number, budget: CaptureBudget) {
    this.#wanted = wanted
    this.#budget = budget
  }

  /** The bytes `[from, to)` of the chunk are the next of the text. */
  write(chunk: Buffer, from: number, to: number): void {
    if (this.#bytesMax < 0) {
      const wanted = this.#wanted()
      this.#bytesMax = wanted === 0 ? 0 : wanted + AROUND_BYTES
    }
    if (this.#bytesMax === 0) return
    const length = this.#length + to - from
    const buffer = this.#reserve(length)
    if (buffer === undefined) return
    chunk.copy(buffer, this.#length, from, to)
    this.#length = length
  }

  /** A copy of the bytes `[start, end)` of the text; undefined when they were not kept. */
  slice(start: number, end: number): Buffer | undefined {
    if (this.#buffer === undefined || end > this.#length || start >= end) return undefined
    return Buffer.from(this.#buffer.subarray(start, end))
  }

  /** The text has ended, or nobody reads on: what was kept is let go. */
  reset(): void {
    this.#drop()
    this.#bytesMax = -1
  }

  #reserve(length: number): Buffer | undefined {
    const held = this.#buffer?.length ?? 0
    if (length <= held) return this.#buffer
    if (length > this.#bytesMax) return this.#giveUp()
    const size = Math.min(this.#bytesMax, Math.max(length, held * 2, FIRST_BYTES))
    // Both are held while the old one is copied.
    if (!this.#budget.take(size)) return this.#giveUp()
    const buffer = Buffer.allocUnsafeSlow(size)
    this.#buffer?.copy(buffer, 0, 0, this.#length)
    this.#budget.give(held)
    this.#buffer = buffer
    return buffer
  }

  #giveUp(): undefined {
    this.#budget.full()
    this.#drop()
    this.#bytesMax = 0
  }

  #drop(): void {
    this.#budget.give(this.#buffer?.length ?? 0)
    this.#buffer = undefined
    this.#length = 0
  }
}
