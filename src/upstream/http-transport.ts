/**
 * HTTP to one upstream.
 *
 * Bytes go both ways as they come; nothing here has a timeout on silence, because an MCP stream may
 * be silent for as long as it likes. Calls and long-lived streams use separate connections, so that
 * open streams cannot starve calls.
 */

import { headerOf, type Exchange } from '../core/exchange.ts'
import type { PoolName, PoolObserver, PoolState } from '../core/pool.ts'
import { invalidRequest } from './describe-failure.ts'
import { headerLines, HeaderNames, type RequestHeaderRules } from './forward-headers.ts'
import { HttpFlight, type FlightPool } from './http-flight.ts'
import { consistsOf, IN_TARGET, IN_TOKEN } from './http1/characters.ts'
import { serverNameOf } from './http1/connect.ts'
import { ConnectionPool, type ConnectionPoolOptions } from './http1/pool.ts'
import {
  METADATA_PREFIX,
  MetadataSink,
  rewriteChallenge,
  withoutChallenges,
} from './resource-metadata.ts'
import type { Flight, Outbound, ReplySink, Transport } from './transport.ts'

export interface HttpTransportOptions extends Omit<
  ConnectionPoolOptions,
  'pool' | 'recorder' | 'connectionsMax'
> {
  readonly name: string
  readonly headers: Omit<RequestHeaderRules, 'dropCredentials'>
  /** Most connections for calls. */
  readonly connectionsMax: number
  readonly pools: PoolObserver
  /**
   * The address under which clients know us, for an upstream that they reach under an address of
   * ours; undefined when they reach it under its own.
   */
  readonly publicOriginOf: ((exchange: Exchange) => string) | undefined
  /** Called about once a second. */
  readonly onTick: (nowMs: number) => void
}

export class HttpTransport implements Transport {
  readonly #calls: FlightPool
  readonly #streams: FlightPool
  readonly #path: string
  readonly #search: string
  readonly #rules: RequestHeaderRules
  /** For a client that we have authenticated; whether one must be may change while this exists. */
  readonly #ownRules: RequestHeaderRules
  readonly #names = new HeaderNames()
  readonly #options: HttpTransportOptions
  readonly #host: string
  readonly #servername: string
  /** TLS asks for the host that the client names. */
  readonly #namesHost: boolean
  /** The first line of the last request: nearly all are alike. */
  #firstLine = { method: '', path: '', line: '' }
  /** Where the upstream's last challenge said that its metadata is. */
  #metadataPath: string | undefined

  constructor(options: HttpTransportOptions) {
    const { url, headers } = options
    this.#options = options
    this.#calls = this.#createPool('calls')
    this.#streams = this.#createPool('streams')
    this.#host = url.host
    this.#path = url.pathname
    this.#search = url.search
    this.#rules = { ...headers, dropCredentials: false }
    this.#ownRules = { ...headers, dropCredentials: true }
    const secure = url.protocol === 'https:'
    this.#servername = secure ? serverNameOf(url.host) : ''
    this.#namesHost = secure && headers.preserveHost
  }

  readonly sessions = 0

  check(): undefined {}

  tick(nowMs: number): void {
    this.#options.onTick(nowMs)
    this.#calls.connections.tick(nowMs)
    this.#streams.connections.tick(nowMs)
  }

  pools(): readonly PoolState[] {
    return [this.#calls.connections.state(), this.#streams.connections.state()]
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
  sendTo(path: string, outbound: Outbound, sink: ReplySink): Flight {
    const pool = outbound.longLived ? this.#streams : this.#calls
    const lines = this.#lines(path, outbound)
    const name = this.#namesHost ? this.#nameFor(outbound.exchange) : this.#servername
    const flight = new HttpFlight(sink, outbound, lines ?? '', name, pool)
    if (lines === undefined) flight.failed(invalidRequest())
    else pool.connections.enter(flight)
    return flight
  }

  async close(): Promise<void> {
    await Promise.all([this.#calls.connections.close(), this.#streams.connections.close()])
  }

  /**
   * The upstream's metadata stands where its last challenge said, at a path made of its own (RFC 9728
   * §3.1), or at the root.
   */
  #sendMetadata(asked: Outbound, sink: ReplySink): Flight {
    // What has to be rewritten must not be compressed.
    const outbound = { ...asked, plain: true }
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
  #rewriteHead(exchange: Exchange, headers: readonly string[]): readonly string[] {
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

  /** The request's first line and headers; undefined when something in them must not be written. */
  #lines(path: string, { exchange, injection, plain = false }: Outbound): string | undefined {
    const { httpMethod, rawHeaders: raw, shared } = exchange
    const first = this.#firstLineOf(httpMethod, path)
    const host = this.#host
    const rules = this.#rulesFor(exchange)
    const lines = headerLines({ raw, shared, host, rules, injection, plain }, this.#names)
    return first === undefined || lines === undefined ? undefined : first + lines
  }

  #firstLineOf(method: string, path: string): string | undefined {
    const last = this.#firstLine
    if (last.path === path && last.method === method) return last.line
    if (!consistsOf(IN_TARGET, path) || !consistsOf(IN_TOKEN, method)) return undefined
    const line = `${method} ${path} HTTP/1.1\r\n`
    this.#firstLine = { method, path, line }
    return line
  }

  #nameFor({ headers }: Exchange): string {
    return serverNameOf(headerOf(headers, 'host') ?? this.#options.url.host)
  }

  #rulesFor({ principal }: Exchange): RequestHeaderRules {
    return principal === undefined ? this.#rules : this.#ownRules
  }

  /** Calls have a limit and connections that stand ready; streams are bounded by their clients. */
  #createPool(pool: PoolName): FlightPool {
    const options = this.#options
    const recorder = options.pools.pool(options.name, pool)
    const calls = pool === 'calls'
    const connections = new ConnectionPool({
      ...options,
      pool,
      recorder,
      connectionsMax: calls ? options.connectionsMax : undefined,
      prewarm: calls ? options.prewarm : 0,
    })
    const onRefused: FlightPool['onRefused'] = (exchange, headers) =>
      this.#rewriteHead(exchange, headers)
    return { connections, recorder, onRefused }
  }
}

function mergeQuery(own: string, clients: string): string {
  if (own === '' || clients === '') return own + clients
  return `${own}&${clients.slice(1)}`
}
