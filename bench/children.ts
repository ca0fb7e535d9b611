/**
 * Processes of a run: started in a process group of their own, pinned to their cores where the
 * machine can, and stopped by that group's id, also when the run is broken off.
 */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Command {
  readonly name: string
  readonly file: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Our own helpers get a channel for messages, and end when it closes. */
  readonly channel: boolean
  readonly role: 'target' | 'helper'
}

/** Which cores the target and the helpers run on; undefined when they are not pinned. */
export interface Pinning {
  readonly target: string
  readonly helper: string
}

export interface Child {
  readonly name: string
  /** Also the id of its process group. */
  readonly pid: number
  readonly process: ChildProcess
  stop(): Promise<void>
}

const READY_MS = 15_000
const STOP_MS = 8_000
const POLL_MS = 5
const STDERR_CHARS_MAX = 4_000

const running = new Set<number>()
let guarded = false

/**
 * The target gets the last core for itself. Sharing cores would make one process's speed depend on
 * how the scheduler feels about the others.
 */
export function choosePinning(wanted: boolean): Pinning | undefined {
  const cores = availableParallelism()
  const known = process.platform === 'linux' && cores > 1
  if (!wanted || !known || !isInstalled('taskset')) return undefined
  return { target: String(cores - 1), helper: cores === 2 ? '0' : `0-${cores - 2}` }
}

export function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined
}

export function startChild(command: Command, pinning: Pinning | undefined): Child {
  guard()
  const argv = [command.file, ...command.args]
  if (pinning !== undefined) argv.unshift('taskset', '-c', pinning[command.role])
  const [file = '', ...args] = argv
  const child = spawn(file, args, {
    env: { ...cleanEnv(), ...command.env },
    stdio: ['ignore', 'ignore', 'pipe', ...(command.channel ? (['ipc'] as const) : [])],
    detached: true,
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`${command.name} cannot be started: ${file}`)
  running.add(pid)
  let stderr = ''
  child.stderr?.on('data', (text: Buffer) => {
    stderr = (stderr + text.toString()).slice(-STDERR_CHARS_MAX)
  })
  child.once('exit', (code, signal) => {
    running.delete(pid)
    if (code !== 0 && signal === null) {
      process.stderr.write(`${command.name} ended with code ${code}\n${stderr}`)
    }
  })
  return { name: command.name, pid, process: child, stop: () => stop(child, pid) }
}

/** Resolves when something listens on the port. */
export async function untilListening(child: Child, port: number): Promise<void> {
  for (let waited = 0; waited < READY_MS; waited += POLL_MS) {
    if (hasEnded(child.process)) throw new Error(`${child.name} ended before it listened`)
    if (await canConnect(port)) return
    await sleep(POLL_MS)
  }
  throw new Error(`${child.name} did not listen within ${READY_MS / 1000} s`)
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  server.close()
  await once(server, 'close')
  return port
}

async function stop(child: ChildProcess, pid: number): Promise<void> {
  if (hasEnded(child)) return
  const ended = once(child, 'exit')
  signalGroup(pid, 'SIGTERM')
  const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), STOP_MS)
  await ended
  clearTimeout(timer)
  // Workers that outlived their parent are still in the group.
  signalGroup(pid, 'SIGKILL')
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // The group is gone, which is what was asked for.
  }
}

/** Whatever ends the run ends what it started. */
function guard(): void {
  if (guarded) return
  guarded = true
  process.on('exit', () => {
    for (const pid of running) signalGroup(pid, 'SIGKILL')
  })
  process.on('SIGINT', () => process.exit(130))
  process.on('SIGTERM', () => process.exit(143))
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** The caller's telemetry and Node settings must not change what is measured. */
function cleanEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('OTEL_') && !name.startsWith('NODE_'),
  )
  return Object.fromEntries(kept)
}
