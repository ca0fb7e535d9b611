/** Makes the upstreams of a configuration: their transports, and the paths that lead to them. */

import { randomBytes } from 'node:crypto'
import type { Config } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import { HeaderSource, type HeaderFileFailure } from '../upstream/header-source.ts'
import { HealthCheck } from '../upstream/health/health-check.ts'
import { HttpLink } from '../upstream/health/http-link.ts'
import { checkSse } from '../upstream/health/sse-check.ts'
import { HttpTransport } from '../upstream/http-transport.ts'
import type { Check, HealthPlan } from '../upstream/prober.ts'
import type { UpstreamParts } from '../upstream/registry.ts'
import { publicOrigin } from '../upstream/resource-metadata.ts'
import { SseTransport } from '../upstream/sse-transport.ts'
import type { ServerCommand } from '../upstream/stdio/server-process.ts'
import { StdioTransport } from '../upstream/stdio/stdio-transport.ts'
import { Watchdog } from '../upstream/stdio/watchdog.ts'
import type { TransportObserver } from '../core/observer.ts'
import type { PoolObserver } from '../core/pool.ts'
import type { Transport } from '../upstream/transport.ts'
import type { ResilienceObserver } from '../core/breaker.ts'
import { chance } from './chance.ts'
import { createGuard, type HintsOf } from './guards.ts'
import type { AskHealth } from './health.ts'
import { durationOf, limitOf, sizeOf } from './units.ts'

type UpstreamConfig = Config['upstreams'][string]

export interface UpstreamsOptions {
  readonly config: Config
  /** The sidecar's own environment, of which programs get a few variables. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Sidelight's own. */
  readonly version: string
  readonly clock: Clock
  readonly log: Log
  readonly observer: TransportObserver
  readonly pools: PoolObserver
  /** Makes the transports of stdio upstreams in another way. */
  readonly makeStdio?: MakeStdio | undefined
  /** Told of what keeps calls from upstreams. */
  readonly resilience: ResilienceObserver
  /** Called later only: whoever checks health is made after the upstreams. */
  readonly askHealth: AskHealth
  readonly hintsOf: HintsOf
}

/** What a transport to a process is made of. */
export interface StdioParts {
  readonly name: string
  readonly command: ServerCommand
  readonly lineBytesMax: number
  readonly clock: Clock
  readonly observer: TransportObserver
  readonly watchdog: Watchdog
}

export type MakeStdio = (parts: StdioParts) => Transport

export interface Upstreams {
  readonly parts: readonly UpstreamParts[]
  /** Those of a newer configuration, by their names in it; none is put into use. */
  make(config: Config, names: readonly string[]): readonly UpstreamParts[] | HeaderFileFailure
  /** Ends what outlives the transports. */
  close(): void
}

