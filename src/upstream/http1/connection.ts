/**
 * One connection to an upstream, which carries one call at a time: a request goes out, its reply comes
 * back, then the next (RFC 9112 §9.3, without pipelining). What comes unasked ends it.
 */

import type { Socket } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import { brokenConnection, codeOf, connectFailure, type FailureCode } from '../describe-failure.ts'
import type { Caller } from './caller.ts'
import type { Connector } from './connect.ts'
import type { ReplyHead } from './reply-head.ts'
import { Receiver } from './receiver.ts'
import { ReplyReader, type ReplyTaker } from './reply-reader.ts'

/** Whoever keeps the connections. */
export interface Keeper {
  readonly clock: Clock
  connected(connection: Connection): void
  /** The reply is over, and the connection free for the next call. */
  released(connection: Connection, nowMs: number): void
  /** It is closed or about to be, and carries nothing. */
  gone(connection: Connection): void
  /** It could not be made; `ahead` of any call, or for one. */
  notConnected(code: FailureCode, ahead: boolean): void
}

export interface ConnectionOptions {
  readonly connector: Connector
  readonly connectTimeoutMs: number
  /** Most bytes of a reply's head. */
  readonly headerBytesMax: number
}

/** Smaller bodies are joined with the head, which is cheaper than two writes. */
const JOINED_BYTES_MAX = 16_384

/** So many bytes are read in one turn of the event loop; then others have theirs. */
const TURN_BYTES_MAX = 262_144

const KEPT = 'connection: keep-alive\r\n'
const LAST = 'connection: close\r\n'

export class Connection implements ReplyTaker {
  readonly servername: string
  readonly beganMs: number
  /** It takes no call after this instant. */
  endsMs = Infinity
  /** It is closed when it has been idle until this instant. */
  restsUntilMs = Infinity
  readonly #keeper: Keeper
  readonly #socket: Socket
  readonly #reader: ReplyReader
  readonly #receiver: Receiver
  #caller: Caller | undefined
  #connecting: NodeJS.Timeout | undefined
  #gone = false
  /** No other call follows the one under way. */
  #last = false
  #pauses = false
  /** Bytes that came in full buffers, one after the other. */
  #turnBytes = 0

