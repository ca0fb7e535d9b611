/**
 * HTTP to one upstream, over undici's `dispatch`.
 *
 * Bytes go both ways as they come; nothing here has a timeout on silence, because an MCP stream may
 * be silent for as long as it likes. Calls and long-lived streams use separate connections, so that
 * open streams cannot starve calls.
 */

import type { Dispatcher } from 'undici'
import type { Clock } from '../core/clock.ts'
import type { Exchange } from '../core/exchange.ts'
import type { PoolName, PoolObserver, PoolRecorder, PoolState } from '../core/pool.ts'
import { HeaderNames, requestHeaders, type RequestHeaderRules } from './forward-headers.ts'
import { HttpFlight, type FlightParts } from './http-flight.ts'
import { HttpPool } from './http-pool.ts'
import {
  METADATA_PREFIX,
  MetadataSink,
  rewriteChallenge,
  withoutChallenges,
} from './resource-metadata.ts'
import { Turnstile } from './turnstile.ts'
import type { Flight, Outbound, ReplySink, Transport } from './transport.ts'
import { withoutEncoding } from './without-encoding.ts'

export interface HttpTransportOptions {
  readonly name: string
  readonly url: URL
  readonly headers: Omit<RequestHeaderRules, 'dropCredentials'>
  readonly connectTimeoutMs: number
  /** Most connections for calls. */
  readonly connectionsMax: number
  /** An idle connection is closed after so long. */
  readonly idleMs: number
  /** A connection takes no further call after so long; `Infinity` for never. */
  readonly lifetimeMs: number
  /** So many connections stand ready for the next calls. */
  readonly prewarm: number
  /** Most bytes of a reply's head. */
  readonly headerBytesMax: number
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  readonly pools: PoolObserver
  /**
   * The address under which clients know us, for an upstream that they reach under an address of
   * ours; undefined when they reach it under its own.
   */
  readonly publicOriginOf: ((exchange: Exchange) => string) | undefined
  /** Called about once a second. */
  readonly onTick: (nowMs: number) => void
}

/** A connection idle for this long is looked at once more before it is used. */
const SUSPECT_IDLE_MS = 250

export class HttpTransport implements Transport {
  readonly #calls: OnePool
  readonly #streams: OnePool
  readonly #turnstile: Turnstile
  readonly #path: string
  readonly #search: string
  readonly #rules: RequestHeaderRules
  /** For a client that we have authenticated; whether one must be may change while this exists. */
  readonly #ownRules: RequestHeaderRules
  readonly #clock: Clock
  readonly #names = new HeaderNames()
  readonly #options: HttpTransportOptions
  readonly #flightParts: FlightParts
  /** Where the upstream's last challenge said that its metadata is. */
  #metadataPath: string | undefined
  #lastUsedMs: number

