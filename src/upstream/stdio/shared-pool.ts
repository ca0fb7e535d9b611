/**
 * The processes that requests of the stateless era share.
 *
 * Requests of one client go to one process, because servers may keep state behind handles that
 * they gave out; a server that is declared stateless has several, for everybody.
 */

import type { Clock } from '../../core/clock.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { TransportObserver } from '../../core/observer.ts'
import type { Rejection } from '../../core/outcome.ts'
import { isLongLived } from '../../mcp/methods.ts'
import { WireReader } from '../../mcp/wire-message.ts'
import type { Flight, Outbound, ReplySink, TransportFailure } from '../transport.ts'
import { acceptsStream, EMPTY_BODY, jsonHeaders } from './framing.ts'
import { ParamHeaders } from './param-headers.ts'
import {
  BACKLOG_BYTES_MAX,
  NOT_READING,
  type HostedProcess,
  type ProcessTable,
} from './process-table.ts'
import { noDiscover } from './message-bytes.ts'
import { SharedProcess } from './shared-process.ts'
import { NOT_TAKEN } from './stdio-session.ts'

export interface SharedPoolOptions {
  readonly name: string
  /** Most processes per owner. */
  readonly poolMax: number
  /** True when all clients may share processes; otherwise each has its own. */
  readonly stateless: boolean
  /** A process that is not used for so long is ended. */
  readonly sessionIdleMs: number
  readonly clock: Clock
  readonly observer: TransportObserver
}

interface Member {
  readonly shared: SharedProcess
  readonly host: HostedProcess
  readonly owner: string
  readonly params: ParamHeaders
}

export class SharedPool {
  readonly #options: SharedPoolOptions
  readonly #processes: ProcessTable
  readonly #reader = new WireReader()
  readonly #members = new Set<Member>()
  /** Until then the server is taken for one of an earlier revision, and not asked again. */
  #legacyUntilMs = 0

  constructor(options: SharedPoolOptions, processes: ProcessTable) {
    this.#options = options
    this.#processes = processes
  }

