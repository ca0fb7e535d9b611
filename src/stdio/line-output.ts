/** Standard output as a stream of lines: each message whole, in order, with back-pressure. */

import type { Writable } from 'node:stream'

const LF = Buffer.from('\n')

/** Lines up to this size are joined with their line feed, which is one write instead of two. */
const JOIN_BYTES_MAX = 64 * 1024

export class LineOutput {
  readonly #stream: Writable
  readonly #onDrain = new Set<() => void>()
  #broken = false

  constructor(stream: Writable) {
    this.#stream = stream
    stream.on('error', () => {
      this.#broken = true
    })
    stream.on('drain', () => {
      for (const resume of this.#onDrain) resume()
    })
  }

  /** Writes one line, which holds no line feed. False when the reader is slower than we write. */
  line(bytes: Buffer): boolean {
    if (this.#broken) return true
    if (bytes.length <= JOIN_BYTES_MAX) return this.#stream.write(Buffer.concat([bytes, LF]))
    this.#stream.write(bytes)
    return this.#stream.write(LF)
  }

  /** Writes bytes that are lines already. */
  lines(bytes: Buffer): boolean {
    return this.#broken ? true : this.#stream.write(bytes)
  }

  onDrain(resume: () => void): () => void {
    this.#onDrain.add(resume)
    return () => this.#onDrain.delete(resume)
  }

  /** Resolves when everything has been handed to the operating system. */
  flushed(): Promise<void> {
    if (this.#broken || this.#stream.writableLength === 0) return Promise.resolve()
    return new Promise((resolve) => this.#stream.write('', () => resolve()))
  }
}