  /** Begins to connect; `caller` is whoever waits for it. */
  constructor(
    keeper: Keeper,
    options: ConnectionOptions,
    servername: string,
    caller: Caller | undefined,
  ) {
    const { connector, connectTimeoutMs, headerBytesMax } = options
    this.servername = servername
    this.beganMs = keeper.clock.monotonicMs()
    this.#keeper = keeper
    this.#caller = caller
    this.#receiver = new Receiver(connector.secure)
    this.#reader = new ReplyReader(this, headerBytesMax)
    this.#connecting = setTimeout(() => this.#notConnected('CONNECT_TIMEOUT'), connectTimeoutMs)
    this.#socket = connector.connect(servername, {
      buffer: () => this.#receiver.next(this.#reader.inBody),
      callback: (count) => this.#read(this.#receiver.received(count)),
    })
    this.#socket
      .once(connector.readyEvent, () => this.#connected())
      .on('end', () => this.#ended())
      .on('error', (error) => this.#broken(codeOf(error)))
      .on('close', () => this.#broken('CONNECTION_CLOSED'))
  }

  get connecting(): boolean {
    return this.#connecting !== undefined
  }

  /** Whoever it works for, or is being made for. */
  get caller(): Caller | undefined {
    return this.#caller
  }

  /** How long the server keeps it open after the last reply, in milliseconds, as far as it says. */
  get keptOpenMs(): number {
    return this.#reader.head.keepsOpenMs
  }

  /** Writes a request; `last` when the connection is to be closed after its reply. */
  send(caller: Caller, last: boolean): void {
    const { lines, body, toHead } = caller
    this.#caller = caller
    // Servers that send a body in reply to HEAD exist; nothing else must be read on such a connection.
    this.#last = last || toHead
    this.#reader.expect(toHead)
    const says = body.length > 0 || caller.saysLength
    const length = says ? `content-length: ${body.length}\r\n\r\n` : '\r\n'
    const head = lines + (this.#last ? LAST : KEPT) + length
    const socket = this.#socket
    if (body.length <= JOINED_BYTES_MAX) {
      socket.write(head + body.toString('latin1'), 'latin1')
      return
    }
    socket.cork()
    socket.write(head, 'latin1')
    socket.write(body)
    socket.uncork()
  }

  /** The caller wants no more; a reply under way is not waited for. */
  giveUp(): void {
    this.#caller = undefined
    // A connection that is being made is of use to the next call.
    if (!this.connecting) this.close()
  }

  /** Nobody needs the bytes of this part of a body any more. */
  spent(part: Buffer): void {
    this.#receiver.spent(part)
  }

  resume(): void {
    this.#pauses = false
    this.#socket.resume()
  }

  /** Closes it; whoever it works for is told with `code`. */
  break(code: FailureCode): void {
    if (this.connecting) this.#notConnected(code)
    else this.#broken(code)
  }

  /** Closes it when it is idle. */
  close(): void {
    if (this.#gone) return
    this.#gone = true
    this.#reader.stop()
    clearTimeout(this.#connecting)
    this.#connecting = undefined
    this.#socket.destroy()
    this.#keeper.gone(this)
  }

  /** Resolved when the socket is closed. */
  async closed(): Promise<void> {
    const socket = this.#socket
    if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  }

  replyHead(head: ReplyHead): boolean {
    this.#caller?.replyHead(head)
    return this.#caller !== undefined
  }

  replyData(bytes: Buffer, from: number, to: number): boolean {
    if (this.#caller?.replyData(this.#receiver.part(bytes, from, to)) === false) this.#pauses = true
    return this.#caller !== undefined
  }

  replyEnd(extra: number): void {
    const caller = this.#caller
    const nowMs = this.#keeper.clock.monotonicMs()
    this.#caller = undefined
    this.#pauses = false
    if (extra === 0 && this.#isReusable) this.#keeper.released(this, nowMs)
    else this.close()
    caller?.replyEnd(nowMs)
  }

  /**
   * A server that has answered before it has read the whole request may take the rest for another one; and
   * one that says 408 may have said so before it was asked, so that its answer is still to come.
   */
  get #isReusable(): boolean {
    const { keepsOpen, status } = this.#reader.head
    return keepsOpen && status !== 408 && !this.#last && this.#socket.writableLength === 0
  }

  #connected(): void {
    if (this.#gone) return
    clearTimeout(this.#connecting)
    this.#connecting = undefined
    this.#keeper.connected(this)
  }

  #notConnected(code: FailureCode): void {
    const caller = this.#caller
    this.#caller = undefined
    this.close()
    this.#keeper.notConnected(code, caller === undefined)
    caller?.failed(connectFailure(code))
  }

  /** False asks for a pause. */
  #read(bytes: Buffer): boolean {
    // What comes before it is asked for would be taken for the next answer.
    if (this.#caller === undefined || this.connecting) this.#broken('CONNECTION_CLOSED')
    else {
      try {
        const fault = this.#reader.read(bytes)
        if (fault !== undefined) this.#broken(fault)
      } catch (error) {
        this.#broken(error instanceof Error ? codeOf(error) : 'unknown')
      }
    }
    return !this.#pauses && !this.#yields(bytes.length)
  }

  /** Where more is to be had at once, the system is asked for more at once, whatever else waits. */
  #yields(count: number): boolean {
    this.#turnBytes = this.#receiver.isFull(count) ? this.#turnBytes + count : 0
    if (this.#turnBytes < TURN_BYTES_MAX || !this.#reader.inBody) return false
    this.#turnBytes = 0
    setImmediate(() => {
      if (!this.#pauses && !this.#gone) this.#socket.resume()
    })
    return true
  }

  #ended(): void {
    if (this.#caller === undefined || this.connecting) this.#broken('CONNECTION_CLOSED')
    else if (this.#reader.inBody) {
      this.#last = true
      if (!this.#reader.endsWithConnection()) this.#broken('BODY_TRUNCATED')
    } else this.#broken('CONNECTION_CLOSED')
  }

  #broken(code: FailureCode): void {
    if (this.#gone) return
    if (this.connecting) return this.#notConnected(code)
    const caller = this.#caller
    this.#caller = undefined
    this.close()
    caller?.failed(brokenConnection(code))
  }
}
