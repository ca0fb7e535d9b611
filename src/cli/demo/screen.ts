/** Draws lines on a terminal and leaves it as it was found. */

import { heightOf, paint, type Line } from './text.ts'

export interface ScreenOptions {
  readonly color: boolean
  readonly columns: () => number
  write(text: string): void
}

const ESC = '\u001b['
/** The alternate screen keeps what stood in the terminal; the cursor is hidden meanwhile. */
const ENTER = `${ESC}?1049h${ESC}?25l`
const LEAVE = `${ESC}?25h${ESC}?1049l`

interface Block {
  readonly row: number
  readonly height: number
  readonly text: string
}

export class Screen {
  readonly #options: ScreenOptions
  #drawn = new Map<number, Block>()
  #columns = 0
  #entered = false

  constructor(options: ScreenOptions) {
    this.#options = options
  }

  enter(): void {
    this.#entered = true
    this.#options.write(ENTER)
  }

  /** Writes only what changed, so that nothing flickers and a selection stays. */
  draw(lines: readonly Line[]): void {
    if (!this.#entered) return
    const columns = this.#options.columns()
    const before = columns === this.#columns ? this.#drawn : new Map<number, Block>()
    let text = columns === this.#columns ? '' : `${ESC}2J`
    const drawn = new Map<number, Block>()
    let row = 1
    for (const one of lines) {
      const block = { row, height: heightOf(one, columns), text: paint(one, this.#options.color) }
      const old = before.get(row)
      if (old?.text !== block.text || old.height !== block.height) text += drawBlock(block)
      drawn.set(row, block)
      row += block.height
    }
    const end = Math.max(0, ...[...before.values()].map((block) => block.row + block.height))
    for (; row < end; row += 1) text += clearRow(row)
    this.#drawn = drawn
    this.#columns = columns
    if (text !== '') this.#options.write(text)
  }

  leave(): void {
    if (!this.#entered) return
    this.#entered = false
    this.#options.write(LEAVE)
  }
}

function drawBlock({ row, height, text }: Block): string {
  const rows = Array.from({ length: height }, (_, index) => clearRow(row + index))
  return `${rows.join('')}${ESC}${row};1H${text}`
}

function clearRow(row: number): string {
  return `${ESC}${row};1H${ESC}2K`
}
