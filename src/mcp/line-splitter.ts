/**
 * Cuts a stream of bytes into lines (MCP stdio transport: messages are delimited by line feeds).
 *
 * Pieces of a line are kept in a list and joined once, so that a long line costs its bytes and not
 * their square. A line over the limit is not kept: its bytes are only shown as they pass.
 */

export interface LineSink {
  /**
   * One line with its line feed, unless it is the stream's last and has none. To JSON the line feed is
   * white space, and a line that goes on as it came needs no other.
   */
  line(bytes: Buffer): void
  /** A part of a line that is too long to keep, from its first byte on. */
  longPart?(bytes: Buffer): void
  /** Such a line has ended. */
  longEnd?(): void
}

const LF = 0x0a

export class LineSplitter {
  readonly #bytesMax: number
  readonly #sink: LineSink
  #pieces: Buffer[] = []
  #bytes = 0
  #long = false

  constructor(bytesMax: number, sink: LineSink) {
    this.#bytesMax = bytesMax
    this.#sink = sink
  }

  write(chunk: Buffer): void {
    let from = 0
    for (;;) {
      const feed = chunk.indexOf(LF, from)
      if (feed < 0) break
      this.#ended(chunk.subarray(from, feed + 1))
      from = feed + 1
    }
    if (from < chunk.length) this.#part(from === 0 ? chunk : chunk.subarray(from))
  }

  /** The stream has ended; what came after the last line feed is a line too. */
  end(): void {
    if (this.#bytes > 0) this.#ended(EMPTY)
  }

  #part(bytes: Buffer): void {
    this.#bytes += bytes.length
    // The line feed is not counted: the limit is that of the message.
    if (!this.#long && this.#bytes > this.#bytesMax + 1) {
      this.#long = true
      for (const piece of this.#pieces) this.#sink.longPart?.(piece)
      this.#pieces = []
    }
    if (this.#long) this.#sink.longPart?.(bytes)
    else this.#pieces.push(bytes)
  }

  #ended(last: Buffer): void {
    if (this.#bytes === 0 && last.length <= this.#bytesMax + 1) return this.#sink.line(last)
    this.#part(last)
    const pieces = this.#pieces
    const long = this.#long
    this.#pieces = []
    this.#bytes = 0
    this.#long = false
    if (long) this.#sink.longEnd?.()
    else this.#sink.line(Buffer.concat(pieces))
  }
}

const EMPTY: Buffer = Buffer.alloc(0)
