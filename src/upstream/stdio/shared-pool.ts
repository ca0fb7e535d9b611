/**
 * The processes that requests of the stateless era share.
 *
 * Requests of one client go to one process, because servers may keep state behind handles that
 * they gave out; a server that is declared stateless has several, for everybody.
 */

import type { Clock } from '../../core/clock.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { Log } from '../../core/log.ts'
import type { TransportObserver } from '../../core/observer.ts'
import type { Rejection } from '../../core/outcome.ts'
import type { PoolRecorder, PoolState } from '../../core/pool.ts'
import { isLongLived } from '../../mcp/methods.ts'
import type { WireMessage } from '../../mcp/wire-message.ts'
import type { Flight, Outbound, ReplySink } from '../transport.ts'
import { acceptsStream, EMPTY_BODY } from './framing.ts'
import { LEGACY_MS, LegacyJudge } from './legacy-judge.ts'
import { ParamHeaders } from './param-headers.ts'
import { NO_FLIGHT, NOT_TAKEN, refuse, refuseProbe } from './pool-replies.ts'
import { isBetter, loadOf, reads, type Member } from './pool-member.ts'
import { NOT_READING, type ProcessTable } from './process-table.ts'
import { SharedProcess } from './shared-process.ts'

export interface SharedPoolOptions {
  readonly name: string
  /** Most processes per owner. */
  readonly poolMax: number
  /** Most processes of the upstream, whatever for. */
  readonly processesMax: number
  /** So many are started before they are needed; only when the server is stateless. */
  readonly prestart: number
  /** True when all clients may share processes; otherwise each has its own. */
  readonly stateless: boolean
  /** A process that is not used for so long is ended. */
  readonly sessionIdleMs: number
  readonly clock: Clock
  readonly log: Log
  readonly observer: TransportObserver
  readonly recorder: PoolRecorder
}

export class SharedPool {
  readonly #options: SharedPoolOptions
  readonly #processes: ProcessTable
  readonly #members = new Set<Member>()
  readonly #judge: LegacyJudge
  /** Until then no process is started before it is needed. */
  #idleUntilMs = 0
  /** Members that get no more requests, and end with those that they have. */
  readonly #retired = new Set<Member>()

  constructor(options: SharedPoolOptions, processes: ProcessTable) {
    this.#options = options
    this.#processes = processes
    this.#judge = new LegacyJudge(options.clock, processes)
  }

