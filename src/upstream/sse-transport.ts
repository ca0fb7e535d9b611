/**
 * HTTP+SSE, the transport of 2024-11-05: one stream per session, on which every answer comes, and an
 * address that the stream's first event names, to which the client posts.
 *
 * The stream goes through as it comes, except for that address: clients must post to us, so they are
 * told ours, with the session's id in the query.
 */

import type { Clock } from '../core/clock.ts'
import { revisionOf, type Exchange } from '../core/exchange.ts'
import { reject, rejectOver, type Rejection } from '../core/outcome.ts'
import type { Log } from '../core/log.ts'
import type { TransportObserver } from '../core/observer.ts'
import { EndpointRewriter } from '../mcp/endpoint-event.ts'
import { ownText } from '../core/own-text.ts'
import type { PoolState } from '../core/pool.ts'
import type { HttpTransport } from './http-transport.ts'
import type { Flight, Outbound, ReplySink, Transport, TransportFailure } from './transport.ts'

export interface SseTransportOptions {
  readonly name: string
  readonly url: URL
  readonly http: HttpTransport
  readonly sessionsMax: number
  /** Where clients post, without the query. */
  readonly postPath: string
  readonly clock: Clock
  readonly observer: TransportObserver
  readonly log: Log
}

interface SseSession {
  readonly owner: string | undefined
  /** Path and query of the upstream's address; undefined until its stream has named it. */
  postTo: string | undefined
  readonly beganMs: number
  protocolVersion: string | undefined
}

export class SseTransport implements Transport {
  readonly #options: SseTransportOptions
  readonly #sessions = new Map<string, SseSession>()

  constructor(options: SseTransportOptions) {
    this.#options = options
  }

  get sessions(): number {
    return this.#sessions.size
  }

  check(exchange: Exchange): Rejection | undefined {
    const { endpoint, kind, sessionId, ownerKey } = exchange
    if (endpoint === 'sse_stream') {
      if (kind !== 'stream') return reject('method_not_allowed', 'use GET')
      if (this.#sessions.size < this.#options.sessionsMax) return undefined
      return rejectOver('sessions', 'at_capacity', 'there are as many sessions as limits.sessions')
    }
    if (endpoint === 'mcp') {
      const message = `this upstream speaks HTTP+SSE; open its stream at /${this.#options.name}/sse`
      return reject('unknown_upstream', message)
    }
    if (endpoint !== 'sse_post') return undefined
    if (kind !== 'message') return reject('method_not_allowed', 'use POST')
    const session = sessionId === undefined ? undefined : this.#sessions.get(sessionId)
    return session?.postTo === undefined || session.owner !== ownerKey
      ? reject('session_unknown', 'Session not found; open a stream first')
      : undefined
  }

  send(outbound: Outbound, sink: ReplySink): Flight {
    const { exchange } = outbound
    const { http } = this.#options
    if (exchange.endpoint === 'sse_stream') return this.#listen(outbound, sink)
    if (exchange.endpoint !== 'sse_post') return http.send(outbound, sink)
    const session = this.#sessions.get(exchange.sessionId ?? '')
    if (session?.postTo === undefined) throw new Error('an unknown session was not refused')
    const version = revisionOf(exchange)
    if (version !== undefined && version !== session.protocolVersion) {
      session.protocolVersion = ownText(version)
    }
    return http.sendTo(session.postTo, outbound, sink)
  }

  pools(): readonly PoolState[] {
    return this.#options.http.pools()
  }

  tick(nowMs: number): void {
    this.#options.http.tick(nowMs)
  }

  close(): Promise<void> {
    return this.#options.http.close()
  }

  #listen(outbound: Outbound, sink: ReplySink): Flight {
    const id = outbound.exchange.sessionId
    if (id === undefined) throw new Error('a stream of HTTP+SSE has a session')
    const { clock, observer, name } = this.#options
    const session: SseSession = {
      owner: outbound.exchange.ownerKey,
      postTo: undefined,
      beganMs: clock.monotonicMs(),
      protocolVersion: undefined,
    }
    this.#sessions.set(id, session)
    const forget = (why: 'deleted' | 'lost'): void => {
      if (!this.#sessions.delete(id)) return
      const { beganMs, protocolVersion, postTo } = session
      const durationMs = clock.monotonicMs() - beganMs
      const facts = { durationMs, carrier: outbound.exchange.carrier, protocolVersion }
      observer.sessionEnded(name, why, postTo === undefined ? undefined : facts)
    }
    const { url, postPath, http } = this.#options
    const refused = { now: false }
    const rewriter = new EndpointRewriter((address) => {
      const target = URL.canParse(address, url) ? new URL(address, url) : undefined
      // Messages, with their credentials, go to the upstream and nowhere else.
      if (target?.origin !== url.origin) {
        this.#options.log.write(
          'warn',
          'sidelight.upstream.endpoint_refused',
          'An HTTP+SSE upstream wants messages to be sent to another origin, where none are sent',
          { 'sidelight.upstream.name': this.#options.name },
        )
        refused.now = true
        return undefined
      }
      session.postTo = target.pathname + target.search
      return `${postPath}?sessionId=${id}`
    })
    const streamSink = new StreamSink(sink, rewriter, forget, refused)
    const flight = http.send({ ...outbound, plain: true }, streamSink)
    streamSink.flight = flight
    return {
      abort: (why) => {
        forget('deleted')
        flight.abort(why)
      },
      resume: () => flight.resume(),
    }
  }
}

/** Passes the stream on, its first event rewritten. */
class StreamSink implements ReplySink {
  /** Given up when the stream is of no use. */
  flight: Flight | undefined = undefined
  readonly #sink: ReplySink
  readonly #rewriter: EndpointRewriter
  readonly #forget: (why: 'lost') => void
  /** True when the stream named an address that must not be used. */
  readonly #refused: { readonly now: boolean }
  #streams = false
  #over = false

  constructor(
    sink: ReplySink,
    rewriter: EndpointRewriter,
    forget: (why: 'lost') => void,
    refused: { readonly now: boolean },
  ) {
    this.#refused = refused
    this.#sink = sink
    this.#rewriter = rewriter
    this.#forget = forget
  }

  head(status: number, statusMessage: string, rawHeaders: readonly string[]): void {
    this.#streams = status < 300
    const headers = this.#streams ? withoutLength(rawHeaders) : rawHeaders
    this.#sink.head(status, statusMessage, headers)
  }

  data(chunk: Buffer): boolean {
    if (!this.#streams) return this.#sink.data(chunk)
    if (this.#over) return true
    const rewritten = this.#rewriter.write(chunk)
    if (this.#refused.now) {
      this.#over = true
      this.flight?.abort()
      this.failed({ reason: 'bad_message', sent: true, stale: false, detail: 'foreign endpoint' })
      return true
    }
    return rewritten.length === 0 ? true : this.#sink.data(rewritten)
  }

  end(): void {
    if (this.#over) return
    const rest = this.#rewriter.end()
    if (rest.length > 0) this.#sink.data(rest)
    this.#forget('lost')
    this.#sink.end()
  }

  failed(failure: TransportFailure): void {
    this.#forget('lost')
    this.#sink.failed(failure)
  }

  cancelled(): void {
    this.#sink.cancelled()
  }
}

function withoutLength(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, index) => {
    const name = rawHeaders[index - (index % 2)] ?? ''
    return name.toLowerCase() !== 'content-length'
  })
}
