/** Lines on their way out. */

import type { Writable } from 'node:stream'

const LF = 0x0a
const LINE_END = Buffer.from('\n')

/** Lines up to this size are joined with a line feed, which is one write instead of two. */
const JOIN_BYTES_MAX = 16 * 1024

/**
 * Writes lines to a stream, each with one line feed at its end. What is written in one turn of the event
 * loop leaves in one system call. `written` is called when the stream has handed the line over.
 */
export class LineWriter {
  readonly #stream: Writable
  #corked = false

  constructor(stream: Writable) {
    this.#stream = stream
  }

  /** False when the reader is slower than we write. */
  write(line: Buffer, written?: (error?: Error | null) => void): boolean {
    const stream = this.#stream
    if (!this.#corked) {
      this.#corked = true
      stream.cork()
      process.nextTick(() => {
        this.#corked = false
        stream.uncork()
      })
    }
    if (line.at(-1) === LF) return stream.write(line, written)
    if (line.length <= JOIN_BYTES_MAX) return stream.write(Buffer.concat([line, LINE_END]), written)
    stream.write(line)
    return stream.write(LINE_END, written)
  }
}
