/**
 * HTTP to servers that speak over their standard streams.
 *
 * Sessions of the handshake era have a process each; requests of the stateless era share processes.
 * To its clients an upstream of this kind is a Streamable HTTP server like any other.
 */

import { headerOf, type Exchange } from '../../core/exchange.ts'
import type { Clock } from '../../core/clock.ts'
import type { Log } from '../../core/log.ts'
import { reject, rejectOver, type Rejection } from '../../core/outcome.ts'
import { isLongLived } from '../../mcp/methods.ts'
import { WireReader } from '../../mcp/wire-message.ts'
import type { TransportObserver } from '../../core/observer.ts'
import type { Flight, Outbound, ReplySink, Transport } from '../transport.ts'
import { acceptsStream, EMPTY_BODY } from './framing.ts'
import { checkLegacy, checkModern, isModernExchange } from './endpoint-rules.ts'
import { ParamHeaders } from './param-headers.ts'
import { ProcessTable, type HostedProcess } from './process-table.ts'
import type { ServerCommand } from './server-process.ts'
import { SharedProcess } from './shared-process.ts'
import { StdioSession } from './stdio-session.ts'
import type { Watchdog } from './watchdog.ts'

export interface StdioTransportOptions {
  readonly name: string
  readonly command: ServerCommand
  /** Most processes at a time, of sessions and shared ones together. */
  readonly processesMax: number
  /** Most shared processes; above 1 only when the server keeps no state between requests. */
  readonly poolMax: number
  /** True when all clients may share processes; otherwise each principal has its own. */
  readonly stateless: boolean
  readonly sessionIdleMs: number
  readonly lineBytesMax: number
  readonly replay: { readonly eventsMax: number; readonly bytesMax: number }
  readonly clock: Clock
  readonly log: Log
  readonly observer: TransportObserver
  readonly watchdog: Watchdog
  /** Makes session ids of at least 128 random bits. */
  readonly newId: () => string
}

interface HostedSession {
  readonly session: StdioSession
  readonly host: HostedProcess
}

interface HostedShared {
  readonly shared: SharedProcess
  readonly host: HostedProcess
  readonly owner: string
  readonly params: ParamHeaders
}

export class StdioTransport implements Transport {
  readonly #options: StdioTransportOptions
  readonly #processes: ProcessTable
  readonly #reader = new WireReader()
  readonly #sessions = new Map<string, HostedSession>()
  readonly #pool = new Set<HostedShared>()

  constructor(options: StdioTransportOptions) {
    this.#options = options
    this.#processes = new ProcessTable(options)
  }

  get sessions(): number {
    return this.#sessions.size
  }

