/** The head of a reply, read strictly (RFC 9112 §4 and §5): what two parsers could read in two ways is refused. */

import { optionsOf, withoutListed } from '../forward-headers.ts'
import { COLON, CR, IN_TOKEN, IN_VALUE, LF, SPACE, TAB } from './characters.ts'
import type { HttpFault } from './faults.ts'

/** The body comes in chunks. */
export const CHUNKED = -1
/** The body ends with the connection. */
export const UNTIL_CLOSE = -2

const NOT_SAID = -1
const HEADERS_MAX = 1_000
/** What a number can hold exactly has 16 digits at most. */
const LENGTH_DIGITS_MAX = 15

/** Headers that this connection is about; all but `content-length` go no further (RFC 9110 §7.6.1). */
const MARKED: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** 1 at the length of such a name: most names are passed over without being lower-cased. */
const MARKED_LENGTHS: Uint8Array = Uint8Array.from({ length: 32 }, (_, length) =>
  Number([...MARKED].some((name) => name.length === length)),
)

export class ReplyHead {
  status = 0
  statusMessage = ''
  /** Names and values in turn, as they are spelled, without those of the connection. Heads that are alike share it. */
  rawHeaders: readonly string[] = []
  /** The empty line has been read. */
  complete = false
  fault: HttpFault | undefined = undefined
  /** The server keeps the connection open after this reply. */
  keepsOpen = true
  /** For how long it does so at least, in milliseconds, as far as it says. */
  keepsOpenMs = Infinity
  #length = NOT_SAID
  #chunked = false
  #listed: ReadonlySet<string> | undefined = undefined
  #isOld = false
  /** The head before this one, if it came in one piece and nothing was wrong with it, and its status. */
  #lastText = ''
  #lastStatus = 0
  /** What `rawHeaders` is made of. */
  #headers: string[] = []
  #keepAlive = ''
  #keepAliveMs = Infinity

  /** Another one follows. */
  begin(): void {
    this.status = 0
    this.complete = false
    this.fault = undefined
  }

  /**
   * Reads whole lines, in Latin-1, and stops after the empty line. Returns how many characters it has
   * read; says in `fault` what is wrong.
   */
  read(text: string): number {
    const begins = this.status === 0
    if (begins && text === this.#lastText) return this.#repeat(text.length)
    if (begins) this.#forget()
    let at = begins ? this.#readStatus(text) : 0
    while (at < text.length && this.fault === undefined) {
      if (text.charCodeAt(at) !== CR) at = this.#readField(text, at)
      else if (text.charCodeAt(at + 1) === LF) {
        this.#end()
        if (begins && this.fault === undefined) this.#remember(text)
        return at + 2
      } else this.fault = 'HTTP_HEADER'
    }
    return at
  }

  /** Servers say the same again, but for what differs between their replies. */
  #repeat(length: number): number {
    this.status = this.#lastStatus
    this.complete = true
    return length
  }

