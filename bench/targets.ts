/** What is measured: how each target is started in front of the upstream, and stopped. */

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  freePort,
  startChild,
  untilListening,
  type Child,
  type Command,
  type Pinning,
} from './children.ts'
import { isSinkStats, type SinkStats } from './messages.ts'
import { pathOf, type Shape } from './shapes.ts'

export const TARGET_NAMES = [
  'direct',
  'node-http',
  'undici-pipe',
  'nginx',
  'sidelight',
  'sidelight-10',
  'sidelight-off',
] as const

export type TargetName = (typeof TARGET_NAMES)[number]

/** All ratios of a run are to this target. */
export const BASE_TARGET: TargetName = 'node-http'

export interface RunningTarget {
  readonly name: TargetName
  readonly pid: number
  readonly port: number
  /** Where the load generator posts to. */
  readonly path: string
  /** The process that its telemetry goes to. */
  readonly sinkPid: number | undefined
  /** Resolves to what its telemetry sink has taken, if it has one. */
  stop(): Promise<SinkStats | undefined>
}

interface Place {
  readonly shape: Shape
  readonly upstreamPort: number
  readonly pinning: Pinning | undefined
}

/** Why a target cannot be measured on this machine, or undefined. */
export function whyAbsent(name: TargetName): string | undefined {
  if (name !== 'nginx' || nginxVersion() !== undefined) return undefined
  return 'nginx is not installed'
}

export function nginxVersion(): string | undefined {
  const { stderr, error } = spawnSync('nginx', ['-v'], { encoding: 'utf8' })
  return error === undefined ? /nginx\/([\d.]+)/.exec(stderr)?.[1] : undefined
}

export function startTarget(name: TargetName, place: Place): Promise<RunningTarget> {
  switch (name) {
    case 'direct':
      return startScript(name, 'processes/upstream.ts', place, pathOf(place.shape))
    case 'node-http':
      return startScript(name, 'targets/node-http.ts', place, '/mcp')
    case 'undici-pipe':
      return startScript(name, 'targets/undici-pipe.ts', place, '/mcp')
    case 'nginx':
      return startNginx(place)
    case 'sidelight':
      return startWithSink(name, place, {})
    case 'sidelight-10':
      return startWithSink(name, place, SAMPLED_TEN_PERCENT)
    case 'sidelight-off':
      return startSidelight(name, place, { OTEL_SDK_DISABLED: 'true' })
  }
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

async function startScript(
  name: TargetName,
  script: string,
  place: Place,
  path: string,
): Promise<RunningTarget> {
  const port = await freePort()
  const env = { BENCH_PORT: String(port), BENCH_UPSTREAM: upstreamUrl(place) }
  return launch(ownScript(name, script, 'target', env), name, port, path, place)
}

async function startSidelight(
  name: TargetName,
  place: Place,
  env: Readonly<Record<string, string>>,
): Promise<RunningTarget> {
  const port = await freePort()
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  const flags = [
    '--upstream',
    upstreamUrl(place),
    '--listen',
    `127.0.0.1:${port}`,
    '--admin',
    'off',
  ]
  const command: Command = {
    name,
    file: process.execPath,
    args: [main, 'run', ...flags],
    env,
    channel: false,
    role: 'target',
  }
  return launch(command, name, port, '/mcp', place)
}

export const SAMPLED_TEN_PERCENT = {
  OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
  OTEL_TRACES_SAMPLER_ARG: '0.1',
}

async function startWithSink(
  name: TargetName,
  place: Place,
  sampling: Readonly<Record<string, string>>,
): Promise<RunningTarget> {
  const sink = await startHelper('processes/sink.ts', place.pinning)
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}` }
  const target = await startSidelight(name, place, { ...endpoint, ...sampling })
  return {
    ...target,
    sinkPid: sink.child.pid,
    stop: async () => {
      // The sidecar sends what waits when it is told to stop, so the sink is asked after that.
      await target.stop()
      const stats = await askSink(sink.child)
      await sink.child.stop()
      return stats
    },
  }
}

/** What a sink has taken so far. */
export async function askSink({ process: sink }: Child): Promise<SinkStats | undefined> {
  const answer = once(sink, 'message')
  sink.send('stats')
  const [stats]: unknown[] = await answer
  return isSinkStats(stats) ? stats : undefined
}

/** One process, no buffering: the cheapest widely used proxy, for scale. */
async function startNginx(place: Place): Promise<RunningTarget> {
  const port = await freePort()
  const dir = mkdtempSync(join(tmpdir(), 'sidelight-bench-nginx-'))
  // Also when the run is broken off.
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  const file = join(dir, 'nginx.conf')
  writeFileSync(file, nginxConfig(dir, port, place))
  const command: Command = {
    name: 'nginx',
    file: 'nginx',
    args: ['-p', dir, '-c', file, '-e', 'stderr'],
    channel: false,
    role: 'target',
  }
  return launch(command, 'nginx', port, '/mcp', place)
}

function nginxConfig(dir: string, port: number, place: Place): string {
  return `
daemon off;
# One process as whoever runs this, instead of one worker below a master.
master_process off;
pid ${dir}/nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  client_body_buffer_size 128k;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
  upstream mcp {
    server 127.0.0.1:${place.upstreamPort};
    keepalive 256;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port};
    location = /mcp {
      proxy_pass http://mcp${pathOf(place.shape)};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`
}

async function launch(
  command: Command,
  name: TargetName,
  port: number,
  path: string,
  { pinning }: Place,
): Promise<RunningTarget> {
  const child = startChild(command, pinning)
  await untilListening(child, port)
  return {
    name,
    pid: child.pid,
    port,
    path,
    sinkPid: undefined,
    stop: async () => {
      await child.stop()
      return undefined
    },
  }
}

function ownScript(
  name: string,
  script: string,
  role: Command['role'],
  env: Readonly<Record<string, string>>,
): Command {
  const file = fileURLToPath(new URL(script, import.meta.url))
  return { name, file: process.execPath, args: [file], env, channel: true, role }
}

function upstreamUrl({ upstreamPort, shape }: Place): string {
  return `http://127.0.0.1:${upstreamPort}${pathOf(shape)}`
}
