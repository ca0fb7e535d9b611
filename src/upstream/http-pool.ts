/**
 * The connections to one upstream, of calls or of streams: undici's pool, with a limited lifetime of
 * connections, with some that stand ready, and with figures of all that.
 */

import type { Socket } from 'node:net'
import { buildConnector, Client, Pool, type Dispatcher } from 'undici'
import type { Clock } from '../core/clock.ts'
import type { PoolName, PoolRecorder, PoolState } from '../core/pool.ts'
import type { HttpFlight } from './http-flight.ts'
import { SpareConnections } from './spare-connections.ts'

export interface HttpPoolOptions {
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
  readonly headerBytesMax: number
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  readonly recorder: PoolRecorder
}

/** Connections that were made together do not end together. */
const LIFETIME_JITTER = 0.1

type Connected = Parameters<buildConnector.connector>[1]
type Target = Parameters<buildConnector.connector>[0]

/** One place of the pool, with a connection or without. */
class Place extends Client {
  readonly place: { socket: Socket | undefined; endsMs: number; last: boolean }

  constructor(url: URL, options: Client.Options, place: Place['place']) {
    super(url, options)
    this.place = place
  }

  /** The call that finds its connection too old is the last one on it, and says so to the server. */
  override dispatch(
    request: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): boolean {
    const { place } = this
    if (!place.last) return super.dispatch(request, handler)
    place.last = false
    place.endsMs = Infinity
    return super.dispatch({ ...request, reset: true }, handler)
  }

  get idle(): boolean {
    return this.stats.size === 0
  }
}

export class HttpPool {
  readonly #options: HttpPoolOptions
  readonly #pool: Pool
  readonly #connect: buildConnector.connector
  readonly #places = new Set<Place>()
  readonly #spares: SpareConnections
  /** What is being dispatched now: a connection that is begun meanwhile is begun for it. */
  #dispatching: HttpFlight | undefined

  constructor(options: HttpPoolOptions) {
    const { url, connectTimeoutMs, idleMs, clock, recorder } = options
    this.#options = options
    this.#connect = timed(buildConnector({ timeout: connectTimeoutMs, allowH2: false }), {
      clock,
      recorder,
    })
    this.#spares = new SpareConnections({ url, idleMs, connect: this.#connect })
    this.#pool = new Pool(url.origin, {
      allowH2: false,
      factory: (origin) => this.#addPlace(origin),
      ...(options.connectionsMax === undefined ? {} : { connections: options.connectionsMax }),
    })
  }

  dispatch(request: Dispatcher.DispatchOptions, flight: HttpFlight): void {
    this.#dispatching = flight
    try {
      this.#pool.dispatch(request, flight)
    } finally {
      this.#dispatching = undefined
    }
  }

  /** `queued` requests wait before they come here. */
  state(queued: number): PoolState {
    let used = 0
    let idle = this.#spares.ready
    for (const one of this.#places) {
      if (one.place.socket === undefined) continue
      if (one.idle) idle += 1
      else used += 1
    }
    const { pool, connectionsMax } = this.#options
    return { pool, idle, used, max: connectionsMax, pending: queued + this.#pool.stats.pending }
  }

  /** Ends connections that are too old, and makes some that stand ready. */
  tick(nowMs: number): void {
    for (const one of this.#places) {
      const { place } = one
      if (place.socket === undefined || nowMs < place.endsMs) continue
      if (one.idle) place.socket.destroy()
      else place.last = true
    }
    const { prewarm, connectionsMax = Infinity } = this.#options
    if (prewarm === 0) return
    const { idle, used } = this.state(0)
    const wanted = Math.min(prewarm, connectionsMax - used) - (idle - this.#spares.ready)
    this.#spares.keep(wanted, nowMs)
  }

  async close(): Promise<void> {
    this.#spares.close()
    await this.#pool.destroy()
  }

  #addPlace(origin: URL): Place {
    const { idleMs, headerBytesMax } = this.#options
    const place: Place['place'] = { socket: undefined, endsMs: Infinity, last: false }
    const one = new Place(
      origin,
      {
        pipelining: 1,
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: idleMs,
        // A server may promise longer; what lies between it and us need not keep the promise.
        keepAliveMaxTimeout: idleMs,
        maxHeaderSize: headerBytesMax,
        allowH2: false,
        connect: (about, done) => this.#fill(place, about, done),
      },
      place,
    )
    this.#places.add(one)
    // The pool gives up a place to which no connection could be made.
    one.on('connectionError', () => this.#places.delete(one))
    return one
  }

  /** Gets a place its connection: one that stands ready, or a new one. */
  #fill(place: Place['place'], about: Target, done: Connected): void {
    const spare = this.#spares.take(about)
    if (spare !== undefined) {
      this.#begin(place, spare)
      // undici does not expect it within the call.
      queueMicrotask(() => done(null, spare))
      return
    }
    this.#dispatching?.connects()
    this.#connect(about, (...result) => {
      if (result[0] === null) this.#begin(place, result[1])
      done(...result)
    })
  }

  #begin(place: Place['place'], socket: Socket): void {
    const { clock, lifetimeMs, random } = this.#options
    place.socket = socket
    place.last = false
    place.endsMs = clock.monotonicMs() + lifetimeMs * (1 - LIFETIME_JITTER * random())
    socket.once('close', () => {
      if (place.socket === socket) place.socket = undefined
    })
  }
}

function timed(
  connect: buildConnector.connector,
  { clock, recorder }: Pick<HttpPoolOptions, 'clock' | 'recorder'>,
): buildConnector.connector {
  return (about, done) => {
    const beganMs = clock.monotonicMs()
    connect(about, (...result) => {
      const [error] = result
      if (error === null) recorder.created(clock.monotonicMs() - beganMs)
      else if ('code' in error && error.code === 'UND_ERR_CONNECT_TIMEOUT') recorder.timedOut()
      done(...result)
    })
  }
}