  /** Refuses when there is no process for the client and none may be started. */
  check(exchange: Exchange): Rejection | undefined {
    const owner = this.#ownerOf(exchange)
    const own = [...this.#members].filter((member) => member.owner === owner)
    if (own.length === 0) {
      if (this.#processes.full) this.#endIdlest()
      return this.#processes.checkRoom('shared')
    }
    const reads = own.some(({ host }) => host.backlogBytes <= BACKLOG_BYTES_MAX)
    return reads ? undefined : NOT_READING
  }

  send({ exchange, body, attempt }: Outbound, sink: ReplySink): Flight {
    const message = this.#reader.read(body)?.[0]
    if (message === undefined) return refuse(sink, 'gone')
    if (message.kind !== 'request') return this.#notify(exchange, body, sink)
    if (message.method === 'server/discover' && this.#legacyUntilMs > this.#nowMs()) {
      return refuseProbe(message.id?.raw ?? 'null', sink)
    }
    const hosted = this.#pick(exchange)
    if ('reason' in hosted) return refuse(sink, hosted.reason)
    const { shared, params } = hosted
    const request = {
      message,
      body,
      acceptsStream: acceptsStream(exchange),
      listens: isLongLived(message.method),
    }
    const askedMs = this.#nowMs()
    const ask = (): Flight => {
      attempt.queuedMs = this.#nowMs() - askedMs
      const flight = shared.request(request, sink)
      attempt.handedMs = this.#nowMs()
      return flight
    }
    return message.method === 'tools/call' ? params.guard(exchange, sink, ask) : ask()
  }

  /** Belongs to no reply: it is passed on where its client's requests are, or to nobody. */
  #notify(exchange: Exchange, body: Buffer, sink: ReplySink): Flight {
    const owner = this.#ownerOf(exchange)
    const [message] = exchange.calls
    const accepted = (error?: Error | null): void => {
      if (error instanceof Error) return sink.failed(NOT_TAKEN)
      sink.head(202, 'Accepted', EMPTY_BODY)
      sink.end()
    }
    const own = [...this.#members].filter((hosted) => hosted.owner === owner)
    // Ids are unique per client only, so nothing is taken back by one: it might be another client's
    // request. Clients of this era hang up instead.
    const target = message?.message.cancels === undefined ? own[0] : undefined
    if (target === undefined) accepted()
    else target.shared.notify(body, accepted)
    return NO_FLIGHT
  }

  /** The process with the least to do, or a new one while there may be more. */
  #pick(exchange: Exchange): Member | { readonly reason: string } {
    const owner = this.#ownerOf(exchange)
    const own = [...this.#members].filter((hosted) => hosted.owner === owner)
    const least = own.toSorted((a, b) => loadOf(a) - loadOf(b))[0]
    const more = own.length < this.#options.poolMax && !this.#processes.full
    if (least !== undefined && (loadOf(least) === 0 || !more)) return least
    const started = this.#startShared(owner)
    return 'reason' in started && least !== undefined ? least : started
  }

  #startShared(owner: string): Member | { readonly reason: string } {
    const { clock, observer, name } = this.#options
    const parts: { hosted?: Member } = {}
    const host = this.#processes.start('shared', {
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
        this.#members.delete(hosted)
        hosted.params.fail()
        if (hosted.shared.onlyProbed && failure.sent) {
          this.#judge(hosted.shared, failure)
          return 'probe'
        }
        hosted.shared.fail(failure)
        return 'crash'
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
    const hosted: Member = {
      shared,
      host,
      owner,
      params: new ParamHeaders(host, () => clock.monotonicMs()),
    }
    parts.hosted = hosted
    this.#members.add(hosted)
    return hosted
  }

  /**
   * A process ended when it was asked `server/discover`: it may be a server of an earlier revision, or
   * one that cannot run at all. One that lives as long as it is asked nothing is the former.
   */
  #judge(shared: SharedProcess, failure: TransportFailure): void {
    let decided = false
    const decide = (legacy: boolean): void => {
      if (decided) return
      decided = true
      if (legacy) {
        this.#legacyUntilMs = this.#nowMs() + LEGACY_MS
        shared.answerProbes()
      } else {
        this.#processes.failed('shared')
        shared.fail(failure)
      }
    }
    if (this.#legacyUntilMs > this.#nowMs()) return decide(true)
    const user = { received: () => {}, lost: () => {} }
    const silent = this.#processes.start('shared', {
      ...user,
      ended: () => {
        decide(false)
        return 'probe'
      },
    })
    if ('reason' in silent) return decide(false)
    setTimeout(() => {
      decide(true)
      void silent.stop()
    }, JUDGE_MS)
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs()
  }

  /** A server that knows no `server/discover` serves sessions only; this process is of no use. */
  #retireLegacy(hosted: Member): void {
    const { shared, host } = hosted
    if (!shared.onlyProbed || !shared.refusedProbe || shared.load > 0) return
    this.#members.delete(hosted)
    void host.stop()
  }

  /** Requests of one owner may share a process; those of two may not, unless there is no state. */
  #ownerOf({ principal, clientAddress }: Exchange): string {
    // What a token claims was checked by nobody, so it can only narrow what an address may share.
    return this.#options.stateless ? '' : `${clientAddress ?? ''} ${principal ?? ''}`
  }

  /** Makes room: a process that nobody uses now gives way to somebody who asks. */
  #endIdlest(): void {
    const idle = [...this.#members].filter((member) => loadOf(member) === 0)
    const [longest] = idle.toSorted((a, b) => a.shared.lastUsedMs - b.shared.lastUsedMs)
    if (longest === undefined) return
    this.#members.delete(longest)
    void longest.host.stop()
  }

  /** A process that has answered before, and is not about to end. */
  get proven(): SharedProcess | undefined {
    for (const { shared } of this.#members) if (shared.proven) return shared
    return undefined
  }

  /** Looks after silent streams, and ends the processes that nobody uses. */
  tick(nowMs: number): void {
    for (const member of this.#members) {
      const { shared, host } = member
      shared.tick(nowMs)
      if (loadOf(member) > 0 || nowMs - shared.lastUsedMs <= this.#options.sessionIdleMs) continue
      this.#members.delete(member)
      void host.stop()
    }
  }
}

/** A server that lives for so long without being asked anything can run. */
const JUDGE_MS = 500

/** How long what was found out about a server is believed. */
const LEGACY_MS = 60_000

function refuseProbe(idRaw: string, sink: ReplySink): Flight {
  const body = noDiscover(idRaw)
  sink.head(404, 'Not Found', jsonHeaders(body.length))
  sink.data(body)
  sink.end()
  return NO_FLIGHT
}

/** Calls that wait for the schemas of the tools are work too. */
function loadOf({ shared, params }: Member): number {
  return shared.load + params.waiting
}

const NO_FLIGHT: Flight = { abort: () => {}, resume: () => {} }

function refuse(sink: ReplySink, detail: string): Flight {
  sink.failed({ reason: 'process_exit', sent: false, stale: false, detail })
  return NO_FLIGHT
}
