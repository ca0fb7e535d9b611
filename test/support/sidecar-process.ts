/** The sidecar as its users start it: a process with arguments, environment and signals. */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkedExports } from './checked-collector.ts'
import { parseJson } from './json.ts'
import { Metrics } from './metrics.ts'
import { closeAfterTest } from './scope.ts'
import { bounded, waitFor } from './wait-for.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** Loading the program on a busy machine. */
const START_WITHIN = 20_000

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the program to its end. */
export async function runSidelight(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const program = launchSidelight(args, env)
  return program.finished(START_WITHIN)
}

export interface SidecarProcess {
  readonly pid: number
  readonly dataUrl: string
  readonly adminUrl: string
  url(upstream: string): string
  metrics(): Promise<Metrics>
  signal(signal: NodeJS.Signals): void
  readonly stderr: string
  /** Stops reading standard error until `resumeStderr`. */
  pauseStderr(): void
  resumeStderr(): void
  /** Stops reading standard error and closes the pipe. */
  closeStderr(): void
  /** Resolves when the process has ended. */
  finished(within: number): Promise<Finished>
  /** Ends the process, whatever it does, and waits for that. */
  kill(): Promise<void>
}

/** Starts `sidelight run` on ephemeral ports and waits until it says that it runs. */
export async function startSidecarProcess(options: {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Where its data plane listens, in place of a port that is free. */
  readonly listen?: string
  /** Where the admin plane listens; the same without it. */
  readonly admin?: string
  /** A program to run in place of the sources, and what runs it. */
  readonly program?: readonly [command: string, ...args: string[]]
}): Promise<SidecarProcess> {
  const program = launchSidelight(
    [
      'run',
      '--listen',
      options.listen ?? '127.0.0.1:0',
      '--admin',
      options.admin ?? '127.0.0.1:0',
      ...options.args,
    ],
    options.env ?? {},
    options.program,
  )
  const started = await waitFor(
    () => {
      if (program.child.exitCode !== null) {
        throw new Error(`the sidecar ended at its start: ${program.stderr()}`)
      }
      return findStart(program.stderr())
    },
    { within: START_WITHIN, what: 'the sidecar to start' },
  )
  return {
    pid: program.child.pid ?? 0,
    dataUrl: started.data,
    adminUrl: started.admin,
    url: (upstream) => `${started.data}/${upstream}/mcp`,
    metrics: async () => new Metrics(await (await fetch(`${started.admin}/metrics`)).text()),
    signal: (name) => void program.child.kill(name),
    get stderr() {
      return program.stderr()
    },
    pauseStderr: () => void program.child.stderr?.pause(),
    resumeStderr: () => void program.child.stderr?.resume(),
    closeStderr: () => void program.child.stderr?.destroy(),
    finished: program.finished,
    kill: program.kill,
  }
}

export interface Launched {
  readonly child: ChildProcess
  readonly stderr: () => string
  readonly finished: (within: number) => Promise<Finished>
  readonly kill: () => Promise<void>
}

export function launchSidelight(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  [command, ...first]: readonly [string, ...string[]] = [process.execPath, MAIN],
): Launched {
  const child = spawn(command, [...first, ...args], {
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      ...checkedExports(),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const texts = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (texts.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (texts.stderr += chunk.toString()))
  const closed = once(child, 'close')
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await closed
  }
  closeAfterTest(kill)
  return {
    child,
    stderr: () => texts.stderr,
    kill,
    finished: async (within) => {
      await bounded(closed, { within, what: `the end of sidelight ${args.join(' ')}` })
      return { code: child.exitCode, signal: child.signalCode, ...texts }
    },
  }
}

/** The addresses in the JSON log record of the start, as they are reached from this machine. */
function findStart(log: string): { data: string; admin: string } | undefined {
  const line = log.split('\n').find((text) => text.includes('"sidelight.sidecar.started"'))
  if (line === undefined) return undefined
  const { attributes } = parseJson<{
    attributes: { 'sidelight.listen.data': string; 'sidelight.listen.admin': string }
  }>(line)
  const reached = (url: string): string => url.replace('//0.0.0.0:', '//127.0.0.1:')
  return {
    data: reached(attributes['sidelight.listen.data']),
    admin: reached(attributes['sidelight.listen.admin']),
  }
}

/** A configuration file that is gone after the work. */
export async function withFile<T>(text: string, work: (file: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-'))
  try {
    const file = join(directory, 'sidelight.yaml')
    await writeFile(file, text)
    return await work(file)
  } finally {
    await rm(directory, { recursive: true })
  }
}
