/** Reads lines from standard input and waits when too many of them are under way. */

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
}

/** Messages under way at which reading stops until some have been done. */
const UNDER_WAY_MAX = 1_024

export class LineInput {
  readonly #options: LineInputOptions
  #underWay = 0
  #ended = false

  constructor(options: LineInputOptions) {
    this.#options = options
  }

  start(): void {
    const { input, lineBytesMax, onLine, onTooLong } = this.#options
    const lines = new LineSplitter(lineBytesMax, {
      line: (line) => {
        if (!isBlank(line)) onLine(line)
      },
      longEnd: onTooLong,
    })
    input.on('data', (chunk: Buffer) => lines.write(chunk))
    input.on('end', () => {
      lines.end()
      this.#end()
    })
    input.on('error', () => this.#end())
    input.on('close', () => this.#end())
  }

  /** A message has been taken on. */
  began(): void {
    this.#underWay += 1
    if (this.#underWay === UNDER_WAY_MAX) this.#options.input.pause()
  }

  /** A message has been dealt with. */
  done(): void {
    this.#underWay -= 1
    if (this.#underWay === UNDER_WAY_MAX - 1) this.#options.input.resume()
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
