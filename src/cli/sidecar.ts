/** Puts a whole sidecar together from a configuration, and takes it down again. */

import { randomUUID } from 'node:crypto'
import type { Config } from '../config/schema.ts'
import {
  formatAddress,
  parseAddress,
  parseDuration,
  parseSize,
  type ListenAddress,
} from '../config/units.ts'
import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { LimitName } from '../core/limits.ts'
import { combineObservers, type CallObserver } from '../core/observer.ts'
import { DRAINING } from '../core/outcome.ts'
import { createAdminApp } from '../http/admin-app.ts'
import { createDataApp } from '../http/data-app.ts'
import { isLoopbackName, type PeerRules } from '../http/guard.ts'
import { listen, type Listener } from '../http/listener.ts'
import { BodyBudget } from '../http/read-body.ts'
import { createDecodeTee } from '../mcp/decode-tee.ts'
import { isLongLived, KNOWN_METHODS } from '../mcp/methods.ts'
import { createEnvelopeReader } from '../mcp/read-envelope.ts'
import { watchReply } from '../mcp/reply-watch.ts'
import { KNOWN_REVISIONS } from '../mcp/revisions.ts'
import { spliceMeta } from '../mcp/splice-meta.ts'
import { InFlight } from '../pipeline/in-flight.ts'
import { Resumptions } from '../pipeline/resumptions.ts'
import type { Stages } from '../pipeline/stages.ts'
import { Limiter } from '../resilience/limiter.ts'
import type { TelemetrySettings } from '../telemetry/env.ts'
import { startTelemetry, type Telemetry } from '../telemetry/start.ts'
import { UpstreamRegistry } from '../upstream/registry.ts'

export interface SidecarOptions {
  readonly config: Config
  readonly telemetry: TelemetrySettings
  readonly version: string
  readonly clock: Clock
  readonly log: Log
  /** Writes to standard output, for the console exporter of spans. */
  readonly print: (text: string) => void
  /** Told of every call besides telemetry, such as a live view. */
  readonly observers?: readonly CallObserver[]
}

export interface Sidecar {
  readonly dataUrl: string
  /** Undefined when the admin plane is off. */
  readonly adminUrl: string | undefined
  /** Refuses new calls, lets those under way finish in time, sends what telemetry waits, and ends. */
  drain(): Promise<void>
}

/** A start that failed: which address could not be listened on, and why. */
export interface StartFailure {
  readonly kind: 'failed'
  readonly what: 'data' | 'admin'
  readonly address: string
  readonly code: string
}

/** Suspended calls are looked through this often for ones that have waited too long. */
const SWEEP_INTERVAL_MS = 1_000

export async function startSidecar(options: SidecarOptions): Promise<Sidecar | StartFailure> {
  const parts = await assemble(options)
  const { config } = options
  const limits = {
    headerBytesMax: sizeOf(config.limits.headers),
    connectionsMax: config.limits.connections,
    requestTimeoutMs: durationOf(config.limits.requestTimeout),
    onLimit: (limit: LimitName) => parts.stages.observer.limitHit(limit),
  }
  const dataAddress = addressOf(config.listen.data)
  const dataApp = createDataApp({
    stages: parts.stages,
    peers: peerRules(config, dataAddress),
    bodyBytesMax: sizeOf(config.limits.body),
    bodyBudget: new BodyBudget(sizeOf(config.limits.bodies)),
    paths: pathsOf(config),
  })
  const data = await listen(dataApp, { ...dataAddress, ...limits })
  if ('kind' in data) return parts.fail('data', config.listen.data, data.code)
  let admin: Listener | undefined
  if (config.listen.admin !== 'off') {
    const address = addressOf(config.listen.admin)
    const app = createAdminApp({
      peers: peerRules(config, address),
      ready: () => !parts.draining(),
      renderMetrics: () => parts.telemetry.renderMetrics(),
    })
    const listener = await listen(app, { ...address, ...limits })
    if ('kind' in listener) {
      await data.destroy()
      return parts.fail('admin', config.listen.admin, listener.code)
    }
    admin = listener
  }
  return toSidecar(options, parts, data, admin)
}

interface Parts {
  readonly stages: Stages
  readonly telemetry: Telemetry
  draining(): boolean
  startDraining(): void
  /** Ends everything that does not listen. */
  close(): Promise<void>
  fail(what: 'data' | 'admin', address: string, code: string): Promise<StartFailure>
}