  check(exchange: Exchange): Rejection | undefined {
    if (exchange.kind === 'message' && isModernExchange(exchange)) {
      return checkModern(exchange, this.#reader.read(exchange.body)) ?? this.#checkPool(exchange)
    }
    const { sessionId } = exchange
    const initializes = exchange.calls.some(({ message }) => message.method === 'initialize')
    const refused = checkLegacy(exchange, initializes)
    if (refused !== undefined) return refused
    if (sessionId === undefined) return this.#checkRoom()
    const hosted = this.#sessions.get(sessionId)
    // Somebody else's session is answered as one that does not exist.
    if (hosted === undefined || hosted.session.owner !== exchange.principal) {
      return reject('session_unknown', 'Session not found; start a new one with initialize')
    }
    if (exchange.kind !== 'stream') return undefined
    const lastEventId = headerOf(exchange.headers, 'last-event-id')
    return hosted.session.canResume(lastEventId)
      ? undefined
      : reject('unknown_event', 'the events after this Last-Event-ID are not kept any more')
  }

  send(outbound: Outbound, sink: ReplySink): Flight {
    const { exchange } = outbound
    if (exchange.kind === 'message' && isModernExchange(exchange)) {
      return this.#sendModern(outbound, sink)
    }
    const { sessionId } = exchange
    if (sessionId === undefined) return this.#startSession(outbound, sink)
    const hosted = this.#sessions.get(sessionId)
    if (hosted === undefined) return fail(sink)
    if (exchange.kind === 'end_session') return this.#endSession(hosted, sink)
    const { session } = hosted
    if (exchange.kind === 'stream') {
      return session.listen(headerOf(exchange.headers, 'last-event-id'), sink)
    }
    const messages = this.#reader.read(outbound.body)
    return messages === undefined
      ? fail(sink)
      : session.post(exchange, outbound.body, messages, sink)
  }

  tick(nowMs: number): void {
    const { sessionIdleMs, observer, name } = this.#options
    for (const hosted of this.#sessions.values()) {
      const { session } = hosted
      if (session.busy) session.lastUsedMs = nowMs
      session.tick(nowMs)
      if (nowMs - session.lastUsedMs <= sessionIdleMs) continue
      observer.sessionEnded(name, 'idle')
      this.#drop(hosted)
    }
    for (const hosted of this.#pool) {
      const { shared, host } = hosted
      shared.tick(nowMs)
      if (shared.load > 0 || nowMs - shared.lastUsedMs <= sessionIdleMs) continue
      this.#pool.delete(hosted)
      void host.stop()
    }
  }

  async close(): Promise<void> {
    for (const _session of this.#sessions) {
      this.#options.observer.sessionEnded(this.#options.name, 'stopped')
    }
    this.#sessions.clear()
    this.#pool.clear()
    await this.#processes.close()
  }

  #checkRoom(): Rejection | undefined {
    if (!this.#processes.full) return undefined
    this.#options.observer.limitHit('processes')
    return rejectOver('processes', 'at_capacity', 'the upstream has as many processes as it may')
  }

  #checkPool(exchange: Exchange): Rejection | undefined {
    if (!this.#processes.full) return undefined
    const owner = this.#ownerOf(exchange)
    for (const hosted of this.#pool) if (hosted.owner === owner) return undefined
    return this.#checkRoom()
  }

  #startSession(outbound: Outbound, sink: ReplySink): Flight {
    const { newId, clock, replay, observer, name } = this.#options
    const id = newId()
    let session: StdioSession | undefined
    const host = this.#processes.start({
      received: (line, message) => session?.received(line, message),
      lost: (key, failure) => session?.failOne(key, failure),
      ended: (failure) => {
        if (this.#sessions.delete(id)) observer.sessionEnded(name, 'lost')
        session?.fail(failure)
        return 'crash'
      },
    })
    if ('reason' in host) return fail(sink, host.reason)
    const made = new StdioSession(
      {
        id,
        owner: outbound.exchange.principal,
        replay,
        nowMs: () => clock.monotonicMs(),
        onUnroutable: () => observer.lineDropped(name, 'unroutable'),
        onReplayLost: () => observer.limitHit('replay'),
      },
      host,
    )
    session = made
    this.#sessions.set(id, { session: made, host })
    const messages = this.#reader.read(outbound.body) ?? []
    return made.post(outbound.exchange, outbound.body, messages, sink)
  }

