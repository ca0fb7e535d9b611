/**
 * Servers over standard streams on a bad day: a command that starts a real server with a process
 * around it, which does what the test says. Killing and stopping are signals to both.
 */

import { createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseJson } from '../support/json.ts'
import { closeAfterTest } from '../support/scope.ts'
import { signal, waitFor } from '../support/wait-for.ts'
import type { LinkFault } from './faults.ts'
import { playSteps, realTime, type FaultTime, type Step } from './schedule.ts'

const PROGRAM = fileURLToPath(new URL('stdio-fault-process.ts', import.meta.url))

/** Loading Node twice on a busy machine. */
const START_WITHIN = 15_000

const FLOOD_MAX = 1_000_000

export type StdioFault =
  /** The process ends so long after its start, without ever having started the server. */
  | { readonly kind: 'crash'; readonly code: number; readonly afterMs: number }
  /** The server is started so late. */
  | { readonly kind: 'slow_start'; readonly ms: number }
  /** What happens to what the server writes; a cut ends the process. */
  | LinkFault

/** What a test tells a process. */
export type Order =
  | {
      readonly kind: 'start' | 'set'
      readonly faults: readonly StdioFault[]
      readonly seed: number
    }
  | {
      readonly kind: 'flood'
      readonly to: 'stdout' | 'stderr'
      readonly line: string
      readonly times: number
    }

/** What a process tells its test. */
export type Report =
  | { readonly kind: 'hello'; readonly pid: number }
  | { readonly kind: 'started'; readonly pid: number }
  | { readonly kind: 'flooded'; readonly to: 'stdout' | 'stderr' }

/** One server process with the one around it. */
export class FaultyProcess {
  readonly pid: number
  readonly #socket: Socket
  #server: number | undefined
  #gone = false
  readonly #flooded = { stdout: signal(), stderr: signal() }

  constructor(pid: number, socket: Socket) {
    this.pid = pid
    this.#socket = socket
    socket.on('close', () => (this.#gone = true))
  }

  /** True when both have ended. */
  get gone(): boolean {
    return this.#gone
  }

  /** The server itself; 0 while it has not been started. */
  get server(): number {
    return this.#server ?? 0
  }

  /** Both do nothing any more, and the pipes stay open. */
  hang(): void {
    this.#signal('SIGSTOP')
  }

  /** Ends a hang. */
  wake(): void {
    this.#signal('SIGCONT')
  }

  /** Both are gone, without a word. */
  kill(): void {
    this.#signal('SIGKILL')
  }

  /** Lines that nobody asked for; resolves when the last has been taken. One flood per stream. */
  flood(to: 'stdout' | 'stderr', line: string, times: number): Promise<void> {
    if (times > FLOOD_MAX) throw new Error(`a flood has at most ${FLOOD_MAX} lines`)
    this.#flooded[to] = signal()
    this.order({ kind: 'flood', to, line, times })
    return this.#flooded[to].promise
  }

  order(order: Order): void {
    if (!this.#gone) this.#socket.write(`${JSON.stringify(order)}\n`)
  }

  told(report: Report): void {
    if (report.kind === 'started') this.#server = report.pid
    if (report.kind === 'flooded') this.#flooded[report.to].resolve()
  }

  #signal(name: NodeJS.Signals): void {
    if (this.#gone) return
    for (const pid of [this.#server, this.pid]) {
      if (pid === undefined) continue
      try {
        process.kill(pid, name)
      } catch {
        // It has ended, and we have not heard of it yet.
      }
    }
  }
}

export interface StdioFaultsOptions {
  /** The real server. */
  readonly command: readonly string[]
  readonly faults?: readonly StdioFault[]
  readonly seed?: number
  readonly time?: FaultTime
}

export class StdioFaults {
  /** What is to be started in the server's place. */
  readonly command: readonly string[]
  /** Every process that there has been, in the order of their starts. */
  readonly all: FaultyProcess[] = []
  #faults: readonly StdioFault[]
  readonly #seed: number
  readonly #time: FaultTime
  #stopSteps: () => void = () => {}

  constructor(
    port: number,
    { command, faults = [], seed = 1, time = realTime }: StdioFaultsOptions,
  ) {
    this.command = [process.execPath, PROGRAM, String(port), ...command]
    this.#faults = faults
    this.#seed = seed
    this.#time = time
  }

  /** From now on these faults and no others, for what runs and for what will be started. */
  set(...faults: readonly StdioFault[]): void {
    this.#faults = faults
    for (const each of this.all) each.order({ kind: 'set', faults, seed: this.#seed })
  }

  clear(): void {
    this.set()
  }

  /** Sets faults by the clock. */
  play(steps: readonly Step<StdioFault>[]): void {
    this.#stopSteps()
    this.#stopSteps = playSteps(steps, this.#time, (faults) => this.set(...faults))
  }

  /** Waits for the process with this index, and for its server when there is to be one. */
  process(index = 0): Promise<FaultyProcess> {
    return waitFor(() => this.all[index], {
      within: START_WITHIN,
      what: `process ${index} to start`,
    })
  }

  /** The process with this index, once its server runs. */
  async running(index = 0): Promise<FaultyProcess> {
    const found = await this.process(index)
    await waitFor(() => found.server > 0, {
      within: START_WITHIN,
      what: `the server of process ${index} to start`,
    })
    return found
  }

  took(socket: Socket, pid: number): FaultyProcess {
    const started = new FaultyProcess(pid, socket)
    this.all.push(started)
    started.order({ kind: 'start', faults: this.#faults, seed: this.#seed + this.all.length - 1 })
    return started
  }

  stop(): void {
    this.#stopSteps()
    for (const each of this.all) each.kill()
  }
}

export async function startStdioFaults(options: StdioFaultsOptions): Promise<StdioFaults> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    let started: FaultyProcess | undefined
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    createInterface({ input: socket }).on('line', (line) => {
      const report = parseJson<Report>(line)
      if (report.kind === 'hello') started = faults.took(socket, report.pid)
      else started?.told(report)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const faults = new StdioFaults(port, options)
  closeAfterTest(async () => {
    faults.stop()
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return faults
}
