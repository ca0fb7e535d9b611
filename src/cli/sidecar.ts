/** Puts a whole sidecar together from a configuration, and takes it down again. */

import { randomUUID } from 'node:crypto'
import type { Config } from '../config/schema.ts'
import { createIdentityReader } from '../auth/claimed-identity.ts'
import { formatAddress, type ListenAddress } from '../config/units.ts'
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
import { watchReply, watchStream } from '../mcp/reply-watch.ts'
import { KNOWN_REVISIONS } from '../mcp/revisions.ts'
import { spliceMeta } from '../mcp/splice-meta.ts'
import { InFlight } from '../pipeline/in-flight.ts'
import { Resumptions } from '../pipeline/resumptions.ts'
import type { Stages } from '../pipeline/stages.ts'
import { Limiter } from '../resilience/limiter.ts'
import type { TelemetrySettings } from '../telemetry/env.ts'
import { startTelemetry, type Telemetry } from '../telemetry/start.ts'
import type { HeaderFileFailure } from '../upstream/header-source.ts'
import { UpstreamRegistry } from '../upstream/registry.ts'
import { SessionRegistry } from '../upstream/sessions.ts'
import { addressOf, durationOf, sizeOf } from './units.ts'
import { createUpstreams, newSessionId, pathsOf, prefixesOf } from './upstreams.ts'

export interface SidecarOptions {
  readonly config: Config
  readonly telemetry: TelemetrySettings
  readonly version: string
  /** The process's environment, of which stdio servers get a few variables. */
  readonly env: Readonly<Record<string, string | undefined>>
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

/** A start that failed: which address could not be listened on, or which file not read, and why. */
export interface StartFailure {
  readonly kind: 'failed'
  readonly what: 'data' | 'admin' | 'file'
  /** The address, or the file's path. */
  readonly address: string
  readonly code: string
}

/** What depends on time is looked after this often: calls that wait, sessions, processes. */
const SWEEP_INTERVAL_MS = 1_000

export async function startSidecar(options: SidecarOptions): Promise<Sidecar | StartFailure> {
  const parts = await assemble(options)
  if ('what' in parts) return parts
  const { config } = options
  const identity = createIdentityReader()
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
    identify: ({ headers }) => identity(headers.authorization),
    newId: newSessionId,
    paths: pathsOf(config),
    prefixes: prefixesOf(config),
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

async function assemble(options: SidecarOptions): Promise<Parts | StartFailure> {
  const { config, clock, log } = options
  const inFlight = new InFlight()
  const registryBox: { registry?: UpstreamRegistry } = {}
  const telemetry = await startTelemetry({
    settings: options.telemetry,
    version: options.version,
    instanceId: randomUUID(),
    clock,
    log,
    print: options.print,
    inFlight: () => inFlight.size,
    sessions: () => registryBox.registry?.sessionCounts() ?? [],
    vocabulary: {
      methods: KNOWN_METHODS,
      revisions: new Set(KNOWN_REVISIONS),
      upstreams: new Set(Object.keys(config.upstreams)),
    },
    isLongLived,
  })
  const observer = combineObservers([telemetry.observer, ...(options.observers ?? [])])
  const limiter = new Limiter(config.limits.streams)
  const upstreams = createUpstreams({
    config,
    env: options.env,
    clock,
    log,
    observer: telemetry.transports,
  })
  if ('kind' in upstreams) {
    await telemetry.shutdown(0)
    return fileFailure(upstreams)
  }
  const sessions = new SessionRegistry(
    { sessionsMax: config.limits.sessions, idleMs: durationOf(config.limits.sessionIdle) },
    clock,
    telemetry.transports,
  )
  const registry = new UpstreamRegistry(upstreams.parts, limiter, sessions, clock)
  registryBox.registry = registry
  const resumptions = new Resumptions(clock, {
    callsMax: config.limits.suspendedCalls,
    waitMs: durationOf(config.limits.suspendedWait),
    onOverflow: () => observer.limitHit('suspended_calls'),
  })
  const sweeper = setInterval(() => {
    resumptions.sweep()
    registry.tick()
  }, SWEEP_INTERVAL_MS)
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
    watchStream,
    decodeTee: createDecodeTee,
    spliceMeta,
  }
  const close = async (): Promise<void> => {
    clearInterval(sweeper)
    resumptions.endAll()
    await registry.close()
    upstreams.close()
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

function fileFailure({ file, code }: HeaderFileFailure): StartFailure {
  return { kind: 'failed', what: 'file', address: file, code }
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
