/** Ids of traces and spans, from random bytes that are fetched for many of them at a time. */

import type { IdGenerator } from '@opentelemetry/sdk-trace'

const TRACE_BYTES = 16
const SPAN_BYTES = 8

/** For 256 calls of a trace id and two span ids. */
const POOL_BYTES = 8_192

export class PooledIds implements IdGenerator {
  readonly #fill: (bytes: Uint8Array) => void
  readonly #pool = Buffer.alloc(POOL_BYTES)
  #at = POOL_BYTES

  /** `fill` overwrites all bytes with random ones. Of those no id is zero, which would be invalid. */
  constructor(fill: (bytes: Uint8Array) => void) {
    this.#fill = fill
  }

  generateTraceId(): string {
    return this.#take(TRACE_BYTES)
  }

  generateSpanId(): string {
    return this.#take(SPAN_BYTES)
  }

  #take(bytes: number): string {
    if (this.#at + bytes > POOL_BYTES) {
      this.#fill(this.#pool)
      this.#at = 0
    }
    const from = this.#at
    this.#at += bytes
    return this.#pool.toString('hex', from, this.#at)
  }
}
