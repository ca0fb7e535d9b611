/** Reads a request body whole, up to a limit. */

import type { IncomingMessage } from 'node:http'

export type BodyEnd =
  | { readonly kind: 'body'; readonly body: Buffer }
  | { readonly kind: 'too_large' }
  /** All bodies together are as large as they may be. */
  | { readonly kind: 'no_room' }
  /** The client left before its request was complete. */
  | { readonly kind: 'gone' }

/** Bounds the bytes of all bodies that are held at a time. */
export class BodyBudget {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** False when there is no room for so many more bytes. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

const EMPTY: Buffer = Buffer.alloc(0)

/** Bodies that come in one piece of at most this size are not counted: connections bound them. */
const SMALL_BYTES = 64 * 1024

/**
 * Collects a body in one buffer that doubles, because a list of pieces would cost many times their
 * bytes when a client sends them one by one.
 */
class Collector {
  readonly #budget: BodyBudget
  #buffer: Buffer = EMPTY
  #bytes = 0
  /** Bytes taken from the budget. */
  taken = 0

  constructor(budget: BodyBudget) {
    this.#budget = budget
  }

  get bytes(): number {
    return this.#bytes
  }

  /** False when the budget has no room. The first piece is kept as it is, without a copy. */
  add(chunk: Buffer): boolean {
    const bytes = this.#bytes + chunk.length
    if (this.#bytes === 0 && chunk.length <= SMALL_BYTES) this.#buffer = chunk
    else if (bytes > this.#buffer.length && !this.#grow(bytes)) return false
    else chunk.copy(this.#buffer, this.#bytes)
    this.#bytes = bytes
    return true
  }

  body(): Buffer {
    return this.#buffer.length === this.#bytes
      ? this.#buffer
      : this.#buffer.subarray(0, this.#bytes)
  }

  drop(): void {
    this.#buffer = EMPTY
  }

  #grow(bytes: number): boolean {
    const size = Math.max(SMALL_BYTES, 2 ** Math.ceil(Math.log2(bytes)))
    if (!this.#budget.take(size - this.taken)) return false
    this.taken = size
    const larger = Buffer.allocUnsafe(size)
    this.#buffer.copy(larger, 0, 0, this.#bytes)
    this.#buffer = larger
    return true
  }
}

/**
 * Calls `done` once. After `too_large` and `no_room` the rest of the body is discarded, so that the
 * client can read its answer; past as much again as is allowed the connection is broken. What was
 * taken from the budget is given back by calling what `onTaken` is told, when the reply has ended.
 */
export function readBody(
  incoming: IncomingMessage,
  limits: { readonly bytesMax: number; readonly budget: BodyBudget },
  onTaken: (give: () => void) => void,
  done: (end: BodyEnd) => void,
): void {
  const { bytesMax, budget } = limits
  const collector = new Collector(budget)
  let bytes = 0
  let finished = false
  const finish = (end: BodyEnd): void => {
    if (finished) return
    finished = true
    const { taken } = collector
    collector.drop()
    // Only a whole body is held on to; the room of any other is free at once.
    if (end.kind !== 'body') budget.give(taken)
    else if (taken > 0) onTaken(() => budget.give(taken))
    done(end)
  }
  if (Number(incoming.headers['content-length'] ?? 0) > bytesMax) finish({ kind: 'too_large' })
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > bytesMax) finish({ kind: 'too_large' })
    if (bytes > 2 * bytesMax) incoming.destroy()
    if (!finished && !collector.add(chunk)) finish({ kind: 'no_room' })
  })
  incoming.on('end', () => finish({ kind: 'body', body: collector.body() }))
  incoming.on('error', () => finish({ kind: 'gone' }))
  incoming.on('close', () => finish({ kind: 'gone' }))
}

/** Lets the rest of a request come that nobody reads, so that its connection can be used again. */
export function discardBody(incoming: IncomingMessage, bytesMax: number): void {
  let bytes = 0
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > bytesMax) incoming.destroy()
  })
  incoming.on('error', () => {})
  incoming.resume()
}
