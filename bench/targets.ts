/** What is measured: which targets there are, which job each does, and how it is started. */

import { haproxyVersion, nginxVersion, startHaproxy, startNginx } from './target-native.ts'
import { freePort } from './children.ts'
import {
  besideSink,
  launch,
  ownScript,
  upstreamUrl,
  type Place,
  type RunningTarget,
} from './launch.ts'
import {
  mcpRemote,
  peerVersion,
  startConfigured,
  startHttpBehindPipes,
  startPipesBehindHttp,
} from './target-peers.ts'
import {
  programOf,
  SAMPLED_TEN_PERCENT,
  startExporting,
  startFull,
  startPlain,
  TELEMETRY_OFF,
} from './target-sidelight.ts'
import { pathOf, type Job, type Shape } from './shapes.ts'

interface TargetKind {
  /** What it can be put between. */
  readonly jobs: readonly Job[]
  /** False: measured only when asked for. */
  readonly usual: boolean
  start(place: Place): Promise<RunningTarget>
  /** Why it cannot be measured on this machine, or undefined. */
  readonly absent?: () => string | undefined
}

const KINDS: Readonly<Record<string, TargetKind>> = {
  direct: {
    jobs: ['http'],
    usual: true,
    start: (place) => startScript('direct', 'processes/upstream.ts', place, pathOf(place.shape)),
  },
  nginx: { jobs: ['http'], usual: true, start: startNginx, absent: unless('nginx', nginxVersion) },
  haproxy: {
    jobs: ['http'],
    usual: true,
    start: startHaproxy,
    absent: unless('haproxy', haproxyVersion),
  },
  'node-http': {
    jobs: ['http'],
    usual: true,
    start: (place) => startScript('node-http', 'targets/node-http.ts', place, '/mcp'),
  },
  'undici-pipe': {
    jobs: ['http'],
    usual: true,
    start: (place) => startScript('undici-pipe', 'targets/undici-pipe.ts', place, '/mcp'),
  },
  bare: { jobs: ['http'], usual: true, start: (place) => startPlain('bare', place, TELEMETRY_OFF) },
  'full-10': {
    jobs: ['http', 'stdio'],
    usual: true,
    start: (place) => startFull('full-10', place, SAMPLED_TEN_PERCENT),
  },
  'unaudited-10': {
    jobs: ['http'],
    usual: true,
    start: (place) => startFull('unaudited-10', { ...place, audited: false }, SAMPLED_TEN_PERCENT),
  },
  'full-100': {
    jobs: ['http'],
    usual: true,
    start: (place) => startFull('full-100', place, {}),
  },
  sidelight: {
    jobs: ['http'],
    usual: false,
    start: (place) => startExporting('sidelight', place, {}),
  },
  'sidelight-10': {
    jobs: ['http'],
    usual: false,
    start: (place) => startExporting('sidelight-10', place, SAMPLED_TEN_PERCENT),
  },
  'sidelight-off': {
    jobs: ['http'],
    usual: false,
    start: (place) => startPlain('sidelight-off', place, TELEMETRY_OFF),
  },
  'mcp-proxy': pipesBehindHttp('mcp-proxy'),
  supergateway: pipesBehindHttp('supergateway'),
  wrap: {
    jobs: ['bridge'],
    usual: true,
    start: (place) => {
      const [[name, value] = ['', '']] = place.caller.headers
      const args = ['wrap', '--upstream', upstreamUrl(place), '--header', `${name}=${value}`]
      return besideSink(place.pinning, (toSink) =>
        startHttpBehindPipes('wrap', [programOf(place.source), ...args], place, {
          ...toSink,
          ...SAMPLED_TEN_PERCENT,
        }),
      )
    },
  },
  'mcp-remote': {
    jobs: ['bridge'],
    usual: true,
    start: (place) => startHttpBehindPipes('mcp-remote', mcpRemote(place), place, {}),
    absent: unless('bench/peers', () => peerVersion('mcp-remote')),
  },
}

export const TARGET_NAMES = Object.keys(KINDS)

/** All ratios of a shape are to this target. */
export const BASE_TARGETS: Readonly<Record<Job, string>> = {
  http: 'undici-pipe',
  stdio: 'mcp-proxy',
  bridge: 'mcp-remote',
}

/** Targets that a run takes for a shape: those chosen, or the shape's own. */
export function targetsFor(shape: Shape, chosen: readonly string[]): readonly string[] {
  const able = TARGET_NAMES.filter((name) => KINDS[name]?.jobs.includes(shape.job) === true)
  if (chosen.length > 0) return able.filter((name) => chosen.includes(name))
  return able.filter((name) => shape.targets?.includes(name) ?? KINDS[name]?.usual === true)
}

/** Why a target cannot be measured on this machine, or undefined. */
export function whyAbsent(name: string): string | undefined {
  return KINDS[name]?.absent?.()
}

/** `peers` are commands by the name of a target that only this machine has. */
export function startTarget(
  name: string,
  place: Place,
  peers: ReadonlyMap<string, string> = new Map(),
): Promise<RunningTarget> {
  const command = peers.get(name)
  if (command !== undefined) return startConfigured(name, command, place)
  const kind = KINDS[name]
  if (kind === undefined) throw new Error(`there is no target ${name}`)
  return kind.start(place)
}

function pipesBehindHttp(name: 'mcp-proxy' | 'supergateway'): TargetKind {
  return {
    jobs: ['stdio'],
    usual: true,
    start: (place) => startPipesBehindHttp(name, place),
    absent: unless('bench/peers', () => peerVersion(name)),
  }
}

function unless(what: string, version: () => string | undefined): () => string | undefined {
  return () =>
    version() === undefined ? `${what} is not installed (bench/setup.sh installs it)` : undefined
}

async function startScript(
  name: string,
  script: string,
  place: Place,
  urlPath: string,
): Promise<RunningTarget> {
  const port = await freePort()
  const env = { BENCH_PORT: String(port), BENCH_UPSTREAM: upstreamUrl(place) }
  return launch({ command: ownScript(name, script, 'target', env), port, path: urlPath }, place)
}
