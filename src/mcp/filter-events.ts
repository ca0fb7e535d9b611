/**
 * Filters the lists in an event stream (WHATWG HTML, "Parsing an event stream"): an event is held until
 * it is whole, and goes on as it came unless it holds a list from which something is taken.
 */

import { filterList, type Shows } from './filter-list.ts'

export interface EventFilterOptions {
  readonly shows: Shows
  /** Longest event. */
  readonly bytesMax: number
}

export type EventFailure = 'too_large' | 'unreadable'

const LF = 0x0a
const CR = 0x0d
const EMPTY = Buffer.alloc(0)

export class EventFilter {
  readonly #options: EventFilterOptions
  /** The bytes of the event under way, in pieces. */
  #pieces: Buffer[] = []
  #bytes = 0
  /** True when the line under way has no byte yet. */
  #lineEmpty = true
  /** The byte before ended a line, and a line feed after it would be a part of that end. */
  #skipLf = false
  /** The same at the end of an event that has gone on already. */
  #owesLf = false

  constructor(options: EventFilterOptions) {
    this.#options = options
  }

  /** Bytes of the event under way. */
  get held(): number {
    return this.#bytes
  }

  /** What can go on now, in order; or why nothing more may. */
  write(chunk: Buffer): readonly Buffer[] | EventFailure {
    const out: Buffer[] = []
    let from = 0
    if (this.#owesLf && chunk[0] === LF) {
      // It belongs to the event that went on: a reader may wait for it.
      out.push(chunk.subarray(0, 1))
      from = 1
    }
    this.#owesLf = this.#owesLf && chunk.length === 0
    for (let i = from; i < chunk.length; i += 1) {
      const end = this.#eventEnd(chunk, i)
      if (end === 0) continue
      this.#hold(chunk.subarray(from, end))
      from = end
      i = end - 1
      const event = this.#event()
      if (typeof event === 'string') return event
      out.push(event)
    }
    this.#hold(chunk.subarray(from))
    return this.#bytes > this.#options.bytesMax ? 'too_large' : out
  }

  /** Where the event ends, if the byte at `i` begins the end of a blank line; otherwise 0. */
  #eventEnd(chunk: Buffer, i: number): number {
    const c = chunk[i]
    const second = this.#skipLf && c === LF
    this.#skipLf = c === CR
    if (second) return 0
    if (c !== LF && c !== CR) {
      this.#lineEmpty = false
      return 0
    }
    const blank = this.#lineEmpty
    this.#lineEmpty = true
    if (!blank) return 0
    if (c === LF) return i + 1
    this.#skipLf = false
    this.#owesLf = i + 1 === chunk.length
    return chunk[i + 1] === LF ? i + 2 : i + 1
  }

  /** The stream is over; what was begun is no event, but some readers take it for one. */
  end(): Buffer | EventFailure {
    return this.#event()
  }

  #hold(piece: Buffer): void {
    if (piece.length === 0) return
    this.#pieces.push(piece)
    this.#bytes += piece.length
  }

  #event(): Buffer | EventFailure {
    const { shows, bytesMax } = this.#options
    if (this.#bytes > bytesMax) return 'too_large'
    const [first = EMPTY] = this.#pieces
    const event = this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#bytes = 0
    const lines = linesOf(event)
    const data = lines.filter((line) => line.data !== undefined)
    if (data.length === 0) return event
    const joined = data.flatMap((line, index) =>
      index === 0 ? [line.data ?? EMPTY] : [NEWLINE, line.data ?? EMPTY],
    )
    const text = joined.length === 1 ? (joined[0] ?? EMPTY) : Buffer.concat(joined)
    const filtered = filterList(text, shows)
    if (filtered.kind === 'same') return event
    // The `endpoint` event of HTTP+SSE holds a path.
    if (filtered.kind === 'unreadable')
      return /^\s*[[{]/.test(text.toString('latin1', 0, 64)) ? 'unreadable' : event
    return rewrite(lines, filtered.bytes)
  }
}

const NEWLINE = Buffer.from('\n')
const DATA = Buffer.from('data: ')

interface Line {
  /** With its end. */
  readonly bytes: Buffer
  /** Its end alone. */
  readonly ending: Buffer
  /** The value of a `data` field. */
  readonly data: Buffer | undefined
}

function linesOf(event: Buffer): readonly Line[] {
  const lines: Line[] = []
  let from = 0
  for (let i = 0; i < event.length; i += 1) {
    if (event[i] !== LF && event[i] !== CR) continue
    const end = i + (event[i] === CR && event[i + 1] === LF ? 2 : 1)
    lines.push(lineOf(event.subarray(from, end), i - from, from === 0))
    from = end
    i = end - 1
  }
  if (from < event.length) lines.push(lineOf(event.subarray(from), event.length - from, from === 0))
  return lines
}

function lineOf(bytes: Buffer, length: number, first: boolean): Line {
  const marked = first && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
  const start = marked ? 3 : 0
  const field = bytes.toString('latin1', start, Math.min(length, start + 6))
  const ending = bytes.subarray(length)
  if (field === 'data' && length === start + 4) return { bytes, ending, data: EMPTY }
  if (!field.startsWith('data:')) return { bytes, ending, data: undefined }
  return { bytes, ending, data: bytes.subarray(start + (field === 'data: ' ? 6 : 5), length) }
}

/** The same event with other data; its other lines stay as they are. */
function rewrite(lines: readonly Line[], data: Buffer): Buffer {
  const pieces: Buffer[] = []
  let written = false
  for (const { bytes, ending, data: old } of lines) {
    if (old === undefined) pieces.push(bytes)
    else if (!written) {
      written = true
      for (const part of splitLines(data)) pieces.push(DATA, part, ending)
    }
  }
  return Buffer.concat(pieces)
}

function splitLines(data: Buffer): readonly Buffer[] {
  const parts: Buffer[] = []
  let from = 0
  for (let at = data.indexOf(LF); at >= 0; at = data.indexOf(LF, from)) {
    parts.push(data.subarray(from, at))
    from = at + 1
  }
  parts.push(data.subarray(from))
  return parts
}
