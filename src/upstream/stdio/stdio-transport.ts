/**
 * HTTP to servers that speak over their standard streams.
 *
 * Sessions of the handshake era have a process each; requests of the stateless era share processes.
 * To its clients an upstream of this kind is a Streamable HTTP server like any other.
 */

import { headerOf, revisionOf, type Exchange } from '../../core/exchange.ts'
import type { Clock } from '../../core/clock.ts'
import type { Log } from '../../core/log.ts'
import { reject, rejectOver, type Rejection } from '../../core/outcome.ts'
import type { PoolObserver, PoolState } from '../../core/pool.ts'
import { WireReader, type WireMessage } from '../../mcp/wire-message.ts'
import type { SessionEnding, TransportObserver } from '../../core/observer.ts'
import type { HealthMethod, Verdict } from '../health/health-check.ts'
import type { Flight, Outbound, ReplySink, Transport } from '../transport.ts'
import { EMPTY_BODY } from './framing.ts'
import { checkLegacy, checkModern, isModernExchange } from './endpoint-rules.ts'
import { keepsTokens } from './message-bytes.ts'
import {
  BACKLOG_BYTES_MAX,
  NOT_READING,
  ProcessTable,
  type HostedProcess,
} from './process-table.ts'
import type { ServerCommand } from './server-process.ts'
import { SharedPool } from './shared-pool.ts'
import { StdioSession } from './stdio-session.ts'
import { StdioHealth } from './stdio-health.ts'
import type { Watchdog } from './watchdog.ts'

export interface StdioTransportOptions {
  readonly name: string
  readonly command: ServerCommand
  /** Most processes at a time, of sessions and shared ones together. */
  readonly processesMax: number
  /** Most shared processes; above 1 only when the server keeps no state between requests. */
  readonly poolMax: number
  /** So many shared processes are started before they are needed. */
  readonly prestart: number
  readonly pools: PoolObserver
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
  readonly carrier: 'tcp' | 'pipe'
  readonly beganMs: number
  protocolVersion: string | undefined
  /** True when the server has taken the handshake. */
  agreed: boolean
}

export class StdioTransport implements Transport {
  readonly #options: StdioTransportOptions
  readonly #processes: ProcessTable
  readonly #reader = new WireReader()
  readonly #watchfulReader = new WireReader({ watchNames: true })
  readonly #sessions = new Map<string, HostedSession>()
  readonly #pool: SharedPool
  /** What the last check has read: nearly always that message is sent at once. */
  #checked: { readonly exchange: Exchange; readonly message: WireMessage | undefined } | undefined

  constructor(options: StdioTransportOptions) {
    this.#options = options
    this.#processes = new ProcessTable(options)
    const recorder = options.pools.pool(options.name, 'processes')
    this.#pool = new SharedPool({ ...options, recorder }, this.#processes)
  }

  get sessions(): number {
    return this.#sessions.size
  }

  pools(): readonly PoolState[] {
    return [this.#pool.state()]
  }

  check(exchange: Exchange): Rejection | undefined {
    if (exchange.kind === 'message' && isModernExchange(exchange)) {
      const line = this.#watchfulReader.read(exchange.body)
      this.#checked = { exchange, message: line?.[0] }
      return checkModern(exchange, line) ?? this.#pool.check(exchange)
    }
    const { sessionId } = exchange
    const initializes = exchange.calls.some(({ message }) => message.method === 'initialize')
    const refused = checkLegacy(exchange, initializes)
    if (refused !== undefined) return refused
    if (sessionId === undefined) return this.#processes.checkRoom('session')
    const hosted = this.#sessions.get(sessionId)
    // Somebody else's session is answered as one that does not exist.
    if (hosted === undefined || hosted.session.owner !== exchange.ownerKey) {
      return reject('session_unknown', 'Session not found; start a new one with initialize')
    }
    if (exchange.kind === 'message') return checkBacklog(exchange, hosted)
    if (exchange.kind !== 'stream') return undefined
    const lastEventId = headerOf(exchange.headers, 'last-event-id')
    return hosted.session.canResume(lastEventId)
      ? undefined
      : reject('unknown_event', 'the events after this Last-Event-ID are not kept any more')
  }

  send(outbound: Outbound, sink: ReplySink): Flight {
    const { exchange } = outbound
    if (exchange.kind === 'message' && isModernExchange(exchange)) {
      return this.#pool.send(outbound, this.#wireOf(outbound), sink)
    }
    const { sessionId } = exchange
    if (sessionId === undefined) return this.#startSession(outbound, sink)
    const hosted = this.#sessions.get(sessionId)
    if (hosted === undefined) return fail(sink)
    if (exchange.kind === 'end_session') return this.#endSession(hosted, sink)
    const { session } = hosted
    hosted.protocolVersion = revisionOf(exchange) ?? hosted.protocolVersion
    if (exchange.kind === 'stream') {
      return session.listen(headerOf(exchange.headers, 'last-event-id'), sink)
    }
    const flight = session.ask(exchange, outbound.body, sink)
    if (flight === undefined) return this.#post(session, outbound, sink)
    outbound.attempt.handedMs = this.#options.clock.monotonicMs()
    return flight
  }

  #wireOf({ exchange, body }: Outbound): WireMessage | undefined {
    const checked = this.#checked
    this.#checked = undefined
    const message = checked?.exchange === exchange ? checked.message : undefined
    if (message !== undefined && keepsTokens(message, exchange.body, body)) return message
    return this.#reader.read(body)?.[0]
  }

