/**
 * Reads one reply after the other from the bytes of a connection, however they are cut (RFC 9112).
 *
 * Nearly always a head comes in one piece and is read in one go; otherwise its pieces are kept, up to
 * the limit. Bodies are handed on as they come.
 */

import { LF } from './characters.ts'
import { BROKEN, ChunkedBody, GIVEN_UP, MORE, type BodyTaker } from './chunked-body.ts'
import type { HttpFault } from './faults.ts'
import { CHUNKED, ReplyHead, UNTIL_CLOSE } from './reply-head.ts'

/** Told what a reply holds, in order. */
export interface ReplyTaker extends BodyTaker {
  /** False when it wants no more of the reply. */
  replyHead(head: ReplyHead): boolean
  /** The reply is over, and `extra` bytes follow that nobody asked for. */
  replyEnd(extra: number): void
}

const END_OF_HEAD = Buffer.from('\r\n\r\n')
const FIRST_BYTES = 'HTTP/1.'
/** Interim responses (1xx) before one reply. */
const INTERIM_MAX = 1_000
const NOTHING = Buffer.alloc(0)

type Place = 'nowhere' | 'head' | 'length' | 'chunks' | 'until_close'

export class ReplyReader {
  readonly #taker: ReplyTaker
  readonly #headBytesMax: number
  readonly head = new ReplyHead()
  readonly #chunks: ChunkedBody
  #place: Place = 'nowhere'
  #toHead = false
  #interim = 0
  /** Bytes of the body that are to come. */
  #left = 0
  /** The pieces of a head that has not come whole, in the first `#heldBytes` bytes. */
  #held = NOTHING
  #heldBytes = 0
  /** So many of them have been read. */
  #heldRead = 0
  #fault: HttpFault | undefined = undefined

  /** `headBytesMax` is for a head, and for the trailers of a body. */
  constructor(taker: ReplyTaker, headBytesMax: number) {
    this.#taker = taker
    this.#headBytesMax = headBytesMax
    this.#chunks = new ChunkedBody(headBytesMax)
  }

  /** A request has been written; `toHead` when it is a HEAD, whose reply has no body. */
  expect(toHead: boolean): void {
    this.head.begin()
    this.#place = 'head'
    this.#toHead = toHead
    this.#interim = 0
  }

  /** What still comes is read no more. */
  stop(): void {
    this.#place = 'nowhere'
  }

  /** Reads the next bytes. Returns what is wrong with them; the connection is of no use then. */
  read(bytes: Buffer): HttpFault | undefined {
    const at = this.#place === 'head' ? this.#readHeads(bytes) : 0
    if (at >= 0) this.#readBody(bytes, at)
    return this.#fault
  }

  /** The connection has ended. True when that was the end of the reply, which has been told. */
  endsWithConnection(): boolean {
    if (this.#place !== 'until_close') return false
    this.#finish(0)
    return true
  }

  /** True when the head has been read. */
  get inBody(): boolean {
    return this.#place !== 'head' && this.#place !== 'nowhere'
  }

  /** Returns where the body begins; -1 when there is more to come or nothing more to do. */
  #readHeads(bytes: Buffer): number {
    let at = 0
    for (;;) {
      at = this.#heldBytes === 0 ? this.#readHead(bytes, at) : this.#readPiece(bytes, at)
      const head = this.head
      this.#fault ??= head.fault
      if (this.#fault !== undefined) return -1
      if (!head.complete) return -1
      if (head.status >= 200) return this.#beginBody(at)
      this.#interim += 1
      if (head.status === 101) this.#fault = 'HTTP_UPGRADE'
      else if (this.#interim > INTERIM_MAX) this.#fault = 'HTTP_HEAD_TOO_LARGE'
      if (this.#fault !== undefined) return -1
      head.begin()
      if (at === bytes.length) return -1
    }
  }

  /** A whole head; returns where it ends. */
  #readHead(bytes: Buffer, at: number): number {
    const found = bytes.indexOf(END_OF_HEAD, at)
    if (found < 0) return this.#readPiece(bytes, at)
    const end = found + END_OF_HEAD.length
    if (end - at > this.#headBytesMax) {
      this.#fault = 'HTTP_HEAD_TOO_LARGE'
      return -1
    }
    return at + this.head.read(bytes.toString('latin1', at, end))
  }

  /** A piece of a head: its whole lines are read at once, so that what is no HTTP is known at once. */
  #readPiece(bytes: Buffer, at: number): number {
    const before = this.#heldBytes
    this.#hold(bytes, at)
    const lines = this.#held.lastIndexOf(LF, this.#heldBytes - 1) + 1
    if (lines > this.#heldRead) {
      this.#heldRead += this.head.read(this.#held.toString('latin1', this.#heldRead, lines))
    } else if (this.head.status === 0 && !this.#mayBecomeHead()) this.#fault = 'HTTP_STATUS_LINE'
    const { complete } = this.head
    const end = at + this.#heldRead - before
    if ((complete ? this.#heldRead : this.#heldBytes) > this.#headBytesMax) {
      this.#fault ??= 'HTTP_HEAD_TOO_LARGE'
    }
    if (complete) this.#letGo()
    return end
  }

  #mayBecomeHead(): boolean {
    const begin = this.#held.toString('latin1', 0, Math.min(this.#heldBytes, FIRST_BYTES.length))
    return FIRST_BYTES.startsWith(begin)
  }

  #hold(bytes: Buffer, from: number): void {
    const needed = this.#heldBytes + bytes.length - from
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#held.length))
      this.#held.copy(larger, 0, 0, this.#heldBytes)
      this.#held = larger
    }
    bytes.copy(this.#held, this.#heldBytes, from)
    this.#heldBytes = needed
  }

  #letGo(): void {
    this.#held = NOTHING
    this.#heldBytes = 0
    this.#heldRead = 0
  }

  #beginBody(at: number): number {
    const head = this.head
    const length = head.bodyLength(this.#toHead)
    this.#left = Math.max(0, length)
    if (length === CHUNKED) this.#chunks.begin()
    this.#place = length === CHUNKED ? 'chunks' : length === UNTIL_CLOSE ? 'until_close' : 'length'
    return this.#taker.replyHead(head) ? at : -1
  }

  #readBody(bytes: Buffer, at: number): void {
    if (this.#place === 'length') this.#readLength(bytes, at)
    else if (this.#place === 'chunks') this.#readChunks(bytes, at)
    else if (this.#place === 'until_close' && at < bytes.length) {
      this.#taker.replyData(bytes, at, bytes.length)
    }
  }

  #readLength(bytes: Buffer, at: number): void {
    const end = Math.min(at + this.#left, bytes.length)
    this.#left -= end - at
    if (end > at && !this.#taker.replyData(bytes, at, end)) return
    if (this.#left === 0) this.#finish(bytes.length - end)
  }

  #readChunks(bytes: Buffer, at: number): void {
    const end = this.#chunks.read(bytes, at, this.#taker)
    if (end === MORE || end === GIVEN_UP) return
    if (end === BROKEN) this.#fault = 'HTTP_CHUNK'
    else this.#finish(bytes.length - end)
  }

  #finish(extra: number): void {
    this.#place = 'nowhere'
    this.#taker.replyEnd(extra)
  }
}
