/**
 * The client's end of an exchange on a bare connection. Replies are framed as Node's server frames them
 * (RFC 9112 §6): by their Content-Length, or in chunks when they have none.
 */

import type { Socket } from 'node:net'
import { STATUS_CODES } from 'node:http'
import type { Answer, Client } from '../../core/reply.ts'
import type { Peer } from '../arrival.ts'
import { KEEP_ALIVE_MS, ONE_WRITE_BYTES_MAX, printable } from '../http-text.ts'
import { UNKNOWN, type ReplyLines } from './reply-lines.ts'

/** The connection that a reply is written to. */
export interface ReplyLine {
  readonly socket: Socket
  readonly peer: Peer
  /** The lines of the reply that came last. */
  readonly lines: ReplyLines
  /** True when the reply is to be the connection's last. */
  readonly lettingGo: boolean
  /** The reply is over. `last` as its head said. */
  replied(last: boolean): void
}

const KEPT = `Connection: keep-alive\r\nKeep-Alive: timeout=${KEEP_ALIVE_MS / 1_000}\r\n`
const LAST = 'Connection: close\r\n'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'

export class SocketClient implements Client {
  readonly #line: ReplyLine
  readonly #socket: Socket
  /** Bytes, as Latin-1, that leave before this turn of the event loop ends. */
  #text = ''
  /** Bytes of a body in chunks, as Latin-1, that leave behind it as one chunk. */
  #chunk = ''
  #flushes = false
  #begun = false
  #over = false
  #last = false
  /** Bytes of the body that are still to come, or `UNKNOWN`. */
  #left = 0
  #bodiless = false
  #behind = false
  #resume: (() => void) | undefined
  #gone: (() => void) | undefined
  #others: (() => void)[] | undefined

  constructor(line: ReplyLine) {
    this.#line = line
    this.#socket = line.socket
  }

  /** Whose it is. */
  get peer(): Peer {
    return this.#line.peer
  }

  /** True when a part of the reply was sent, or is about to be. */
  get begun(): boolean {
    return this.#begun
  }

