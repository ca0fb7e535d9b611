/**
 * Just enough line framing for the load and the server of the stdio benchmark: tells each line's
 * first bytes and its length, and keeps nothing of a long line but these.
 */

const LF = 0x0a

/** The id stands in the first bytes of every line: `{"jsonrpc":"2.0","id":1000000000`. */
export const HEAD_BYTES = 64

/** Takes the first bytes of a line, at most `HEAD_BYTES`, and its length without the line feed. */
export type OnLine = (head: string, length: number) => void

export class LineReader {
  readonly #onLine: OnLine
  #head = ''
  #length = 0

  constructor(onLine: OnLine) {
    this.#onLine = onLine
  }

  push(chunk: Buffer): void {
    let from = 0
    for (;;) {
      const end = chunk.indexOf(LF, from)
      if (end < 0) break
      this.#take(chunk, from, end)
      const head = this.#head
      const length = this.#length
      this.#head = ''
      this.#length = 0
      this.#onLine(head, length)
      from = end + 1
    }
    if (from < chunk.length) this.#take(chunk, from, chunk.length)
  }

  #take(chunk: Buffer, from: number, to: number): void {
    const missing = HEAD_BYTES - this.#head.length
    if (missing > 0) this.#head += chunk.toString('latin1', from, Math.min(to, from + missing))
    this.#length += to - from
  }
}

const ID_AT = '{"jsonrpc":"2.0","id":'.length
const ID_DIGITS = 10

/** The id of a line that begins as ours do; NaN for others. */
export function idOf(head: string): number {
  return Number(head.slice(ID_AT, ID_AT + ID_DIGITS))
}
