/**
 * One server process behind one client that speaks in lines too: what `sidelight wrap -- command` is.
 *
 * Every line goes on byte for byte, in the order in which it came. An answer is handed to the exchange
 * that waits for its id, so that its outcome is known; everything else to the exchange that listens.
 */

import type { Clock } from '../../core/clock.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { Message } from '../../core/message.ts'
import type { TransportObserver } from '../../core/observer.ts'
import { LINES_TYPE } from '../../mcp/reply-body.ts'
import { WireReader, type WireMessage } from '../../mcp/wire-message.ts'
import type { Flight, Outbound, ReplySink, Transport, TransportFailure } from '../transport.ts'
import { STREAM_HEADERS, toEvent } from './framing.ts'
import type { ProcessEnd, ServerProcess } from './server-process.ts'

export interface LineTransportOptions {
  readonly name: string
  /** Started already: a client waits for its server's first word. */
  readonly process: ServerProcess
  readonly lineBytesMax: number
  readonly clock: Clock
  readonly observer: TransportObserver
  /** Told when the process has ended, however it did, before what still waits is failed. */
  readonly onExit: (end: ProcessEnd) => void
}

interface LineSession {
  /** Key of the id of its `initialize`. */
  readonly key: string
  readonly carrier: 'tcp' | 'pipe'
  readonly beganMs: number
  readonly protocolVersion: string | undefined
  /** True when the server has taken it. */
  agreed: boolean
}

interface Waiting {
  readonly sink: ReplySink
  readonly keys: readonly string[]
  /** Answers that are still to come: more than one in a batch. */
  open: number
}

const ANSWER_HEAD = ['Content-Type', 'application/json']
const LINES_HEAD = ['Content-Type', LINES_TYPE]

export class LineTransport implements Transport {
  readonly sessions = 1
  readonly #options: LineTransportOptions
  readonly #process: ServerProcess
  readonly #reader = new WireReader()
  /** By id; clients may use one id twice, so the first to ask is the first to be answered. */
  readonly #waiting = new Map<string, Waiting[]>()
  #listener: ReplySink | undefined
  /** The client's handshake, when it has made one. */
  #session: LineSession | undefined
  #onlyProbed = true

