/**
 * An incremental reader of Server-Sent Events (WHATWG HTML, "Parsing an event stream").
 *
 * It is fed bytes in any cut and hands the data of each event on as it arrives, without keeping
 * it. Line ends may be LF, CR or CRLF, also across chunks; a leading byte order mark is ignored.
 */

export interface SseSink {
  /** Bytes `[from, to)` of the chunk are data of the event under way. */
  data(chunk: Buffer, from: number, to: number): void
  /** Another `data:` line of the same event begins; its parts are joined by a line feed. */
  dataLine(): void
  /**
   * A blank line ended the event. `named` is true when the event has a name other than `message`;
   * `hasData` is false for events that browsers would not dispatch; `hasId` when it carried an id.
   */
  event(hasData: boolean, named: boolean, hasId: boolean): void
  /** The event under way has this id; empty takes the last one back. */
  id?(value: string): void
  /** Clients should wait so many milliseconds before they come back. */
  retry?(ms: number): void
}

const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a
const SPACE = 0x20

/** A byte order mark, the longest name that counts, and one more to tell a longer name. */
const FIELD_BYTES_MAX = 9
/** Longest id or event name that is read. */
const VALUE_BYTES_MAX = 1024

type Field = 'data' | 'event' | 'id' | 'retry' | 'other'

const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf'

export class SseScanner {
  readonly #sink: SseSink
  /** Where in a line we are: in its field name, just after the colon, or in its value. */
  #at: 'name' | 'colon' | 'value' = 'name'
  #name = ''
  #value = ''
  #field: Field = 'other'
  #first = true
  #skipLf = false
  #hasData = false
  #named = false
  #hasId = false

  constructor(sink: SseSink) {
    this.#sink = sink
  }

  write(chunk: Buffer): void {
    let i = 0
    let cr = chunk.indexOf(CR)
    let lf = chunk.indexOf(LF)
    while (i < chunk.length) {
      if (this.#skipLf) {
        this.#skipLf = false
        if (chunk[i] === LF) {
          i += 1
          continue
        }
      }
      if (cr >= 0 && cr < i) cr = chunk.indexOf(CR, i)
      if (lf >= 0 && lf < i) lf = chunk.indexOf(LF, i)
      const end = lineEnd(lf, cr, chunk.length)
      if (end > i) this.#piece(chunk, i, end)
      if (end === chunk.length) return
      this.#skipLf = chunk[end] === CR
      this.#lineEnded()
      i = end + 1
    }
  }

  /** A piece of one line, without its end. */
  #piece(chunk: Buffer, from: number, to: number): void {
    let i = from
    if (this.#at === 'name') i = this.#fieldName(chunk, i, to)
    if (this.#at === 'colon' && i < to) {
      this.#at = 'value'
      this.#fieldBegan()
      if (chunk[i] === SPACE) i += 1
    }
    if (this.#at !== 'value' || i >= to) return
    if (this.#field === 'data') this.#sink.data(chunk, i, to)
    else if (this.#field !== 'other') {
      const room = VALUE_BYTES_MAX - this.#value.length
      if (room > 0) this.#value += chunk.toString('latin1', i, Math.min(to, i + room))
    }
  }

  #fieldName(chunk: Buffer, from: number, to: number): number {
    for (let i = from; i < to; i += 1) {
      const c = chunk[i] ?? 0
      if (c === COLON) {
        this.#at = 'colon'
        return i + 1
      }
      if (this.#name.length < FIELD_BYTES_MAX) this.#name += String.fromCharCode(c)
    }
    return to
  }

  #fieldBegan(): void {
    if (this.#first && this.#name.startsWith(BYTE_ORDER_MARK)) this.#name = this.#name.slice(3)
    this.#field = fieldOf(this.#name)
    if (this.#field !== 'data') return
    if (this.#hasData) this.#sink.dataLine()
    this.#hasData = true
  }

  #lineEnded(): void {
    const blank = this.#at === 'name' && (this.#name === '' || this.#onlyMark())
    // A field without a value (`data` or `data:` alone) counts as one with an empty value.
    if (!blank && this.#at !== 'value') this.#fieldBegan()
    if (!blank) this.#fieldEnded()
    this.#at = 'name'
    this.#name = ''
    this.#value = ''
    this.#field = 'other'
    this.#first = false
    if (!blank) return
    this.#sink.event(this.#hasData, this.#named, this.#hasId)
    this.#hasData = false
    this.#named = false
    this.#hasId = false
  }

  #fieldEnded(): void {
    const value = this.#value
    switch (this.#field) {
      case 'event':
        this.#named = value !== '' && value !== 'message'
        return
      case 'id':
        // An empty id takes back the last one; an id with NUL in it is ignored.
        if (value.includes('\u0000')) return
        this.#hasId = value !== ''
        this.#sink.id?.(value)
        return
      case 'retry':
        if (/^\d{1,9}$/.test(value)) this.#sink.retry?.(Number(value))
        return
      case 'data':
      case 'other':
    }
  }

  #onlyMark(): boolean {
    return this.#first && this.#name === BYTE_ORDER_MARK
  }
}

function lineEnd(lf: number, cr: number, end: number): number {
  if (lf < 0) return cr < 0 ? end : cr
  return cr < 0 || cr > lf ? lf : cr
}

function fieldOf(name: string): Field {
  switch (name) {
    case 'data':
    case 'event':
    case 'id':
    case 'retry':
      return name
    default:
      return 'other'
  }
}
