/** `sidelight wrap` as clients start it: a process of their own, spoken to over its pipes. */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { checkedExports } from './checked-collector.ts'
import { closeAfterTest } from './scope.ts'
import { bounded, waitFor } from './wait-for.ts'

export const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** Loading two programs on a busy machine. */
const WITHIN = 20_000

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class WrapProcess {
  readonly child: ChildProcess
  /** Everything on standard output. */
  stdout = ''
  stderr = ''
  readonly #closed: Promise<unknown>

  /** `reads` is false for a client that reads nothing of standard output. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>>, reads: boolean) {
    this.child = spawn(process.execPath, [MAIN, 'wrap', ...args], {
      env: {
        PATH: process.env['PATH'],
        ...checkedExports(),
        ...env,
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#closed = once(this.child, 'close')
    this.child.stdin?.on('error', () => {})
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()))
    if (!reads) return
    this.child.stdout?.setEncoding('utf8')
    this.child.stdout?.on('data', (text: string) => (this.stdout += text))
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  get lines(): readonly string[] {
    return this.stdout.split('\n').slice(0, -1)
  }

  say(message: string): void {
    this.child.stdin?.write(`${message}\n`)
  }

  end(): void {
    this.child.stdin?.end()
  }

  line(index: number): Promise<string> {
    return waitFor(() => this.lines[index], {
      within: WITHIN,
      what: `line ${index} of wrap (said: ${this.stderr})`,
    })
  }

  async ended(within = WITHIN): Promise<Ended> {
    await bounded(this.#closed, { within, what: `the end of wrap (said: ${this.stderr})` })
    return { code: this.child.exitCode, signal: this.child.signalCode }
  }

  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
    this.child.stdout?.resume()
    await this.#closed
  }
}

export function startWrapProcess(
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly reads?: boolean } = {},
): WrapProcess {
  const wrap = new WrapProcess(args, options.env ?? {}, options.reads ?? true)
  closeAfterTest(() => wrap.kill())
  return wrap
}

/** The resident memory of a process in MiB, on Linux. */
export async function rssMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}