  #remember(text: string): void {
    this.#lastText = text
    this.#lastStatus = this.status
  }

  #forget(): void {
    this.#lastText = ''
    this.statusMessage = ''
    this.#headers = []
    this.keepsOpen = true
    this.keepsOpenMs = Infinity
    this.#length = NOT_SAID
    this.#chunked = false
    this.#listed = undefined
    this.#isOld = false
  }

  /** How many bytes the body has, or `CHUNKED` or `UNTIL_CLOSE` (RFC 9112 §6.3). */
  bodyLength(toHead: boolean): number {
    const { status } = this
    if (toHead || status === 204 || status === 304) return 0
    if (this.#chunked) return CHUNKED
    return this.#length === NOT_SAID ? UNTIL_CLOSE : this.#length
  }

  /** `HTTP/1.1 200 OK`; the reason may be anything in one line, or left out (RFC 9112 §4). */
  #readStatus(text: string): number {
    const end = text.indexOf('\n', 12)
    const minor = text.charCodeAt(7) - 48
    const known = text.startsWith('HTTP/1.') && (minor === 0 || minor === 1)
    const status = known && text.charCodeAt(8) === SPACE ? readDigits(text, 9, 12) : -1
    const after = text.charCodeAt(12)
    const reason = after === SPACE ? text.slice(13, end - 1) : ''
    const reads = after === SPACE ? end - 1 >= 13 : end === 13
    if (status < 100 || !reads || text.charCodeAt(end - 1) !== CR || reason.includes('\r')) {
      this.fault = 'HTTP_STATUS_LINE'
      return 0
    }
    this.status = status
    this.statusMessage = reason
    this.#isOld = minor === 0
    this.keepsOpen = minor === 1
    return end + 1
  }

  /** One line, `Name: value`; returns where the next one begins. */
  #readField(text: string, from: number): number {
    let at = from
    while (IN_TOKEN[text.charCodeAt(at)] === 1) at += 1
    const name = text.slice(from, at)
    if (name === '' || text.charCodeAt(at) !== COLON) return this.#fail('HTTP_HEADER')
    at += 1
    while (text.charCodeAt(at) === SPACE || text.charCodeAt(at) === TAB) at += 1
    const begin = at
    while (IN_VALUE[text.charCodeAt(at)] === 1) at += 1
    if (text.charCodeAt(at) !== CR || text.charCodeAt(at + 1) !== LF) {
      return this.#fail('HTTP_HEADER')
    }
    let end = at
    while (
      end > begin &&
      (text.charCodeAt(end - 1) === SPACE || text.charCodeAt(end - 1) === TAB)
    ) {
      end -= 1
    }
    this.#take(name, text.slice(begin, end))
    return at + 2
  }

  #take(name: string, value: string): void {
    if (MARKED_LENGTHS[name.length] === 1 && this.#isOfConnection(name.toLowerCase(), value)) return
    if (this.#headers.length >= 2 * HEADERS_MAX) this.fault = 'HTTP_HEAD_TOO_LARGE'
    else this.#headers.push(name, value)
  }

  /** Notes what the header says of the connection; false when it goes further. */
  #isOfConnection(lower: string, value: string): boolean {
    if (!MARKED.has(lower)) return false
    if (lower === 'content-length') {
      this.#takeLength(value)
      return false
    }
    if (lower === 'transfer-encoding') {
      // Twice, or with another coding, the body could be read in two ways (RFC 9112 §6.1).
      if (this.#chunked || value.toLowerCase() !== 'chunked') this.fault = 'HTTP_TRANSFER_ENCODING'
      this.#chunked = true
    } else if (lower === 'connection') this.#takeConnection(value)
    else if (lower === 'keep-alive') this.#takeKeepAlive(value)
    return true
  }

  /** Nearly always the same as in the reply before it. */
  #takeKeepAlive(value: string): void {
    if (value !== this.#keepAlive) this.#keepAliveMs = timeoutIn(value)
    this.#keepAlive = value
    this.keepsOpenMs = this.#keepAliveMs
  }

  #takeLength(value: string): void {
    const length = value.length <= LENGTH_DIGITS_MAX ? readDigits(value, 0, value.length) : -1
    if (length < 0 || this.#length !== NOT_SAID) this.fault = 'HTTP_CONTENT_LENGTH'
    this.#length = length
  }

  #takeConnection(value: string): void {
    const lower = value.toLowerCase()
    if (lower === 'keep-alive') return
    if (lower.split(',').some((option) => option.trim() === 'close')) this.keepsOpen = false
    this.#listed = optionsOf(value, this.#listed)
  }

  #end(): void {
    // Both are how one server's reply is made to be read as two (RFC 9112 §6.3).
    const both = this.#chunked && this.#length !== NOT_SAID
    const early = this.#chunked && this.#isOld
    if (both || early) this.fault = 'HTTP_TRANSFER_ENCODING'
    const listed = this.#listed
    this.rawHeaders = listed === undefined ? this.#headers : withoutListed(this.#headers, listed)
    this.complete = true
  }

  #fail(fault: HttpFault): number {
    this.fault = fault
    return 0
  }
}

/** The number that the digits spell; -1 when there are others or none. */
function readDigits(text: string, from: number, to: number): number {
  let value = from < to ? 0 : -1
  for (let at = from; at < to; at += 1) {
    const digit = text.charCodeAt(at) - 48
    if (!(digit >= 0 && digit <= 9)) return -1
    value = value * 10 + digit
  }
  return value
}

/** `timeout=5` in milliseconds; `Infinity` when nothing is said. */
function timeoutIn(value: string): number {
  const found = /timeout=(\d{1,9})/i.exec(value)
  return found === null ? Infinity : Number(found[1]) * 1_000
}
