/** How targets and helpers are started, and stopped. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  freePort,
  startChild,
  untilListening,
  type Child,
  type Command,
  type Pinning,
} from './children.ts'
import { transformSync } from 'esbuild'
import type { Caller } from './caller.ts'
import { isLoopDelay, isSinkStats, type LoopDelay, type SinkStats } from './messages.ts'
import { readProcess } from './procfs.ts'
import { pathOf, type Shape } from './shapes.ts'

export interface StartFigures {
  readonly wallMs: number
  readonly cpuMs: number | null
}

/** A target while it runs. */
export interface RunningTarget {
  readonly name: string
  /** From its start until it listened; undefined for targets that the load starts. */
  readonly start: StartFigures | undefined
  readonly pid: number
  readonly port: number
  /** Where the load generator posts to. */
  readonly path: string
  /** The process that its telemetry goes to. */
  readonly sinkPid: number | undefined
  /** The load that has started it, and holds its pipes; undefined for targets that listen. */
  readonly load: Child | undefined
  /** Undefined where there is no channel. */
  readonly channel: Child['process'] | undefined
  /** How long its event loop was held up since it was last asked; undefined where nobody can say. */
  loopDelay(): Promise<LoopDelay | undefined>
  /** Resolves to what its telemetry sink has taken, if it has one. */
  stop(): Promise<SinkStats | undefined>
}

/** Where a target is put. */
export interface Place {
  readonly shape: Shape
  readonly upstreamPort: number
  readonly pinning: Pinning | undefined
  readonly caller: Caller
  /** True: Sidelight runs from its source, not from what `npm run build` made. */
  readonly source: boolean
  /** Arguments of Node for Sidelight besides. */
  readonly nodeArgs?: readonly string[]
  /** Limits for what clients leave behind in Sidelight with everything on; without: its defaults. */
  readonly few?: boolean
  /** False: without the audit log. */
  readonly audited?: boolean
}

export interface Launched {
  readonly command: Command
  readonly port: number
  readonly path: string
}

const ANSWER_MS = 5_000

/** Arguments of Node for a target whose event loop is watched; it needs a channel. */
export const WATCHED: readonly string[] = besideProgram('loop-delay.ts')

export async function launch(
  { command, port, path }: Launched,
  { pinning }: Place,
): Promise<RunningTarget> {
  const begunAt = performance.now()
  const child = startChild(command, pinning)
  await untilListening(child, port)
  const startMs = Math.round(performance.now() - begunAt)
  const cpuSeconds = readProcess(child.pid)?.cpuSeconds
  return {
    name: command.name,
    start: {
      wallMs: startMs,
      cpuMs: cpuSeconds === undefined ? null : Math.round(cpuSeconds * 1e3),
    },
    pid: child.pid,
    port,
    path,
    sinkPid: undefined,
    load: undefined,
    channel: command.channel ? child.process : undefined,
    loopDelay: () => askLoopDelay(child, command.channel),
    stop: async () => {
      await child.stop()
      return undefined
    },
  }
}

/** Puts a sink for telemetry beside what `start` starts; `start` is told the variables that lead to it. */
export async function besideSink(
  pinning: Pinning | undefined,
  start: (env: Readonly<Record<string, string>>) => Promise<RunningTarget>,
): Promise<RunningTarget> {
  const sink = await startHelper('processes/sink.ts', pinning)
  const target = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}` })
  const stopBoth = async (): Promise<SinkStats | undefined> => {
    // The sidecar sends what waits when it is told to stop, so the sink is asked after that.
    await target.stop()
    const stats = await askSink(sink.child)
    await sink.child.stop()
    return stats
  }
  let stopped: Promise<SinkStats | undefined> | undefined
  return { ...target, sinkPid: sink.child.pid, stop: () => (stopped ??= stopBoth()) }
}

/** A helper process of our own, such as the upstream, ready to be used. */
export async function startHelper(
  script: string,
  pinning: Pinning | undefined,
): Promise<{ readonly child: Child; readonly port: number }> {
  const port = await freePort()
  const child = startChild(
    ownScript(script, script, 'helper', { BENCH_PORT: String(port) }),
    pinning,
  )
  await untilListening(child, port)
  return { child, port }
}

/** A helper process that is only talked to over its channel. */
export function startWorker(script: string, pinning: Pinning | undefined): Child {
  return startChild(ownScript(script, script, 'helper', {}), pinning)
}

/** What a sink has taken so far. */
export async function askSink({ process: sink }: Child): Promise<SinkStats | undefined> {
  const answer = once(sink, 'message')
  sink.send('stats')
  const [stats]: unknown[] = await answer
  return isSinkStats(stats) ? stats : undefined
}

export function ownScript(
  name: string,
  script: string,
  role: Command['role'],
  env: Readonly<Record<string, string>>,
): Command {
  const watched = role === 'target' ? WATCHED : []
  const args = [...watched, ownFile(script)]
  return { name, file: process.execPath, args, env, channel: true, role }
}

/**
 * Arguments of Node that load a script of ours beside a program. Without its types, because what strips
 * types takes memory in the process that is measured.
 */
export function besideProgram(script: string): readonly string[] {
  const { code } = transformSync(readFileSync(ownFile(script), 'utf8'), { loader: 'ts' })
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`]
}

export function ownFile(script: string): string {
  return fileURLToPath(new URL(script, import.meta.url))
}

export function upstreamUrl({ upstreamPort, shape }: Place): string {
  return `http://127.0.0.1:${upstreamPort}${pathOf(shape)}`
}

async function askLoopDelay(child: Child, channel: boolean): Promise<LoopDelay | undefined> {
  if (!channel || !child.process.connected) return undefined
  const answer = once(child.process, 'message', { signal: AbortSignal.timeout(ANSWER_MS) })
  child.process.send('loop_delay')
  const [message]: unknown[] = await answer.catch(() => [])
  return isLoopDelay(message) ? message : undefined
}