  constructor(options: HttpTransportOptions) {
    this.#options = options
    this.#calls = createPool('calls', options)
    this.#streams = createPool('streams', options)
    this.#turnstile = new Turnstile(options.connectionsMax)
    this.#path = options.url.pathname
    this.#search = options.url.search
    this.#rules = { ...options.headers, dropCredentials: false }
    this.#ownRules = { ...options.headers, dropCredentials: true }
    this.#clock = options.clock
    this.#flightParts = {
      names: this.#names,
      clock: options.clock,
      onRefused: (exchange, headers) => this.#rewriteHead(exchange, headers),
    }
    this.#lastUsedMs = options.clock.monotonicMs()
  }

  readonly sessions = 0

  check(): undefined {}

  tick(nowMs: number): void {
    this.#options.onTick(nowMs)
    this.#calls.http.tick(nowMs)
    this.#streams.http.tick(nowMs)
  }

  pools(): readonly PoolState[] {
    return [this.#calls.http.state(this.#turnstile.waiting), this.#streams.http.state(0)]
  }

  send(outbound: Outbound, sink: ReplySink): Flight {
    const { exchange } = outbound
    if (exchange.endpoint === 'metadata') return this.#sendMetadata(outbound, sink)
    const path =
      exchange.endpoint === 'pass'
        ? exchange.path + exchange.query
        : this.#path + mergeQuery(this.#search, exchange.query)
    return this.sendTo(path, outbound, sink)
  }

  /** The same, to another path of the same origin. `path` holds the query too. */
  sendTo(path: string, received: Outbound, sink: ReplySink): Flight {
    const outbound = received.plain ? withoutEncoding(received) : received
    const { attempt } = outbound
    const pool = outbound.longLived ? this.#streams : this.#calls
    const flight = new HttpFlight(sink, outbound, this.#flightParts, pool.recorder)
    const request = this.#request(path, outbound)
    const now = flight.enteredMs
    const suspect = now - this.#lastUsedMs > SUSPECT_IDLE_MS
    this.#lastUsedMs = now
    const dispatch = (): void => {
      if (!flight.aborted) this.#dispatch(pool.http, request, flight)
      else flight.done()
    }
    let waits = false
    const start = (): void => {
      if (waits) attempt.queuedMs = this.#clock.monotonicMs() - now
      // A FIN that has already arrived is noticed when the event loop polls; one turn lets it.
      if (suspect) setImmediate(dispatch)
      else dispatch()
    }
    if (outbound.longLived) start()
    else this.#turnstile.enter(flight, start)
    waits = true
    return flight
  }

  #dispatch(pool: HttpPool, request: Dispatcher.DispatchOptions, flight: HttpFlight): void {
    flight.dispatchedMs = this.#clock.monotonicMs()
    try {
      pool.dispatch(request, flight)
    } catch (error) {
      // undici throws for what it considers invalid input, such as a header with a control character.
      flight.onResponseError(undefined, error instanceof Error ? error : new Error(String(error)))
    }
    flight.dispatched()
  }

  async close(): Promise<void> {
    await Promise.all([this.#calls.http.close(), this.#streams.http.close()])
  }

  /**
   * The upstream's metadata stands where its last challenge said, at a path made of its own (RFC 9728
   * §3.1), or at the root.
   */
  #sendMetadata(asked: Outbound, sink: ReplySink): Flight {
    const outbound = withoutEncoding(asked)
    const { path } = outbound.exchange
    const { publicOriginOf, url } = this.#options
    const resource =
      (publicOriginOf?.(outbound.exchange) ?? '') + path.slice(METADATA_PREFIX.length)
    const derived = METADATA_PREFIX + (this.#path === '/' ? '' : this.#path)
    const places = new Set([this.#metadataPath ?? derived, derived, METADATA_PREFIX])
    let flight: Flight | undefined
    const ask = ([place = METADATA_PREFIX, ...others]: readonly string[]): void => {
      const next = others.length === 0 ? undefined : () => ask(others)
      flight = this.sendTo(place, outbound, new MetadataSink(sink, resource, url, next))
    }
    ask([...places])
    return { abort: (why) => flight?.abort(why), resume: () => flight?.resume() }
  }

  /** A challenge of an upstream that clients reach under our address has to name our metadata. */
  #rewriteHead(exchange: Exchange, headers: string[]): string[] {
    const { publicOriginOf, url } = this.#options
    // The upstream speaks of the operator's credential, which no client can mend.
    if (this.#rulesFor(exchange).dropCredentials) return withoutChallenges(headers)
    if (publicOriginOf === undefined || exchange.endpoint !== 'mcp') return headers
    const metadataUrl = publicOriginOf(exchange) + METADATA_PREFIX + exchange.path
    return rewriteChallenge(headers, metadataUrl, (original) => {
      const place = URL.canParse(original) ? new URL(original) : undefined
      // Only the upstream itself is ever asked.
      if (place?.origin === url.origin) this.#metadataPath = place.pathname + place.search
    })
  }

  #request(path: string, outbound: Outbound): Dispatcher.DispatchOptions {
    const { exchange, injection } = outbound
    const { httpMethod, rawHeaders } = exchange
    return {
      path,
      method: httpMethod,
      headers: requestHeaders(rawHeaders, this.#rulesFor(exchange), injection, this.#names),
      body: outbound.body.length === 0 ? null : outbound.body,
    }
  }

  #rulesFor({ principal }: Exchange): RequestHeaderRules {
    return principal === undefined ? this.#rules : this.#ownRules
  }
}

interface OnePool {
  readonly http: HttpPool
  readonly recorder: PoolRecorder
}

/** Calls have a limit and connections that stand ready; streams are bounded by their clients. */
function createPool(pool: PoolName, options: HttpTransportOptions): OnePool {
  const recorder = options.pools.pool(options.name, pool)
  const calls = pool === 'calls'
  const http = new HttpPool({
    ...options,
    pool,
    recorder,
    connectionsMax: calls ? options.connectionsMax : undefined,
    prewarm: calls ? options.prewarm : 0,
  })
  return { http, recorder }
}

function mergeQuery(own: string, clients: string): string {
  if (own === '' || clients === '') return own + clients
  return `${own}&${clients.slice(1)}`
}
