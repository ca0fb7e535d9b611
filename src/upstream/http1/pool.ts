/**
 * The connections to one upstream, of calls or of streams. Calls get one in order of arrival; who gives
 * up while it waits is forgotten at once, with its body.
 *
 * A connection is given out after the other events of the same turn of the event loop, because what an
 * idle one has received by then shows that it must not be used: its end, or bytes that nobody asked for
 * and that would be taken for the answer.
 */

import type { Clock } from '../../core/clock.ts'
import type { PoolName, PoolRecorder, PoolState } from '../../core/pool.ts'
import { connectFailure, type FailureCode } from '../describe-failure.ts'
import type { Caller } from './caller.ts'
import { Connector, serverNameOf } from './connect.ts'
import { Connection, type Keeper } from './connection.ts'

export interface ConnectionPoolOptions {
  readonly pool: PoolName
  readonly url: URL
  /** Most connections; undefined for no limit. */
  readonly connectionsMax: number | undefined
  readonly connectTimeoutMs: number
  /** An idle connection is closed after so long. */
  readonly idleMs: number
  /** A connection takes no further call after so long, or up to a tenth earlier; `Infinity` for never. */
  readonly lifetimeMs: number
  /** So many connections stand ready for the next calls. */
  readonly prewarm: number
  /** Most bytes of a reply's head. */
  readonly headerBytesMax: number
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  readonly recorder: PoolRecorder
}

/** Connections that were made together do not end together. */
const LIFETIME_JITTER = 0.1
/** A server that promises to keep a connection for so long closes it a little earlier, seen from here. */
const PROMISE_MARGIN_MS = 2_000
/** After a connection could not be made, none is made ahead for so long. */
const RETRY_MS = 10_000

export class ConnectionPool implements Keeper {
  readonly clock: Clock
  readonly #options: ConnectionPoolOptions
  readonly #recorder: PoolRecorder
  readonly #connector: Connector
  readonly #servername: string
  readonly #max: number
  readonly #all = new Set<Connection>()
  /** The one that was used last is at the end, and used next. */
  readonly #idle: Connection[] = []
  #arrived: Caller[] = []
  /** In order of arrival. */
  readonly #waiting = new Set<Caller>()
  #serving = false
  #notBeforeMs = 0
  #closed = false

  constructor(options: ConnectionPoolOptions) {
    this.#options = options
    this.clock = options.clock
    this.#recorder = options.recorder
    this.#connector = new Connector(options.url)
    this.#servername = this.#connector.secure ? serverNameOf(options.url.host) : ''
    this.#max = options.connectionsMax ?? Infinity
  }