/** Environment variables that every program gets, as the official SDKs give them. */
const INHERITED: readonly string[] = ['HOME', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER']

/** 192 random bits in text that may stand in a header and a URL (MCP asks for visible ASCII). */
export function newSessionId(): string {
  return randomBytes(24).toString('base64url')
}

export function createUpstreams(options: UpstreamsOptions): Upstreams | HeaderFileFailure {
  const { log } = options
  const watchdog = new Watchdog({
    onMissing: (code) =>
      log.write(
        'warn',
        'sidelight.process.unguarded',
        'There is no /bin/sh to end servers after a SIGKILL',
        {
          'sidelight.detail': code,
        },
      ),
  })
  const make: Upstreams['make'] = (config, names) =>
    makeParts(names, { ...options, config }, watchdog)
  const parts = make(options.config, Object.keys(options.config.upstreams))
  return 'kind' in parts ? parts : { parts, make, close: () => watchdog.close() }
}

function makeParts(
  names: readonly string[],
  options: UpstreamsOptions,
  watchdog: Watchdog,
): readonly UpstreamParts[] | HeaderFileFailure {
  const parts: UpstreamParts[] = []
  for (const name of names) {
    const upstream = options.config.upstreams[name]
    if (upstream === undefined) continue
    const made =
      upstream.url === undefined
        ? stdioParts(name, upstream, options, watchdog)
        : httpParts(name, upstream, new URL(upstream.url), options)
    if ('kind' in made) return made
    parts.push(made)
  }
  return parts
}

function httpParts(
  name: string,
  upstream: UpstreamConfig,
  url: URL,
  options: UpstreamsOptions,
): UpstreamParts | HeaderFileFailure {
  const { config, clock, log, observer, version } = options
  const headers = new HeaderSource(log)
  const failure = headers.load(upstream.headers)
  if (failure !== undefined) return failure
  const preserve = upstream.host === 'preserve'
  const http = new HttpTransport({
    name,
    url,
    headers: {
      preserveHost: preserve,
      set: headers.current,
    },
    connectTimeoutMs: durationOf(upstream.connectTimeout),
    connectionsMax: upstream.connections,
    idleMs: durationOf(upstream.connectionIdle),
    lifetimeMs: limitOf(upstream.connectionLifetime),
    prewarm: upstream.prewarm,
    headerBytesMax: sizeOf(config.limits.headers),
    clock,
    random: chance,
    pools: options.pools,
    publicOriginOf: preserve
      ? undefined
      : (exchange) => publicOrigin(exchange, config.listen.publicUrl?.replace(/\/$/, '')),
    onTick: (nowMs) => headers.tick(nowMs),
  })
  const sse = upstream.transport === 'sse'
  const transport = sse
    ? new SseTransport({
        name,
        url,
        http,
        sessionsMax: config.limits.sessions,
        postPath: `/${name}/message`,
        clock,
        observer,
        log,
      })
    : http
  const { method } = upstream.health
  const check = method === 'off' ? undefined : new HealthCheck(method)
  const link = { name, url, http, version, clock }
  return {
    name,
    target: { upstreamName: name, carrier: 'tcp', address: hostOf(url), port: portOf(url) },
    place: url.href,
    transport,
    timeouts: timeoutsOf(upstream),
    propagate: propagation(config),
    watchSessions: !sse,
    health:
      check === undefined
        ? undefined
        : {
            ...healthOf(upstream, (signal) =>
              sse ? checkSse(link, signal) : check.run(new HttpLink(link, signal)),
            ),
            era: () => check.era,
          },
    guard: createGuard(name, upstream, check !== undefined, options),
  }
}

function stdioParts(
  name: string,
  upstream: UpstreamConfig,
  options: UpstreamsOptions,
  watchdog: Watchdog,
): UpstreamParts {
  const { config, env, clock, log, observer, makeStdio, version } = options
  const [file = '', ...args] = upstream.command ?? []
  const { limits } = config
  const parts: StdioParts = {
    name,
    command: { file, args, env: environmentOf(upstream, env), cwd: upstream.cwd },
    lineBytesMax: sizeOf(limits.line),
    clock,
    observer,
    watchdog,
  }
  const transport =
    makeStdio?.(parts) ??
    new StdioTransport({
      ...parts,
      processesMax: upstream.processes,
      poolMax: upstream.stateless ? upstream.pool : 1,
      prestart: upstream.prestart,
      pools: options.pools,
      stateless: upstream.stateless,
      sessionIdleMs: durationOf(limits.sessionIdle),
      replay: { eventsMax: limits.replayEvents, bytesMax: sizeOf(limits.replayBytes) },
      log,
      newId: newSessionId,
    })
  const { method } = upstream.health
  const checked = method !== 'off' && transport instanceof StdioTransport
  return {
    name,
    target: { upstreamName: name, carrier: 'pipe', address: undefined, port: undefined },
    place: JSON.stringify(upstream.command),
    transport,
    timeouts: timeoutsOf(upstream),
    propagate: propagation(config),
    watchSessions: false,
    health: checked ? healthOf(upstream, transport.healthCheck(method, version)) : undefined,
    guard: createGuard(name, upstream, checked, options),
  }
}

function timeoutsOf(upstream: UpstreamConfig): UpstreamParts['timeouts'] {
  return {
    callMs: limitOf(upstream.timeout),
    callMaxMs: limitOf(upstream.timeoutMax),
    firstByteMs: limitOf(upstream.timeoutFirstByte),
    idleMs: limitOf(upstream.timeoutIdle),
  }
}

function healthOf({ health }: UpstreamConfig, check: Check): HealthPlan {
  return {
    check,
    intervalMs: durationOf(health.interval),
    timeoutMs: durationOf(health.timeout),
    required: health.required,
  }
}

function environmentOf(
  upstream: UpstreamConfig,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const out: Record<string, string> = {}
  for (const name of [...INHERITED, ...upstream.inheritEnv]) {
    const value = env[name]
    if (value !== undefined) out[name] = value
  }
  return { ...out, ...upstream.env }
}

function propagation({ telemetry }: Config): UpstreamParts['propagate'] {
  return { meta: telemetry.propagateMeta, headers: telemetry.propagateHeaders }
}

/** `server.address` without the brackets of an IPv6 literal. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port)
  return url.protocol === 'https:' ? 443 : 80
}
