/** One connection whose requests have all been ordinary so far. */

import type { Socket } from 'node:net'
import type { ReplyState } from '../connections.ts'
import type { Peer } from '../arrival.ts'
import type { Route } from '../route.ts'
import type { Front } from './front.ts'
import { mayBeOrdinary, type OrdinaryHead } from './ordinary-head.ts'
import { ReplyLines } from './reply-lines.ts'
import { SocketClient, type ReplyLine } from './socket-client.ts'

/** The end of a head, and of its last line. */
const HEAD_END = '\r\n\r\n'

/** Larger bodies are Node's; so bodies that are held here come in one piece, and connections bound them. */
const BODY_BYTES_MAX = 64 * 1024

/** A smaller body is copied out of what was received. */
const COPIED_BYTES_MAX = 1_024

/** A request that a network brings in parts is put together if it is small, and the parts are few. */
const GATHERED_BYTES_MAX = 16 * 1024
const PARTS_MAX = 8

/** What may come while a reply is under way before the connection is not read any more. */
const AHEAD_BYTES_MAX = 64 * 1024

/** What may be the beginning of a request. Ends of lines in front of one are passed over (RFC 9112 §2.2). */
const BEGINNING = /^[\r\n]*(?:$|[A-Z-]{1,20}(?:$| ))/

export class FastConnection implements ReplyState, ReplyLine {
  readonly socket: Socket
  readonly lines = new ReplyLines()
  readonly #front: Front
  readonly peer: Peer
  /** What has come of a request of which more is to come; at least its first line. */
  #awaiting: Buffer | undefined
  /** Its head, when that is whole. */
  #awaitingHead: OrdinaryHead | undefined
  #parts = 0
  /** What came while a reply was under way. */
  #ahead: Buffer | undefined
  #client: SocketClient | undefined
  #used = false
  /** The tick at which something happened last. */
  #since: number
  #mine = true

  constructor(front: Front, socket: Socket) {
    this.#front = front
    this.socket = socket
    this.#since = front.ticks
    this.peer = { remoteAddress: socket.remoteAddress, remotePort: socket.remotePort }
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('drain', this.#onDrain)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
  }

  get headersSent(): boolean {
    return this.#client?.begun === true
  }

  get writableFinished(): boolean {
    return this.#client === undefined && this.socket.writableLength === 0
  }

  get destroyed(): boolean {
    return this.socket.destroyed
  }

  get lettingGo(): boolean {
    return this.#front.options.connections.lettingGo
  }

  /** A shutdown waits for requests that are coming in, of which Node's server and what is behind it know. */
  set shouldKeepAlive(keeps: boolean) {
    if (!keeps && this.#awaiting !== undefined) this.#handOver(this.#awaiting)
  }

  replied(last: boolean): void {
    this.#client = undefined
    this.#since = this.#front.ticks
    if (last) this.socket.destroySoon()
    else if (this.#ahead !== undefined) process.nextTick(this.#goOn)
  }

  /** Time has passed. */
  tick(now: number, idleTicks: number, silentTicks: number): void {
    const ticks = now - this.#since
    if (this.#client !== undefined) {
      // While nothing is read no end is seen, so who sends much ahead of a reply does not wait for it for ever.
      if (ticks >= silentTicks && this.socket.isPaused()) this.#refuseLate(this.headersSent)
      return
    }
    if (ticks < 2) return
    // Node's server knows how long a request may take.
    if (this.#awaiting !== undefined) this.#handOver(this.#awaiting)
    // A reply that its client has yet to read is not over, however slowly that is.
    else if (this.socket.writableLength > 0) this.#since = now
    else if (!this.#used && ticks >= silentTicks) this.#refuseLate(false)
    else if (ticks >= idleTicks) this.socket.destroy()
  }

  #refuseLate(replying: boolean): void {
    this.#front.refuse('ERR_HTTP_REQUEST_TIMEOUT', this.socket, replying)
  }

  readonly #onData = (chunk: Buffer): void => {
    // Nothing that comes after the last reply, or after an answer to what is no request, is a request.
    if (!this.socket.writable) return
    // The time of a request that comes in parts counts from its first.
    if (this.#awaiting === undefined) this.#since = this.#front.ticks
    if (this.#client !== undefined || this.socket.writableNeedDrain) this.#keep(chunk)
    else if (this.#awaiting === undefined) this.#read(chunk)
    else this.#readOn(this.#awaiting, chunk)
  }

  #read(bytes: Buffer): void {
    const end = bytes.indexOf(HEAD_END)
    if (end < 0) return this.#await(bytes, undefined)
    const head = this.#headOf(bytes, end)
    const route = head === undefined ? undefined : this.#routeOf(head)
    if (head === undefined || route === undefined) return this.#handOver(bytes)
    const from = end + HEAD_END.length
    const here = bytes.length - from
    if (here === head.bodyBytes) this.#take(head, bodyIn(bytes, from), route)
    else if (here < head.bodyBytes) this.#await(bytes, head)
    else this.#handOver(bytes)
  }

  #readOn(awaiting: Buffer, chunk: Buffer): void {
    const head = this.#awaitingHead
    const route = head === undefined ? undefined : this.#routeOf(head)
    this.#awaiting = undefined
    this.#awaitingHead = undefined
    // Many clients send the body behind the head: it is here without a copy, however large it is.
    const isBody = head?.bodyBytes === chunk.length && endsHead(awaiting)
    if (head !== undefined && route !== undefined && isBody) this.#take(head, chunk, route)
    else this.#read(Buffer.concat([awaiting, chunk]))
  }

  /** More is to come, unless Node's parser has to say something to what is here. */
  #await(bytes: Buffer, head: OrdinaryHead | undefined): void {
    const isWhole = head !== undefined && endsHead(bytes)
    const isSmall = bytes.length <= GATHERED_BYTES_MAX && this.#parts < PARTS_MAX
    const waits = isWhole || (isSmall && (head !== undefined || this.#mayBeHead(bytes)))
    if (!waits || this.lettingGo) return this.#handOver(bytes)
    this.#parts += 1
    this.#awaiting = bytes
    this.#awaitingHead = head
  }

  #mayBeHead(bytes: Buffer): boolean {
    return bytes.length <= this.#front.options.headerBytesMax && mayBeOrdinary(bytes)
  }

  #headOf(chunk: Buffer, end: number): OrdinaryHead | undefined {
    const { heads, options } = this.#front
    if (end > options.headerBytesMax - HEAD_END.length) return undefined
    return heads.read(chunk.toString('latin1', 0, end + 2), options.app())
  }

  #routeOf(head: OrdinaryHead): Route | undefined {
    if (head.bodyBytes > BODY_BYTES_MAX) return undefined
    const app = this.#front.options.app()
    if (head.routedBy !== app) {
      head.routedBy = app
      head.route = app.routeOf(head)
    }
    return head.route
  }

  #take(head: OrdinaryHead, body: Buffer, route: Route): void {
    this.#used = true
    this.#parts = 0
    this.#front.options.connections.used()
    const client = new SocketClient(this)
    this.#client = client
    this.#front.options.app().receiveWhole(head, body, route, client)
  }

  /** Bytes that come while a reply is under way wait for its end, if they can be a request at all. */
  #keep(chunk: Buffer): void {
    const ahead = this.#ahead === undefined ? chunk : Buffer.concat([this.#ahead, chunk])
    if (!BEGINNING.test(ahead.toString('latin1', 0, 64))) {
      return this.#front.refuse('HPE_INVALID_METHOD', this.socket, this.headersSent)
    }
    this.#ahead = ahead
    if (ahead.length > AHEAD_BYTES_MAX) this.socket.pause()
  }

