/**
 * Whether a program that speaks over its standard streams is well.
 *
 * A process that requests share is asked. One that belongs to a session is left alone: that it runs and
 * has agreed on a handshake says that the program works. When none runs, the program is started, asked
 * and ended again; but only at first, and while something speaks against it, for starting a program every
 * half a minute only to see that it starts would be work for nothing.
 */

import { createEnvelopeReader } from '../../mcp/read-envelope.ts'
import { toLine } from '../../mcp/to-line.ts'
import { WireReader, type WireMessage } from '../../mcp/wire-message.ts'
import { down, HealthCheck, UP, type HealthMethod, type Verdict } from '../health/health-check.ts'
import {
  notificationBody,
  requestBody,
  type ProbeAnswer,
  type ProbeLink,
  type ProbeRequest,
} from '../health/probe-link.ts'
import { hearProbe } from '../health/probe-sink.ts'
import type { HostedProcess, ProcessTable } from './process-table.ts'
import type { SharedProcess } from './shared-process.ts'

export interface StdioHealthOptions {
  readonly method: HealthMethod
  readonly processes: ProcessTable
  /** A shared process that has answered before, if one runs. */
  readonly shared: () => SharedProcess | undefined
  /** True when a session runs whose handshake was agreed on. */
  readonly inSession: () => boolean
  /** Sidelight's own. */
  readonly version: string
}

export class StdioHealth {
  readonly #options: StdioHealthOptions
  readonly #sharedCheck: HealthCheck
  readonly #processCheck: HealthCheck
  #last: Verdict | undefined
  /** How many processes had crashed when the program was last seen to work; undefined before. */
  #crashesWhenWell: number | undefined

  constructor(options: StdioHealthOptions) {
    this.#options = options
    const { method } = options
    // A handshake would upset a process that others use; every server answers `initialize`, if only
    // with an error, while some of earlier revisions end of anything else before it.
    this.#sharedCheck = new HealthCheck(method === 'tools/list' ? method : 'discover')
    this.#processCheck = new HealthCheck(method === 'auto' ? 'ping' : method)
  }

  async run(signal: AbortSignal): Promise<Verdict> {
    const { crashes } = this.#options.processes
    const verdict = await this.#ask(signal, crashes)
    this.#crashesWhenWell = verdict.up ? crashes : undefined
    this.#last = verdict
    return verdict
  }

  async #ask(signal: AbortSignal, crashes: number): Promise<Verdict> {
    const { processes, shared, inSession, version } = this.#options
    const running = shared()
    if (running !== undefined)
      return this.#sharedCheck.run(new SharedLink(running, version, signal))
    if (inSession() || crashes === this.#crashesWhenWell) return UP
    // As many as there may be are just starting.
    if (processes.full) return this.#last ?? down('at_capacity')
    const link = new ProcessLink(processes, version, signal)
    const verdict = await this.#processCheck.run(link)
    await link.end()
    return verdict
  }
}

/** Asks a process that serves requests of clients too; it has shown that it is of the stateless era. */
class SharedLink implements ProbeLink {
  readonly #shared: SharedProcess
  readonly #version: string
  readonly #signal: AbortSignal

  constructor(shared: SharedProcess, version: string, signal: AbortSignal) {
    this.#shared = shared
    this.#version = version
    this.#signal = signal
  }

  async request(request: ProbeRequest): Promise<ProbeAnswer> {
    const body = requestBody(1, { ...request, era: 'modern' }, this.#version)
    const wire = new WireReader().read(body)?.[0]
    const envelope = createEnvelopeReader({ depthMax: 8, batchMax: 1 })(
      { 'content-type': 'application/json' },
      body,
    )
    if (wire === undefined || envelope.kind === 'rejected') {
      throw new Error('a health check that is no message')
    }
    const reply = await hearProbe(envelope.messages[0], this.#signal, (sink) =>
      this.#shared.request(
        { message: wire, body, acceptsStream: false, listens: false, checks: true },
        sink,
      ),
    )
    return reply.answer
  }

  async notify(): Promise<void> {}

  async end(): Promise<void> {}
}

/** Starts a process for one check, at its first request. */
class ProcessLink implements ProbeLink {
  readonly #processes: ProcessTable
  readonly #version: string
  readonly #signal: AbortSignal
  #host: HostedProcess | undefined
  #started = false
  #nextId = 1
  #answered: ((answer: ProbeAnswer) => void) | undefined

  constructor(processes: ProcessTable, version: string, signal: AbortSignal) {
    this.#processes = processes
    this.#version = version
    this.#signal = signal
  }

  async request(request: ProbeRequest): Promise<ProbeAnswer> {
    // What ended of one question is started again only to begin anew.
    const ended = this.#started && this.#host === undefined && request.method !== 'initialize'
    if (ended) return { kind: 'failed', reason: 'process_exit' }
    const host = this.#host ?? this.#start()
    if (host === undefined) return { kind: 'failed', reason: 'connect' }
    const body = requestBody(this.#nextId, request, this.#version)
    this.#nextId += 1
    return new Promise((resolve) => {
      const abort = (): void => this.#answered?.({ kind: 'failed', reason: 'timeout' })
      this.#answered = (answer) => {
        this.#signal.removeEventListener('abort', abort)
        this.#answered = undefined
        resolve(answer)
      }
      if (this.#signal.aborted) return abort()
      this.#signal.addEventListener('abort', abort)
      host.write(toLine(body))
    })
  }

  async notify(method: string): Promise<void> {
    this.#host?.write(toLine(notificationBody(method)))
  }

  async end(): Promise<void> {
    const host = this.#host
    this.#host = undefined
    // How long it takes to end is no part of the check.
    void host?.stop()
  }

  #start(): HostedProcess | undefined {
    this.#started = true
    const host = this.#processes.start('probe', {
      received: (_, message) => this.#received(message),
      lost: () => this.#answered?.({ kind: 'result' }),
      ended: ({ reason }) => {
        this.#host = undefined
        this.#answered?.({ kind: 'failed', reason })
        return 'probe'
      },
    })
    if ('reason' in host) return undefined
    this.#host = host
    return host
  }

  #received({ kind, id, errorCode }: WireMessage): void {
    if (kind !== 'response' || id?.key !== `n${this.#nextId - 1}`) return
    this.#answered?.({ kind: errorCode === undefined ? 'result' : 'rpc_error' })
  }
}
