/** Lines on their way out. */

import type { Writable } from 'node:stream'

const LF = 0x0a
const LINE_END = Buffer.from('\n')

/** Lines up to this size are joined with a line feed, which is one write instead of two. */
const JOIN_BYTES_MAX = 16 * 1024

/** So many lines leave at once, so that the first does not wait for all that a busy turn brings. */
const TOGETHER_MAX = 16

/**
 * Writes lines to a stream, each with one line feed at its end. What is written in one turn of the event
 * loop leaves together, whichever connections it came from: a system call costs more than a line.
 * `written` is called when the stream has handed the line over.
 */
export class LineWriter {
  readonly #stream: Writable
  /** Lines that have been written in this turn and have not left. */
  #held = 0
  #leavesSoon = false

  constructor(stream: Writable) {
    this.#stream = stream
  }

  /** False when the reader is slower than we write. */
  write(line: Buffer, written?: (error?: Error | null) => void): boolean {
    if (this.#held === 0) this.#hold()
    this.#held += 1
    const keepsUp = this.#put(line, written)
    if (this.#held === TOGETHER_MAX) this.#release()
    return keepsUp
  }

  #put(line: Buffer, written: ((error?: Error | null) => void) | undefined): boolean {
    const stream = this.#stream
    if (line[line.length - 1] === LF) return stream.write(line, written)
    if (line.length > JOIN_BYTES_MAX) {
      stream.write(line)
      return stream.write(LINE_END, written)
    }
    const ended = Buffer.allocUnsafe(line.length + 1)
    ended.set(line)
    ended[line.length] = LF
    return stream.write(ended, written)
  }

  #hold(): void {
    this.#stream.cork()
    if (this.#leavesSoon) return
    this.#leavesSoon = true
    setImmediate(this.#turnEnds)
  }

  readonly #turnEnds = (): void => {
    this.#leavesSoon = false
    if (this.#held > 0) this.#release()
  }

  #release(): void {
    this.#held = 0
    this.#stream.uncork()
  }
}