  /** Who sends requests ahead of replies is served by Node's server. */
  readonly #goOn = (): void => {
    const ahead = this.#ahead
    if (ahead === undefined || this.#client !== undefined || this.socket.writableNeedDrain) return
    this.#ahead = undefined
    this.#handOver(ahead)
  }

  #handOver(bytes: Buffer): void {
    const { socket } = this
    this.#awaiting = undefined
    this.#awaitingHead = undefined
    if (!this.#mine || !socket.writable || socket.readableEnded) return
    this.#forget()
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('drain', this.#onDrain)
    socket.off('error', this.#onError)
    socket.off('close', this.#onClose)
    // Nothing flows until Node's server listens, and all of it before anything new is read.
    socket.pause()
    socket.unshift(bytes)
    this.#front.options.handOver(socket)
    socket.resume()
  }

  /** The body that is waited for will not come. */
  #abandon(): void {
    const head = this.#awaitingHead
    this.#awaiting = undefined
    this.#awaitingHead = undefined
    if (head === undefined) return
    const route = this.#routeOf(head)
    if (route !== undefined) this.#front.options.app().abandoned(head, this.peer, route)
  }

  #forget(): void {
    this.#mine = false
    this.#front.left(this)
  }

  readonly #onDrain = (): void => {
    if (this.#client === undefined) this.#goOn()
    else this.#client.drained()
  }

  readonly #onEnd = (): void => {
    if (this.#awaiting === undefined) return void this.socket.end()
    this.#abandon()
    this.#front.refuse('HPE_INVALID_EOF_STATE', this.socket, false)
  }

  readonly #onError = (): void => {
    this.socket.destroy()
  }

  readonly #onClose = (): void => {
    this.#abandon()
    this.#forget()
    const client = this.#client
    this.#client = undefined
    client?.closed()
  }
}

/** Whether bytes end where a head does. */
function endsHead(bytes: Buffer): boolean {
  return bytes.indexOf(HEAD_END) === bytes.length - HEAD_END.length
}

/** A small body is copied, because a part of what was received would keep all of it while the call is under way. */
function bodyIn(bytes: Buffer, from: number): Buffer {
  const length = bytes.length - from
  if (length > COPIED_BYTES_MAX) return bytes.subarray(from)
  const body = Buffer.allocUnsafe(length)
  bytes.copy(body, 0, from)
  return body
}
