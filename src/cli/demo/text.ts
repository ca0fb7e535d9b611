/** Pieces of text for a screen: cut and padded to columns before colour is added. */

/** Of a screen, in characters. */
export interface Size {
  readonly columns: number
  readonly rows: number
}

export type Style = 'plain' | 'strong' | 'faint' | 'good' | 'bad' | 'link'

export interface Piece {
  readonly text: string
  readonly style: Style
}

export interface Line {
  readonly pieces: readonly Piece[]
  /** Goes on in the next row instead of being cut, so that it can be copied whole. */
  readonly wraps: boolean
}

export function piece(text: string, style: Style = 'plain'): Piece {
  return { text, style }
}

export function line(...pieces: readonly Piece[]): Line {
  return { pieces, wraps: false }
}

/** The text of a line without its colours. */
export function textOf({ pieces }: Line): string {
  return pieces.map(({ text }) => text).join('')
}

/** How many rows of the screen a line takes. */
export function heightOf(one: Line, columns: number): number {
  return one.wraps ? Math.max(1, Math.ceil(textOf(one).length / columns)) : 1
}

/** Exactly `width` characters: padded on the right, or cut with an ellipsis. */
export function left(text: string, width: number): string {
  if (text.length <= width) return text.padEnd(width)
  return width <= 1 ? text.slice(0, width) : `${text.slice(0, width - 1)}…`
}

/** Exactly `width` characters, padded on the left; a number is never cut. */
export function right(text: string, width: number): string {
  return text.padStart(width)
}

/** A line that is no wider than the screen, unless it wraps. */
export function fit(one: Line, columns: number): Line {
  if (one.wraps) return one
  const pieces: Piece[] = []
  let room = columns
  for (const { text, style } of one.pieces) {
    if (room <= 0) break
    const shown = text.length <= room ? text : left(text, room)
    pieces.push({ text: shown, style })
    room -= shown.length
  }
  return { pieces, wraps: false }
}

const CODES: Readonly<Record<Style, string>> = {
  plain: '',
  strong: '1',
  faint: '2',
  good: '32',
  bad: '31',
  link: '36',
}

/** The line as the terminal takes it: with colours, or as plain text. */
export function paint(one: Line, color: boolean): string {
  if (!color) return textOf(one)
  return one.pieces
    .map(({ text, style }) =>
      style === 'plain' ? text : `\u001b[${CODES[style]}m${text}\u001b[0m`,
    )
    .join('')
}