  head(status: number, statusMessage: string, rawHeaders: readonly string[]): void {
    if (this.#isCut) return
    // The upstream's Date goes through, so none is made here.
    this.#begin(status, printable(statusMessage), rawHeaders, '')
    // What of the body is here already leaves together with the head.
    this.#flushLater()
  }

  write(chunk: Buffer): boolean {
    if (this.#isCut || this.#bodiless) return true
    const { length } = chunk
    if (length === 0) return true
    if (this.#left !== UNKNOWN) return this.#writeMeasured(chunk)
    if (length <= ONE_WRITE_BYTES_MAX) {
      this.#chunk += chunk.toString('latin1')
      if (this.#chunk.length > ONE_WRITE_BYTES_MAX) this.#flush()
      else this.#flushLater()
      return this.#keepsUp()
    }
    this.#closeChunk()
    this.#text += `${length.toString(16)}\r\n`
    this.#writeLarge(chunk, '\r\n')
    return this.#keepsUp()
  }

  /** What was written has left, or is held as text. */
  get keepsNothing(): boolean {
    return this.#socket.writableLength === 0
  }

  end(): void {
    if (this.#over || !this.#begun) return
    // One that is shorter than its head says must not be taken for whole.
    if (this.#left > 0) this.#last = true
    else if (this.#left === UNKNOWN) {
      this.#closeChunk()
      this.#text += '0\r\n\r\n'
    }
    this.#end()
  }

  abort(): void {
    if (this.#over) return
    // A client that hears nothing of a reply may take the call for one that did not run, and repeat it.
    this.#flush()
    this.#socket.destroy()
  }

  answer({ status, headers, body }: Answer): void {
    if (this.#isCut || this.#begun) return
    const bytes = Buffer.from(body)
    const length = ['Content-Length', String(bytes.length)]
    const date = `Date: ${new Date().toUTCString()}\r\n`
    this.#begin(status, STATUS_CODES[status] ?? 'unknown', [...headers, ...length], date)
    if (bytes.length > 0) this.#writeMeasured(bytes)
    if (!this.#over) this.#end()
  }

  onDrain(resume: () => void): void {
    this.#resume = resume
  }

  onGone(gone: () => void): void {
    if (this.#gone === undefined) this.#gone = gone
    else (this.#others ??= []).push(gone)
  }

  /** The connection takes bytes again. */
  drained(): void {
    if (!this.#behind) return
    this.#behind = false
    this.#resume?.()
  }

  /** The connection is closed. */
  closed(): void {
    if (this.#over) return
    this.#over = true
    this.#gone?.()
    if (this.#others !== undefined) for (const gone of this.#others) gone()
  }

  /** True when nothing can be sent any more: the reply is over, or the client cannot be reached. */
  get #isCut(): boolean {
    return this.#over || !this.#socket.writable
  }

  /** Throws when Node would not send such a head either. */
  #begin(status: number, reason: string, rawHeaders: readonly string[], date: string): void {
    if (this.#begun) throw new Error('a reply has one head')
    if (!(status >= 100 && status <= 999)) throw new RangeError('unsendable status')
    const { lines } = this.#line
    lines.make(rawHeaders)
    const bodiless = status === 204 || status === 304 || status < 200
    this.#left = bodiless ? 0 : lines.length
    this.#bodiless = bodiless
    this.#begun = true
    this.#last = this.#line.lettingGo
    const kept = this.#last ? LAST : KEPT
    const framing = this.#left === UNKNOWN ? CHUNKED : ''
    this.#text = `HTTP/1.1 ${status} ${reason}\r\n${lines.text}${date}${kept}${framing}\r\n`
  }

  #writeMeasured(chunk: Buffer): boolean {
    const { length } = chunk
    if (length > this.#left) {
      // Its rest would be taken for the next reply.
      this.#socket.destroy()
      return true
    }
    this.#left -= length
    if (length <= ONE_WRITE_BYTES_MAX && this.#text !== '') {
      this.#text += chunk.toString('latin1')
    } else this.#writeLarge(chunk)
    // What its client does not take is not over: `end` follows when it has been taken.
    if (!this.#keepsUp()) return false
    if (this.#left === 0) this.#end()
    return true
  }

  /** What is held leaves with it, and what stands behind it, in one write of the system. */
  #writeLarge(chunk: Buffer, behind = ''): void {
    if (this.#text === '' && behind === '') {
      this.#socket.write(chunk)
      return
    }
    this.#socket.cork()
    this.#flush()
    this.#socket.write(chunk)
    if (behind !== '') this.#socket.write(behind, 'latin1')
    this.#socket.uncork()
  }

  #end(): void {
    this.#over = true
    this.#flush()
    this.#line.replied(this.#last)
  }

  #keepsUp(): boolean {
    // A chunk may fill the stream and be gone: that asks for no pause.
    const { writableNeedDrain, writableLength } = this.#socket
    const keepsUp = !writableNeedDrain || writableLength === 0
    if (!keepsUp) this.#behind = true
    return keepsUp
  }

  #flushLater(): void {
    if (this.#flushes) return
    this.#flushes = true
    process.nextTick(flush, this)
  }

  /** For the end of the turn alone. */
  flushNow(): void {
    this.#flushes = false
    this.#flush()
  }

  #closeChunk(): void {
    const chunk = this.#chunk
    if (chunk === '') return
    this.#chunk = ''
    this.#text += `${chunk.length.toString(16)}\r\n${chunk}\r\n`
  }

  #flush(): void {
    this.#closeChunk()
    const text = this.#text
    if (text === '') return
    this.#text = ''
    if (this.#socket.writable) this.#socket.write(text, 'latin1')
  }
}

function flush(client: SocketClient): void {
  client.flushNow()
}
