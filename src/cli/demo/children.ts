/** The demo's processes: starts them, listens to them, and leaves none behind. */

import { fork, type ChildProcess } from 'node:child_process'
import { LineTail } from './line-tail.ts'
import type { Order, ReadyReport } from './parent.ts'

export interface ChildrenOptions {
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A process that ended, or never came up, without being told to. */
export interface ChildFailure {
  readonly kind: 'child_failed'
  readonly name: string
  readonly what: string
  /** The last lines it wrote. */
  readonly output: readonly string[]
}

export interface Child {
  readonly name: string
  readonly pid: number | undefined
  /** The port it listens on, once it does. Never rejects; `failed` tells of the other end. */
  readonly ready: Promise<number | undefined>
  tell(order: Order): void
}

/** Of the environment, children get no more: the reference server shows its own to every client. */
const ENV_NAMES = ['PATH', 'HOME', 'TMPDIR', 'SYSTEMROOT', 'TZ']

const READY_TIMEOUT_MS = 15_000
const STOP_TIMEOUT_MS = 800
const OUTPUT_LINES_MAX = 20

interface Running {
  readonly process: ChildProcess
  readonly ended: Promise<void>
}

export class Children {
  /** Resolves when the first child fails; never when all end as they should. */
  readonly failed: Promise<ChildFailure>
  readonly #env: Record<string, string>
  readonly #running: Running[] = []
  #fail: (failure: ChildFailure) => void = () => {}
  #stopping = false

  constructor(options: ChildrenOptions) {
    this.failed = new Promise((resolve) => {
      this.#fail = resolve
    })
    const known = ENV_NAMES.map((name) => [name, options.env[name]] as const)
    this.#env = Object.fromEntries(
      known.filter((entry): entry is [string, string] => entry[1] !== undefined),
    )
  }

  /** Starts the module as a process. A session of its own keeps the terminal's Ctrl-C from it. */
  start(name: string, module: URL): Child {
    const child = fork(module, {
      env: this.#env,
      execArgv: [],
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    const output = new LineTail(OUTPUT_LINES_MAX)
    child.stdout?.on('data', (chunk: Buffer) => output.add(chunk))
    child.stderr?.on('data', (chunk: Buffer) => output.add(chunk))
    const fail = (what: string): void => {
      if (!this.#stopping) {
        this.#fail({ kind: 'child_failed', name, what, output: output.lines() })
      }
    }
    const late = setTimeout(
      () => fail(`did not report within ${READY_TIMEOUT_MS / 1_000} s that it works`),
      READY_TIMEOUT_MS,
    )
    const ready = new Promise<number | undefined>((resolve) => {
      child.on('message', (message: unknown) => {
        if (!isReadyReport(message)) return
        clearTimeout(late)
        resolve(message.port)
      })
    })
    const ended = new Promise<void>((resolve) => {
      child.on('error', (error) => {
        clearTimeout(late)
        fail(`could not be started or told: ${error.message}`)
        if (child.pid === undefined) resolve()
      })
      // What it wrote last has been read at "close", not yet at "exit".
      child.on('close', (code, signal) => {
        clearTimeout(late)
        fail(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`)
        resolve()
      })
    })
    this.#running.push({ process: child, ended })
    return { name, pid: child.pid, ready, tell: (order) => tell(child, order) }
  }

  /** From now on the end of a child is no failure. */
  expectEnds(): void {
    this.#stopping = true
  }

  /** Asks every child, or the ones named by pid, to end; those that do not in time are killed. */
  async stop(pids?: readonly (number | undefined)[]): Promise<void> {
    this.expectEnds()
    const chosen = this.#running.filter(({ process }) => pids?.includes(process.pid) ?? true)
    await Promise.all(chosen.map(stopOne))
  }
}

async function stopOne({ process, ended }: Running): Promise<void> {
  tell(process, { kind: 'stop' })
  const timer = setTimeout(() => process.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await ended
  clearTimeout(timer)
}

function tell(child: ChildProcess, order: Order): void {
  // A child that has just died cannot be told; its end is reported on its own.
  if (child.connected) child.send(order, () => {})
}

function isReadyReport(message: unknown): message is ReadyReport {
  return (
    typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'ready'
  )
}
