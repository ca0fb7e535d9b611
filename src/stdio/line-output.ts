/** Standard output as a stream of lines: each message whole, in order, with back-pressure. */

import type { Writable } from 'node:stream'
import { LineWriter } from '../mcp/line-writer.ts'

export class LineOutput {
  readonly #stream: Writable
  readonly #writer: LineWriter
  readonly #onDrain = new Set<() => void>()
  #broken = false

  /** `onBroken` is told when nobody reads any more. */
  constructor(stream: Writable, onBroken: () => void) {
    this.#stream = stream
    this.#writer = new LineWriter(stream)
    stream.on('error', () => {
      this.#broken = true
      onBroken()
    })
    stream.on('drain', () => {
      for (const resume of this.#onDrain) resume()
    })
  }

  /** Writes one line, with or without its line feed. False when the reader is slower than we write. */
  line(bytes: Buffer): boolean {
    return this.#broken || this.#writer.write(bytes)
  }

  onDrain(resume: () => void): () => void {
    this.#onDrain.add(resume)
    return () => this.#onDrain.delete(resume)
  }

  /** Resolves when everything has been handed to the operating system. */
  flushed(): Promise<void> {
    if (this.#broken) return Promise.resolve()
    return new Promise((resolve) => this.#stream.write('', () => resolve()))
  }
}