  /** Gets a call its connection, on which it is written. */
  enter(caller: Caller): void {
    if (this.#closed) return caller.failed(connectFailure('POOL_CLOSED'))
    this.#arrived.push(caller)
    this.#serveSoon()
  }

  /** A call has given up that had no connection yet. */
  forget(caller: Caller): void {
    this.#waiting.delete(caller)
  }

  /** Idle are also those that were made ahead. */
  state(): PoolState {
    let connecting = 0
    let pending = this.#waiting.size + this.#arrived.filter(({ over }) => !over).length
    for (const one of this.#all) {
      if (!one.connecting) continue
      connecting += 1
      if (one.caller !== undefined) pending += 1
    }
    const { pool, connectionsMax } = this.#options
    const idle = this.#idle.length
    return { pool, idle, used: this.#all.size - idle - connecting, max: connectionsMax, pending }
  }

  /** Ends connections that are too old, and makes some that stand ready. */
  tick(nowMs: number): void {
    for (const one of this.#idle.slice()) {
      if (nowMs >= one.restsUntilMs || nowMs >= one.endsMs) one.close()
    }
    const { prewarm } = this.#options
    if (prewarm === 0 || nowMs < this.#notBeforeMs) return
    const { used } = this.state()
    const wanted = Math.min(prewarm, this.#max - used)
    for (let ready = this.#all.size - used; ready < wanted; ready += 1) {
      this.#connect(this.#servername, undefined)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const all = [...this.#all]
    for (const one of all) one.break('POOL_CLOSED')
    const callers = [...this.#waiting, ...this.#arrived]
    this.#waiting.clear()
    this.#arrived = []
    for (const caller of callers) {
      if (!caller.over) caller.failed(connectFailure('POOL_CLOSED'))
    }
    await Promise.all(all.map((one) => one.closed()))
  }

  connected(connection: Connection): void {
    const { lifetimeMs, random } = this.#options
    const nowMs = this.clock.monotonicMs()
    this.#recorder.created(nowMs - connection.beganMs)
    connection.endsMs = nowMs + lifetimeMs * (1 - LIFETIME_JITTER * random())
    const { caller } = connection
    if (caller === undefined) this.released(connection, nowMs)
    else this.#give(connection, caller, nowMs)
  }

  notConnected(code: FailureCode, ahead: boolean): void {
    if (code === 'CONNECT_TIMEOUT' || code === 'ETIMEDOUT') this.#recorder.timedOut()
    if (ahead) this.#notBeforeMs = this.clock.monotonicMs() + RETRY_MS
  }

  released(connection: Connection, nowMs: number): void {
    const promisedMs = connection.keptOpenMs - PROMISE_MARGIN_MS
    if (promisedMs <= 0) return connection.close()
    connection.restsUntilMs = nowMs + Math.min(this.#options.idleMs, promisedMs)
    this.#idle.push(connection)
    if (this.#waiting.size > 0) this.#serveSoon()
  }

  gone(connection: Connection): void {
    this.#all.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    if (this.#waiting.size > 0) this.#serveSoon()
  }

  #serveSoon(): void {
    if (this.#serving) return
    this.#serving = true
    setImmediate(this.#serve)
  }

  readonly #serve = (): void => {
    this.#serving = false
    const nowMs = this.clock.monotonicMs()
    const arrived = this.#arrived
    this.#arrived = []
    if (this.#waiting.size > 0) this.#serveWaiting(nowMs)
    for (const caller of arrived) {
      if (caller.over) continue
      if (this.#waiting.size === 0 && this.#servesOne(caller, nowMs)) continue
      caller.queued()
      this.#waiting.add(caller)
    }
  }

  #serveWaiting(nowMs: number): void {
    for (const caller of this.#waiting) {
      if (!this.#servesOne(caller, nowMs)) return
      this.#waiting.delete(caller)
    }
  }

  /** False when there is no connection for it, and none may be made. */
  #servesOne(caller: Caller, nowMs: number): boolean {
    const { servername } = caller
    const free = this.#takeIdle(servername, nowMs)
    if (free !== undefined) {
      this.#give(free, caller, nowMs)
      return true
    }
    // One that has proved another name makes room.
    if (this.#all.size >= this.#max) this.#idle[0]?.close()
    if (this.#all.size >= this.#max) return false
    caller.connects(this.#connect(servername, caller), nowMs)
    return true
  }

  #takeIdle(servername: string, nowMs: number): Connection | undefined {
    for (let at = this.#idle.length - 1; at >= 0; at -= 1) {
      const one = this.#idle[at]
      if (one === undefined || one.servername !== servername) continue
      if (at === this.#idle.length - 1) this.#idle.pop()
      else this.#idle.splice(at, 1)
      if (nowMs < one.restsUntilMs) return one
      one.close()
    }
    return undefined
  }

  /** The call that finds its connection too old is the last one on it, and says so to the server. */
  #give(connection: Connection, caller: Caller, nowMs: number): void {
    caller.goes(connection, nowMs)
    connection.send(caller, nowMs >= connection.endsMs)
  }

  #connect(servername: string, caller: Caller | undefined): Connection {
    const connection = new Connection(
      this,
      { ...this.#options, connector: this.#connector },
      servername,
      caller,
    )
    this.#all.add(connection)
    return connection
  }
}