  constructor(options: LineTransportOptions) {
    const { observer, name } = options
    this.#options = options
    this.#process = options.process
    this.#process.listen(options.lineBytesMax, {
      line: (line) => this.#received(line),
      longPart: (bytes) => this.#reader.part(bytes),
      longEnd: () => this.#tooLong(),
      stderr: () => {},
      exited: (end) => this.#ended(end),
    })
    observer.processStarted(name)
  }

  check(): undefined {}

  tick(): void {}

  send({ exchange, body, attempt }: Outbound, sink: ReplySink): Flight {
    if (exchange.kind === 'stream') return this.#listen(sink)
    const keys = exchange.calls.flatMap(({ message }) =>
      message.kind === 'request' ? [message.id?.key ?? ''] : [],
    )
    if (!this.#process.alive) {
      sink.failed({ ...GONE, sent: false })
      return NO_FLIGHT
    }
    for (const { message } of exchange.calls) {
      if (message.method !== 'server/discover') this.#onlyProbed = false
      if (message.cancels !== undefined) this.#takeBack(message.cancels)
      if (message.method === 'initialize') this.#session ??= this.#sessionOf(exchange, message)
    }
    if (keys.length === 0) {
      this.#process.write(body, (error) => {
        if (error instanceof Error) return sink.failed(GONE)
        sink.head(202, '', [])
        sink.end()
      })
      return NO_FLIGHT
    }
    const waiting: Waiting = { sink, keys, open: keys.length }
    for (const key of keys) {
      const queue = this.#waiting.get(key)
      if (queue === undefined) this.#waiting.set(key, [waiting])
      else queue.push(waiting)
    }
    this.#process.write(body)
    attempt.handedMs = this.#options.clock.monotonicMs()
    return { abort: () => this.#forget(waiting), resume: () => this.#process.resume() }
  }

  /** The client has closed its end: the server is told in the same way. */
  async close(): Promise<void> {
    await this.#process.stop()
  }

  #sessionOf(exchange: Exchange, { id, protocolVersion }: Message): LineSession {
    return {
      key: id?.key ?? '',
      carrier: exchange.carrier,
      beganMs: this.#options.clock.monotonicMs(),
      protocolVersion,
      agreed: false,
    }
  }

  /** A handshake that the server refuses has begun no session. */
  #judgeHandshake({ id, errorCode }: WireMessage): void {
    const session = this.#session
    if (session === undefined || session.agreed || session.key !== id?.key) return
    session.agreed = errorCode === undefined
    if (!session.agreed) this.#session = undefined
  }

  #endSession(asked: boolean): void {
    const { observer, name, clock } = this.#options
    if (this.#session?.agreed !== true) return
    const { beganMs, carrier, protocolVersion } = this.#session
    const durationMs = clock.monotonicMs() - beganMs
    observer.sessionEnded(name, asked ? 'stopped' : 'lost', {
      durationMs,
      carrier,
      protocolVersion,
    })
  }

  #listen(sink: ReplySink): Flight {
    this.#listener = sink
    sink.head(200, '', LINES_HEAD)
    return {
      abort: () => {
        this.#listener = undefined
      },
      resume: () => this.#process.resume(),
    }
  }

  #received(line: Buffer): void {
    const messages = this.#reader.read(line)
    if (messages === undefined) {
      return this.#options.observer.lineDropped(this.#options.name, 'noise')
    }
    let passed = false
    for (const message of messages) {
      if (message.kind === 'response') this.#judgeHandshake(message)
      const waiting = message.kind === 'response' ? this.#next(this.#keyOf(message)) : undefined
      if (waiting === undefined) continue
      if (messages.length === 1 && waiting.keys.length === 1) {
        passed = true
        this.#answer(waiting, line)
      } else this.#show(waiting, line.subarray(message.start, message.end))
    }
    if (!passed && this.#listener?.data(line) === false) this.#process.pause()
  }

  /** The whole answer to a lone request. */
  #answer({ sink }: Waiting, line: Buffer): void {
    sink.head(200, '', ANSWER_HEAD)
    if (!sink.data(line)) this.#process.pause()
    sink.end()
  }

  /** One answer of a batch, to be seen only: its line is passed on whole, as it came. */
  #show(waiting: Waiting, answer: Buffer): void {
    if (waiting.open === waiting.keys.length) waiting.sink.head(200, '', STREAM_HEADERS.slice())
    waiting.open -= 1
    waiting.sink.data(toEvent(answer, undefined))
    if (waiting.open === 0) waiting.sink.end()
  }

  /** JSON-RPC 2.0 §5.1: an error that could not be tied to an id has none. */
  #keyOf({ id, errorCode }: WireMessage): string {
    const nameless = (id === undefined || id.key === 'null') && errorCode !== undefined
    const only =
      nameless && this.#waiting.size === 1 ? this.#waiting.keys().next().value : undefined
    return only ?? id?.key ?? ''
  }

  #next(key: string): Waiting | undefined {
    const queue = this.#waiting.get(key)
    const waiting = queue?.shift()
    if (queue?.length === 0) this.#waiting.delete(key)
    return waiting
  }

  #drop(key: string, waiting: Waiting): void {
    const queue = this.#waiting.get(key)
    if (queue?.includes(waiting) !== true) return
    const left = queue.filter((one) => one !== waiting)
    if (left.length === 0) this.#waiting.delete(key)
    else this.#waiting.set(key, left)
  }

  #forget(waiting: Waiting): void {
    for (const key of waiting.keys) this.#drop(key, waiting)
  }

  /** No answer follows what was taken back; one that comes all the same is passed on like the rest. */
  #takeBack(key: string): void {
    const waiting = this.#next(key)
    if (waiting === undefined) return
    waiting.open -= 1
    if (waiting.open === 0) waiting.sink.cancelled()
  }

  #tooLong(): void {
    const { observer, name } = this.#options
    observer.lineDropped(name, 'too_long')
    observer.limitHit('line')
    for (const { kind, id } of this.#reader.end() ?? []) {
      const waiting = kind === 'response' ? this.#next(id?.key ?? '') : undefined
      waiting?.sink.failed({ ...TOO_LONG })
    }
  }

  #ended(end: ProcessEnd): void {
    const { observer, name, onExit } = this.#options
    onExit(end)
    const failure: TransportFailure =
      end.spawnError === undefined
        ? GONE
        : { reason: 'connect', sent: false, stale: false, detail: end.spawnError }
    for (const waiting of new Set([...this.#waiting.values()].flat())) waiting.sink.failed(failure)
    this.#waiting.clear()
    this.#listener?.end()
    this.#endSession(end.asked)
    const probed = this.#onlyProbed && end.spawnError === undefined
    observer.processEnded(name, end.asked ? 'stopped' : probed ? 'probe' : howOf(end))
  }
}

const NO_FLIGHT: Flight = { abort: () => {}, resume: () => {} }

const GONE: TransportFailure = {
  reason: 'process_exit',
  sent: true,
  stale: false,
  detail: 'exit',
}

const TOO_LONG: TransportFailure = {
  reason: 'bad_message',
  sent: true,
  stale: false,
  detail: 'line longer than limits.line',
}

function howOf(end: ProcessEnd): 'not_started' | 'exited' | 'crashed' {
  if (end.spawnError !== undefined) return 'not_started'
  return end.code === 0 ? 'exited' : 'crashed'
}
