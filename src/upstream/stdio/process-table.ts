/** The processes of one upstream: starts them within limits, counts them, and ends them all. */

import type { Clock } from '../../core/clock.ts'
import type { Log } from '../../core/log.ts'
import { reject, rejectOver, type Rejection } from '../../core/outcome.ts'
import { WireReader, type WireMessage } from '../../mcp/wire-message.ts'
import type { ProcessEnding, TransportObserver } from '../../core/observer.ts'
import type { TransportFailure } from '../transport.ts'
import { Backoff } from './backoff.ts'
import { ServerProcess, type ProcessEnd, type ServerCommand } from './server-process.ts'
import type { SessionProcess } from './stdio-session.ts'
import type { Watchdog } from './watchdog.ts'

export interface ProcessTableOptions {
  readonly name: string
  readonly command: ServerCommand
  readonly processesMax: number
  readonly lineBytesMax: number
  readonly clock: Clock
  readonly log: Log
  readonly observer: TransportObserver
  readonly watchdog: Watchdog
}

/** Told what a process says. */
export interface ProcessUser {
  received(line: Buffer, message: WireMessage): void
  /** An answer that was too long to keep; `key` is the id of the request. */
  lost(key: string, failure: TransportFailure): void
  /** The process has ended by itself. Returns whether that is to be counted as a crash. */
  ended(failure: TransportFailure): 'crash' | 'probe'
}

export interface HostedProcess extends SessionProcess {
  readonly pid: number | undefined
  stop(): Promise<void>
}

/** A process belongs to one session, to requests of several clients, or to one health check. */
export type ProcessUse = 'session' | 'shared' | 'probe'

/** More than this that a process does not read is refused. */
export const BACKLOG_BYTES_MAX = 64 * 1024 * 1024

export const NOT_READING: Rejection = rejectOver(
  'bodies',
  'at_capacity',
  'the server does not read what it is sent',
)

/** A process of a session that has answered was sound; a shared one must run for so long. */
const SOUND_MS = 10_000

export class ProcessTable {
  readonly #options: ProcessTableOptions
  readonly #running = new Set<ServerProcess>()
  /** Processes that ended by themselves and have not been replaced. */
  #missing = 0
  /** Those of health checks, which take no place from sessions. */
  readonly #probes = new Set<ServerProcess>()
  readonly #backoffs: Readonly<Record<ProcessUse, Backoff>> = {
    session: new Backoff(),
    shared: new Backoff(),
    probe: new Backoff(),
  }

  constructor(options: ProcessTableOptions) {
    this.#options = options
  }

  /** How many processes crashed before they were of use. */
  crashes = 0

  get full(): boolean {
    let staying = 0
    for (const process of this.#running) {
      if (!process.ending && !this.#probes.has(process)) staying += 1
    }
    return staying >= this.#options.processesMax
  }

  /** Refuses when there are as many processes as there may be, or the last ones crashed at once. */
  checkRoom(use: ProcessUse): Rejection | undefined {
    if (this.full) {
      const message = 'the upstream runs as many processes as its key "processes" allows'
      return rejectOver('processes', 'at_capacity', message)
    }
    const waitMs = this.#backoffs[use].waitMs(this.#options.clock.monotonicMs())
    if (waitMs === 0) return undefined
    return reject(
      'restarting',
      'the processes of the upstream fail as soon as they are started',
      Math.ceil(waitMs),
    )
  }

  /** A process proved to be of no use, though it was not seen to crash. */
  failed(use: ProcessUse): void {
    this.crashes += 1
    this.#backoffs[use].failed(this.#options.clock.monotonicMs())
    const { log, name } = this.#options
    log.write(
      'warn',
      'sidelight.process.ended',
      'The process of an upstream ends as soon as it is started',
      {
        'sidelight.upstream.name': name,
      },
    )
  }

  /** A running process, or why there is none: it crashed too often just now. */
  start(use: ProcessUse, user: ProcessUser): HostedProcess | { readonly reason: string } {
    const { clock, observer, name } = this.#options
    if (this.#backoffs[use].waitMs(clock.monotonicMs()) > 0)
      return { reason: 'restarting too often' }
    const reader = new WireReader()
    const life = { use, answered: false }
    const drop = (why: 'noise' | 'too_long'): void => observer.lineDropped(name, why)
    const process = new ServerProcess({ ...this.#options, stderr: 'lines' })
    process.listen(this.#options.lineBytesMax, {
      line: (line) => {
        const messages = reader.read(line)
        if (messages === undefined) drop('noise')
        for (const message of messages ?? []) {
          if (message.kind === 'response') life.answered = true
          user.received(line, message)
        }
      },
      longPart: (bytes) => reader.part(bytes),
      longEnd: () => {
        drop('too_long')
        observer.limitHit('line')
        for (const { kind, id } of reader.end() ?? []) {
          if (kind === 'response' && id !== undefined) user.lost(id.key, TOO_LONG)
        }
      },
      stderr: (text) => this.#logStderr(process.pid, text),
      exited: (end) => this.#ended(process, user, end, life),
    })
    this.#running.add(process)
    if (use === 'probe') this.#probes.add(process)
    observer.processStarted(name)
    if (this.#missing > 0 && use !== 'probe') {
      this.#missing -= 1
      observer.processRestarted(name)
    }
    return process
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((process) => process.stop()))
  }

  #ended(
    process: ServerProcess,
    user: ProcessUser,
    end: ProcessEnd,
    { use, answered }: { readonly use: ProcessUse; readonly answered: boolean },
  ): void {
    const { observer, name, clock, log } = this.#options
    this.#running.delete(process)
    this.#probes.delete(process)
    const failure: TransportFailure = {
      reason: end.spawnError === undefined ? 'process_exit' : 'connect',
      sent: end.spawnError === undefined,
      stale: false,
      detail: end.spawnError ?? `exit ${end.code ?? end.signal ?? 'unknown'}`,
      ...(process.pid === undefined ? {} : { incident: process.pid }),
    }
    const verdict = end.asked ? 'asked' : user.ended(failure)
    if (end.asked) user.ended(failure)
    observer.processEnded(name, endingOf(end, verdict))
    if (verdict !== 'crash') return
    this.#missing += 1
    const sound = answered && (use === 'session' || end.uptimeMs >= SOUND_MS)
    if (sound) this.#backoffs[use].reset()
    else {
      this.crashes += 1
      this.#backoffs[use].failed(clock.monotonicMs())
    }
    log.write('warn', 'sidelight.process.ended', 'The process of an upstream ended by itself', {
      'sidelight.upstream.name': name,
      'process.pid': process.pid,
      'process.exit.code': end.code,
      'sidelight.process.signal': end.signal,
      'sidelight.detail': end.spawnError,
      'sidelight.process.lifetime': Math.round(end.uptimeMs) / 1000,
    })
  }

  #logStderr(pid: number | undefined, text: string): void {
    const { log, name } = this.#options
    if (text.trim() === '') return
    log.write('info', 'sidelight.process.stderr', 'A server wrote to its standard error', {
      'sidelight.upstream.name': name,
      'process.pid': pid,
      'sidelight.process.text': text,
    })
  }
}

const TOO_LONG: TransportFailure = {
  reason: 'bad_message',
  sent: true,
  stale: false,
  detail: 'line longer than limits.line',
}

function endingOf(end: ProcessEnd, verdict: 'asked' | 'crash' | 'probe'): ProcessEnding {
  if (end.spawnError !== undefined) return 'not_started'
  if (verdict === 'asked') return 'stopped'
  if (verdict === 'probe') return 'probe'
  return end.code === 0 ? 'exited' : 'crashed'
}