async function assemble(options: SidecarOptions): Promise<Parts> {
  const { config, clock, log } = options
  const inFlight = new InFlight()
  const telemetry = await startTelemetry({
    settings: options.telemetry,
    version: options.version,
    instanceId: randomUUID(),
    clock,
    log,
    print: options.print,
    inFlight: () => inFlight.size,
    vocabulary: {
      methods: KNOWN_METHODS,
      revisions: new Set(KNOWN_REVISIONS),
      upstreams: new Set(Object.keys(config.upstreams)),
    },
    isLongLived,
  })
  const observer = combineObservers([telemetry.observer, ...(options.observers ?? [])])
  const limiter = new Limiter(config.limits.streams)
  const registry = new UpstreamRegistry(upstreamOptions(config), limiter, clock)
  const resumptions = new Resumptions(clock, {
    callsMax: config.limits.suspendedCalls,
    waitMs: durationOf(config.limits.suspendedWait),
    onOverflow: () => observer.limitHit('suspended_calls'),
  })
  const sweeper = setInterval(() => resumptions.sweep(), SWEEP_INTERVAL_MS)
  sweeper.unref()
  let draining = false
  const stages: Stages = {
    clock,
    log,
    observer,
    inFlight,
    resumptions,
    rejections: config.rejections,
    drainRejection: () => (draining ? DRAINING : undefined),
    readEnvelope: createEnvelopeReader({
      depthMax: config.limits.depth,
      batchMax: config.limits.batch,
    }),
    findUpstream: (name) => registry.find(name),
    upstreamNames: () => registry.names(),
    isLongLived,
    watchReply,
    decodeTee: createDecodeTee,
    spliceMeta,
  }
  const close = async (): Promise<void> => {
    clearInterval(sweeper)
    resumptions.endAll()
    await registry.close()
    await telemetry.shutdown(durationOf(config.shutdown.flushTimeout))
  }
  return {
    stages,
    telemetry,
    draining: () => draining,
    startDraining: () => {
      draining = true
    },
    close,
    fail: async (what, address, code) => {
      await close()
      return { kind: 'failed', what, address, code }
    },
  }
}

function toSidecar(
  options: SidecarOptions,
  parts: Parts,
  data: Listener,
  admin: Listener | undefined,
): Sidecar {
  const { config, log } = options
  let drained: Promise<void> | undefined
  const drain = async (): Promise<void> => {
    const { inFlight } = parts.stages
    parts.startDraining()
    data.stop()
    inFlight.stopLongLived()
    log.write('info', 'sidecar.draining', 'No new calls; waiting for those under way', {
      in_flight: inFlight.size,
    })
    const timer = setTimeout(() => inFlight.abortAll(), durationOf(config.shutdown.drainTimeout))
    await inFlight.idle()
    clearTimeout(timer)
    await data.destroy()
    await parts.close()
    await admin?.destroy()
    log.write('info', 'sidecar.stopped', 'Stopped')
  }
  return {
    dataUrl: urlOf(data),
    adminUrl: admin === undefined ? undefined : urlOf(admin),
    drain: () => (drained ??= drain()),
  }
}

function upstreamOptions(config: Config): ConstructorParameters<typeof UpstreamRegistry>[0] {
  return Object.entries(config.upstreams).map(([name, upstream]) => ({
    name,
    url: new URL(upstream.url),
    host: upstream.host,
    headers: upstream.headers,
    connectTimeoutMs: durationOf(upstream.connectTimeout),
    connectionsMax: upstream.connections,
    headerBytesMax: sizeOf(config.limits.headers),
    propagate: {
      meta: config.telemetry.propagateMeta,
      headers: config.telemetry.propagateHeaders,
    },
  }))
}

/** The paths that operators chose, and `/mcp` when there is one upstream and nobody claimed it. */
function pathsOf(config: Config): Map<string, string> {
  const paths = new Map<string, string>()
  const names = Object.keys(config.upstreams)
  const only = names[0]
  if (names.length === 1 && only !== undefined) paths.set('/mcp', only)
  for (const [name, { path }] of Object.entries(config.upstreams)) {
    if (path !== undefined) paths.set(path, name)
  }
  return paths
}

function peerRules(config: Config, address: ListenAddress): PeerRules {
  return {
    loopback: isLoopbackName(address.host),
    hosts: new Set(config.listen.allowedHosts.map((host) => host.toLowerCase())),
    origins: new Set(config.listen.allowedOrigins.map((origin) => origin.toLowerCase())),
  }
}

function urlOf(listener: Listener): string {
  const host =
    listener.host === '0.0.0.0' ? '127.0.0.1' : listener.host === '::' ? '::1' : listener.host
  return `http://${formatAddress({ host, port: listener.port })}`
}

// The schema has checked these texts; a failure here is a defect.
function durationOf(text: string): number {
  return certain(parseDuration(text), text)
}

function sizeOf(text: string): number {
  return certain(parseSize(text), text)
}

function addressOf(text: string): ListenAddress {
  return certain(parseAddress(text), text)
}

function certain<T>(value: T | undefined, text: string): T {
  if (value === undefined) throw new Error(`unchecked configuration value ${JSON.stringify(text)}`)
  return value
}