  #post(session: StdioSession, { exchange, body, attempt }: Outbound, sink: ReplySink): Flight {
    const messages = this.#reader.read(body)
    if (messages === undefined) return fail(sink)
    const flight = session.post(exchange, body, messages, sink)
    attempt.handedMs = this.#options.clock.monotonicMs()
    return flight
  }

  /** Asks whether the program is well; see stdio-health.ts. */
  healthCheck(method: HealthMethod, version: string): (signal: AbortSignal) => Promise<Verdict> {
    const health = new StdioHealth({
      method,
      version,
      processes: this.#processes,
      shared: () => this.#pool.proven,
      inSession: () => [...this.#sessions.values()].some(({ agreed }) => agreed),
    })
    return (signal) => health.run(signal)
  }

  tick(nowMs: number): void {
    const { sessionIdleMs } = this.#options
    for (const hosted of this.#sessions.values()) {
      const { session } = hosted
      if (session.busy) session.lastUsedMs = nowMs
      session.tick(nowMs)
      if (nowMs - session.lastUsedMs <= sessionIdleMs) continue
      this.#tellEnd(hosted, 'idle')
      this.#drop(hosted)
    }
    this.#pool.tick(nowMs)
  }

  async close(): Promise<void> {
    for (const hosted of this.#sessions.values()) this.#tellEnd(hosted, 'stopped')
    this.#sessions.clear()
    await this.#processes.close()
  }

  #startSession(outbound: Outbound, sink: ReplySink): Flight {
    const { newId, clock, replay, observer, name } = this.#options
    const id = newId()
    const { exchange } = outbound
    const made: { hosted?: HostedSession } = {}
    const host = this.#processes.start('session', {
      received: (line, message) => {
        const { hosted } = made
        if (hosted === undefined) return
        hosted.session.received(line, message)
        if (hosted.agreed || message.kind !== 'response') return
        hosted.agreed = message.errorCode === undefined
        // A server that refuses the handshake has begun no session.
        if (!hosted.agreed) this.#drop(hosted)
      },
      lost: (key, failure) => made.hosted?.session.failOne(key, failure),
      ended: (failure) => {
        const { hosted } = made
        if (hosted === undefined) return 'crash'
        if (this.#sessions.delete(id)) this.#tellEnd(hosted, 'lost')
        hosted.session.fail(failure)
        return 'crash'
      },
    })
    if ('reason' in host) return fail(sink, host.reason)
    const session = new StdioSession(
      {
        id,
        owner: exchange.ownerKey,
        replay,
        nowMs: () => clock.monotonicMs(),
        onUnroutable: () => observer.lineDropped(name, 'unroutable'),
        onReplayLost: () => observer.limitHit('replay'),
      },
      host,
    )
    const hosted: HostedSession = {
      session,
      host,
      carrier: exchange.carrier,
      beganMs: clock.monotonicMs(),
      protocolVersion: revisionOf(exchange),
      agreed: false,
    }
    made.hosted = hosted
    this.#sessions.set(id, hosted)
    const messages = this.#reader.read(outbound.body) ?? []
    const flight = session.post(exchange, outbound.body, messages, sink)
    outbound.attempt.handedMs = clock.monotonicMs()
    return {
      resume: () => flight.resume(),
      // A client that leaves before it was told the session's id can never come back to it.
      abort: (why) => {
        flight.abort(why)
        if (hosted.agreed || !this.#sessions.has(id)) return
        this.#tellEnd(hosted, 'lost')
        this.#drop(hosted)
      },
    }
  }

  #endSession(hosted: HostedSession, sink: ReplySink): Flight {
    this.#tellEnd(hosted, 'deleted')
    this.#drop(hosted)
    sink.head(200, 'OK', EMPTY_BODY)
    sink.end()
    return NO_FLIGHT
  }

  #tellEnd(hosted: HostedSession, why: SessionEnding): void {
    const { observer, name, clock } = this.#options
    const { session, beganMs, carrier, protocolVersion, agreed } = hosted
    const endedMs = why === 'idle' ? session.lastUsedMs : clock.monotonicMs()
    const facts = { durationMs: endedMs - beganMs, carrier, protocolVersion }
    observer.sessionEnded(name, why, agreed ? facts : undefined)
  }

  #drop({ session, host }: HostedSession): void {
    this.#sessions.delete(session.id)
    session.end()
    void host.stop()
  }
}

/** Open requests of one session; the server has not answered so many. */
const OPEN_REQUESTS_MAX = 1_024

function checkBacklog(exchange: Exchange, { session, host }: HostedSession): Rejection | undefined {
  if (host.backlogBytes > BACKLOG_BYTES_MAX) return NOT_READING
  // What takes a request back, or answers the server, frees places.
  if (!exchange.calls.some(({ message }) => message.kind === 'request')) return undefined
  if (session.openRequests >= OPEN_REQUESTS_MAX) session.forgetAbandoned()
  if (session.openRequests < OPEN_REQUESTS_MAX) return undefined
  const message = `the session has ${OPEN_REQUESTS_MAX} requests that the server has not answered`
  return rejectOver('streams', 'at_capacity', message)
}

const NO_FLIGHT: Flight = { abort: () => {}, resume: () => {} }

function fail(sink: ReplySink, detail = 'gone'): Flight {
  sink.failed({ reason: 'process_exit', sent: false, stale: false, detail })
  return NO_FLIGHT
}
