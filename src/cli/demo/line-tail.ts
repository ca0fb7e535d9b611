/** The last lines of a stream, however much flows through it. */

const LINE_CHARS_MAX = 300

export class LineTail {
  readonly #linesMax: number
  readonly #lines: string[] = []
  #partial = ''

  constructor(linesMax: number) {
    this.#linesMax = linesMax
  }

  add(chunk: Buffer | string): void {
    const parts = (this.#partial + chunk.toString()).split('\n')
    this.#partial = (parts.pop() ?? '').slice(0, LINE_CHARS_MAX)
    for (const part of parts) this.#push(part)
  }

  lines(): readonly string[] {
    return this.#partial === '' ? [...this.#lines] : [...this.#lines, this.#partial]
  }

  #push(line: string): void {
    if (line.trim() === '') return
    this.#lines.push(line.slice(0, LINE_CHARS_MAX))
    if (this.#lines.length > this.#linesMax) this.#lines.shift()
  }
}