  /** Refuses when there is no process for the client and none may be started. */
  check(exchange: Exchange): Rejection | undefined {
    const owner = this.#ownerOf(exchange)
    let hasOne = false
    for (const member of this.#members) {
      if (member.owner !== owner) continue
      if (reads(member)) return undefined
      hasOne = true
    }
    if (hasOne) return NOT_READING
    if (this.#processes.full) this.#endIdlest()
    return this.#processes.checkRoom('shared')
  }

  /** `message` is that of the body; undefined when there is none. */
  send(
    { exchange, body, attempt }: Outbound,
    message: WireMessage | undefined,
    sink: ReplySink,
  ): Flight {
    if (message === undefined) return refuse(sink, 'gone')
    if (message.kind !== 'request') return this.#notify(exchange, body, sink)
    if (message.method === 'server/discover' && this.#judge.legacy) {
      return refuseProbe(message.id?.raw ?? 'null', sink)
    }
    const enteredMs = this.#nowMs()
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
      this.#options.recorder.waited(attempt.handedMs - enteredMs)
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
    this.#retireHanging()
    let own = 0
    let least: Member | undefined
    for (const member of this.#members) {
      if (member.owner !== owner) continue
      own += 1
      if (least === undefined || isBetter(member, least)) least = member
    }
    const more = own < this.#options.poolMax && !this.#processes.full
    if (least !== undefined && (loadOf(least) === 0 || !more)) return least
    const started = this.#startShared(owner)
    return 'reason' in started && least !== undefined ? least : started
  }

  #startShared(owner: string): Member | { readonly reason: string } {
    const { clock, observer, name, recorder } = this.#options
    const parts: { hosted?: Member } = {}
    const beganMs = this.#nowMs()
    const host = this.#processes.start('shared', {
      received: (line, message) => {
        const { hosted } = parts
        if (hosted === undefined) return
        hosted.shared.heard()
        if (hosted.params.received(line, message)) return
        hosted.shared.received(line, message)
        this.#retireLegacy(hosted)
      },
      lost: (key, failure) => parts.hosted?.shared.failOne(key, failure),
      ended: (failure) => {
        const { hosted } = parts
        if (hosted === undefined) return 'crash'
        this.#members.delete(hosted)
        this.#retired.delete(hosted)
        hosted.params.fail()
        if (hosted.shared.onlyProbed && hosted.shared.touched && failure.sent) {
          this.#judge.judge(hosted.shared, failure)
          return 'probe'
        }
        hosted.shared.fail(failure)
        return 'crash'
      },
    })
    if ('reason' in host) return host
    recorder.created(this.#nowMs() - beganMs)
    const shared = new SharedProcess(
      {
        nowMs: () => clock.monotonicMs(),
        onUnroutable: () => observer.lineDropped(name, 'unroutable'),
        onDone: (tookMs) => recorder.used(tookMs),
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

  #nowMs(): number {
    return this.#options.clock.monotonicMs()
  }

  /** A server that knows no `server/discover` serves sessions only; this process is of no use. */
  #retireLegacy(hosted: Member): void {
    const { shared, host } = hosted
    if (!shared.onlyProbed || !shared.refusedProbe || shared.load > 0) return
    this.#idleUntilMs = this.#nowMs() + LEGACY_MS
    this.#members.delete(hosted)
    void host.stop()
  }

  /** Requests of one owner may share a process; those of two may not, unless there is no state. */
  #ownerOf({ ownerKey, clientAddress }: Exchange): string {
    // What a token claims was checked by nobody, so it can only narrow what an address may share.
    return this.#options.stateless ? '' : `${clientAddress ?? ''} ${ownerKey ?? ''}`
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

  state(): PoolState {
    const { stateless, poolMax, processesMax } = this.#options
    const members = [...this.#members, ...this.#retired]
    const used = members.filter((member) => loadOf(member) > 0).length
    return {
      pool: 'processes',
      idle: members.length - used,
      used,
      max: stateless ? Math.min(poolMax, processesMax) : processesMax,
      pending: members.reduce((sum, { params }) => sum + params.waiting, 0),
    }
  }

  /**
   * Takes processes that hang out of the pool, or they would get the next calls: nobody has less to do.
   * One that holds a client's state is left alone.
   */
  #retireHanging(): void {
    for (const member of this.#members) {
      if (!member.shared.hangs || !this.#options.stateless) continue
      this.#members.delete(member)
      this.#retired.add(member)
      this.#options.log.write(
        'warn',
        'sidelight.process.ended',
        'A process of an upstream said nothing until a call was late, and gets no more calls',
        { 'sidelight.upstream.name': this.#options.name, 'process.pid': member.host.pid },
      )
    }
    for (const member of this.#retired) {
      if (member.shared.working || member.params.waiting > 0) continue
      this.#retired.delete(member)
      void member.host.stop()
    }
  }

  /** One at a time, so that a program that cannot run is not started several times. */
  #prestart(nowMs: number): void {
    const { prestart, poolMax, stateless } = this.#options
    if (!stateless || this.#members.size >= Math.min(prestart, poolMax)) return
    if (this.#judge.legacy || nowMs < this.#idleUntilMs) return
    if (this.#processes.checkRoom('shared') === undefined) this.#startShared('')
  }

  /** Looks after silent streams, and ends the processes that nobody uses. */
  tick(nowMs: number): void {
    this.#retireHanging()
    this.#prestart(nowMs)
    for (const { shared } of this.#retired) shared.tick(nowMs)
    for (const member of this.#members) {
      const { shared, host } = member
      shared.tick(nowMs)
      if (this.#members.size <= this.#options.prestart) continue
      if (loadOf(member) > 0 || nowMs - shared.lastUsedMs <= this.#options.sessionIdleMs) continue
      this.#members.delete(member)
      void host.stop()
    }
  }
}