  #endSession(hosted: HostedSession, sink: ReplySink): Flight {
    this.#options.observer.sessionEnded(this.#options.name, 'deleted')
    this.#drop(hosted)
    sink.head(200, 'OK', EMPTY_BODY)
    sink.end()
    return NO_FLIGHT
  }

  #drop({ session, host }: HostedSession): void {
    this.#sessions.delete(session.id)
    session.fail({ reason: 'process_exit', sent: true, stale: false, detail: 'session ended' })
    void host.stop()
  }

  #sendModern({ exchange, body }: Outbound, sink: ReplySink): Flight {
    const message = this.#reader.read(body)?.[0]
    if (message === undefined) return fail(sink)
    if (message.kind !== 'request') return this.#notify(exchange, body, sink)
    const hosted = this.#pick(exchange)
    if ('reason' in hosted) return fail(sink, hosted.reason)
    const { shared, params } = hosted
    const request = {
      message,
      body,
      acceptsStream: acceptsStream(exchange),
      listens: isLongLived(message.method),
    }
    if (message.method !== 'tools/call') return shared.request(request, sink)
    return params.guard(exchange, sink, () => shared.request(request, sink))
  }

  /** Belongs to no reply: it is passed on where its client's requests are, or to nobody. */
  #notify(exchange: Exchange, body: Buffer, sink: ReplySink): Flight {
    const owner = this.#ownerOf(exchange)
    const [message] = exchange.calls
    const accepted = (): void => {
      sink.head(202, 'Accepted', EMPTY_BODY)
      sink.end()
    }
    const own = [...this.#pool].filter((hosted) => hosted.owner === owner)
    const cancels = message?.message.cancels
    if (cancels !== undefined) {
      for (const { shared } of own) if (shared.cancel(cancels)) break
      accepted()
    } else if (own[0] === undefined) accepted()
    else own[0].shared.notify(body, accepted)
    return NO_FLIGHT
  }

  /** The process with the least to do, or a new one while there may be more. */
  #pick(exchange: Exchange): HostedShared | { readonly reason: string } {
    const owner = this.#ownerOf(exchange)
    const own = [...this.#pool].filter((hosted) => hosted.owner === owner)
    const least = own.toSorted((a, b) => a.shared.load - b.shared.load)[0]
    const more = own.length < this.#options.poolMax && !this.#processes.full
    if (least !== undefined && (least.shared.load === 0 || !more)) return least
    const started = this.#startShared(owner)
    return 'reason' in started && least !== undefined ? least : started
  }

  #startShared(owner: string): HostedShared | { readonly reason: string } {
    const { clock, observer, name } = this.#options
    const parts: { hosted?: HostedShared } = {}
    const host = this.#processes.start({
      received: (line, message) => {
        const { hosted } = parts
        if (hosted === undefined) return
        if (hosted.params.received(line, message)) return
        hosted.shared.received(line, message)
        this.#retireLegacy(hosted)
      },
      lost: (key, failure) => parts.hosted?.shared.failOne(key, failure),
      ended: (failure) => {
        const { hosted } = parts
        if (hosted === undefined) return 'crash'
        this.#pool.delete(hosted)
        const probed = hosted.shared.onlyProbed && failure.sent
        if (probed) hosted.shared.answerProbes()
        hosted.params.fail()
        hosted.shared.fail(failure)
        return probed ? 'probe' : 'crash'
      },
    })
    if ('reason' in host) return host
    const shared = new SharedProcess(
      {
        nowMs: () => clock.monotonicMs(),
        onUnroutable: () => observer.lineDropped(name, 'unroutable'),
      },
      host,
    )
    const hosted: HostedShared = {
      shared,
      host,
      owner,
      params: new ParamHeaders(host, () => clock.monotonicMs()),
    }
    parts.hosted = hosted
    this.#pool.add(hosted)
    return hosted
  }

  /** A server that knows no `server/discover` serves sessions only; this process is of no use. */
  #retireLegacy(hosted: HostedShared): void {
    const { shared, host } = hosted
    if (!shared.onlyProbed || !shared.refusedProbe || shared.load > 0) return
    this.#pool.delete(hosted)
    void host.stop()
  }

  /** Requests of one owner may share a process; those of two may not, unless there is no state. */
  #ownerOf({ principal, clientAddress }: Exchange): string {
    if (this.#options.stateless) return ''
    return principal === undefined ? `a ${clientAddress ?? ''}` : `p ${principal}`
  }
}

const NO_FLIGHT: Flight = { abort: () => {}, resume: () => {} }

function fail(sink: ReplySink, detail = 'gone'): Flight {
  sink.failed({ reason: 'process_exit', sent: false, stale: false, detail })
  return NO_FLIGHT
}
