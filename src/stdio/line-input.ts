/** Reads lines from standard input, and waits when what they lead to does not keep up. */

import type { Readable } from 'node:stream'
import { LineSplitter } from '../mcp/line-splitter.ts'

export interface LineInputOptions {
  readonly input: Readable
  readonly lineBytesMax: number
  /** One line with something in it. */
  readonly onLine: (line: Buffer) => void
  /** A line was too long to be read. */
  readonly onTooLong: () => void
  /** The client has closed its end. */
  readonly onEnd: () => void
  /** Bytes of lines that have not gone on yet. */
  readonly waitingBytes: () => number
}

/** More than this waiting stops the reading. */
const WAITING_BYTES_MAX = 1024 * 1024

export class LineInput {
  readonly #options: LineInputOptions
  #ended = false

  constructor(options: LineInputOptions) {
    this.#options = options
  }

  start(): void {
    const { input, lineBytesMax, onLine, onTooLong, waitingBytes } = this.#options
    const lines = new LineSplitter(lineBytesMax, {
      line: (line) => {
        if (!isBlank(line)) onLine(line)
      },
      longEnd: onTooLong,
    })
    input.on('data', (chunk: Buffer) => {
      lines.write(chunk)
      if (waitingBytes() > WAITING_BYTES_MAX) input.pause()
    })
    input.on('end', () => {
      lines.end()
      this.#end()
    })
    input.on('error', () => this.#end())
    input.on('close', () => this.#end())
  }

  /** Something has gone on: reads again when enough of it has. */
  relieved(): void {
    const { input, waitingBytes } = this.#options
    if (input.isPaused() && waitingBytes() <= WAITING_BYTES_MAX) input.resume()
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#options.onEnd()
  }
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a)
}
