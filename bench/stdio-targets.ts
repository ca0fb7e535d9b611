/** What the stdio benchmark measures: each target between a load and a server of its own. */

import { fileURLToPath } from 'node:url'
import { startChild, type Child, type Pinning } from './children.ts'
import type { SinkStats } from './messages.ts'
import type { Shape } from './shapes.ts'
import { askSink, startHelper } from './launch.ts'
import { untilStarted } from './target-peers.ts'
import { SAMPLED_TEN_PERCENT } from './target-sidelight.ts'

export const STDIO_TARGET_NAMES = ['direct', 'line-pipe', 'wrap', 'wrap-10', 'wrap-off'] as const

export type StdioTargetName = (typeof STDIO_TARGET_NAMES)[number]

/** All ratios of a run are to this target. */
export const STDIO_BASE_TARGET: StdioTargetName = 'line-pipe'

export interface StdioTarget {
  readonly name: StdioTargetName
  /** Of the target, whose process group holds neither the load nor the server. */
  readonly pid: number
  /** The client that has started it. */
  readonly load: Child
  readonly sinkPid: number | undefined
  /** Resolves to what its telemetry sink has taken, if it has one. */
  stop(): Promise<SinkStats | undefined>
}

export async function startStdioTarget(
  name: StdioTargetName,
  shape: Shape,
  pinning: Pinning | undefined,
): Promise<StdioTarget> {
  const sampling = SAMPLING[name]
  const sink = sampling === undefined ? undefined : await startHelper('processes/sink.ts', pinning)
  const endpoint =
    sink === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}` }
  const off: Record<string, string> = name === 'wrap-off' ? { OTEL_SDK_DISABLED: 'true' } : {}
  const load = startChild(
    {
      name: `${name} (its load)`,
      file: process.execPath,
      args: [ownFile('processes/stdio-load.ts'), ...commandOf(name, shape, pinning)],
      env: { ...endpoint, ...sampling, ...off },
      channel: true,
      role: 'helper',
    },
    pinning,
  )
  return {
    name,
    pid: await untilStarted(load),
    load,
    sinkPid: sink?.child.pid,
    stop: async () => {
      // The sidecar sends what waits when its client is gone, so the sink is asked after that.
      await load.stop()
      if (sink === undefined) return undefined
      const stats = await askSink(sink.child)
      await sink.child.stop()
      return stats
    },
  }
}

/** Targets that export spans, and how they choose them. */
const SAMPLING: Readonly<Partial<Record<StdioTargetName, Readonly<Record<string, string>>>>> = {
  wrap: {},
  'wrap-10': SAMPLED_TEN_PERCENT,
}

function commandOf(
  name: StdioTargetName,
  { messageBytes }: Shape,
  pinning: Pinning | undefined,
): readonly string[] {
  const node = process.execPath
  const on = (cores: string | undefined): readonly string[] =>
    cores === undefined ? [] : ['taskset', '-c', cores]
  const server = [node, ownFile('processes/stdio-server.ts'), String(messageBytes)]
  const target = on(pinning?.target)
  if (name === 'direct') return [...target, ...server]
  const behind = [...on(pinning?.helper), ...server]
  if (name === 'line-pipe') return [...target, node, ownFile('targets/line-pipe.ts'), ...behind]
  return [...target, node, ownFile('../src/main.ts'), 'wrap', '--name', 'bench', '--', ...behind]
}

function ownFile(script: string): string {
  return fileURLToPath(new URL(script, import.meta.url))
}
