/** Puts the parts of a sidecar together from a configuration, for every command that runs one. */

import type { ConfigChange } from '../config/compare.ts'
import type { Config } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import { logDefect, type SharedLog } from '../core/log.ts'
import type { CallObserver } from '../core/observer.ts'
import { DRAINING } from '../core/outcome.ts'
import type { BreakerAdmin } from '../http/breaker-routes.ts'
import type { Insight } from '../insight/views.ts'
import { isLongLived } from '../mcp/methods.ts'
import { spliceMeta } from '../mcp/splice-meta.ts'
import { InFlight } from '../pipeline/in-flight.ts'
import type { Stages } from '../pipeline/stages.ts'
import { Limiter } from '../resilience/limiter.ts'
import type { TelemetrySettings } from '../telemetry/env.ts'
import type { AuthSources } from '../telemetry/auth-metrics.ts'
import type { Telemetry } from '../telemetry/start.ts'
import type { HeaderFileFailure } from '../upstream/header-source.ts'
import type { Prober } from '../upstream/prober.ts'
import { UpstreamRegistry } from '../upstream/registry.ts'
import { SessionRegistry } from '../upstream/sessions.ts'
import type { Audit } from './audit.ts'
import { withBreakerRecords } from './audit-events.ts'
import { createAuthorization } from './authorization.ts'
import { createBreakerAdmin } from './breaker-admin.ts'
import { createProber } from './health.ts'
import type { SidecarInsight } from './insight.ts'
import type { ReloadReport } from './reload.ts'
import { startObserving, type Known } from './observing.ts'
import { createPending, type Pending } from './pending.ts'
import { createPinCheck, loadPins } from './pins.ts'
import { createReplyWatching } from './reply-watching.ts'
import { withEvents } from './resilience-events.ts'
import { programsOf } from './telemetry-rules.ts'
import { startTimers } from './timers.ts'
import { durationOf } from './units.ts'
import { createUpstreams, type MakeStdio, type Upstreams } from './upstreams.ts'

export interface SidecarOptions {
  readonly config: Config
  readonly telemetry: TelemetrySettings
  readonly version: string
  /** The process's environment, of which stdio servers get a few variables. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: SharedLog
  /** Writes to standard output, for the console exporter of spans. */
  readonly print: (text: string) => void
  /** Told of every call besides telemetry, such as a live view. */
  readonly observers?: readonly CallObserver[]
  /** What there is to say of authentication; nothing when nobody is authenticated. */
  readonly auth?: AuthSources
  /** Reads the configuration again, for whoever orders it by name; undefined where there is no file. */
  readonly reload?: (actor: string | undefined) => Promise<ReloadReport>
  /** True to check the health of upstreams. */
  readonly checksHealth?: boolean
  /** Makes the transports of stdio upstreams, when they are not to be shared by clients over HTTP. */
  readonly makeStdio?: MakeStdio
}

/** A start that failed: which address could not be listened on, or which file not read, and why. */
export interface StartFailure {
  readonly kind: 'failed'
  readonly what: 'data' | 'admin' | 'file' | 'pins' | 'audit' | 'auth'
  /** The address, or the file's path. */
  readonly address: string
  /** Why: the system's code, or what is wrong with a file and where. */
  readonly code: string
}

/** Everything of a sidecar but what listens. */
export interface Parts {
  readonly stages: Stages
  readonly telemetry: Telemetry
  readonly insight: Insight
  /** Undefined when nobody's health is checked. */
  readonly prober: Prober | undefined
  /** Takes what is to be recorded besides calls, and reads the log. */
  readonly audit: Pick<Audit, 'trail' | 'reader'>
  readonly breakers: BreakerAdmin
  /** The configuration in force. */
  config(): Config
  draining(): boolean
  /** Says that it is not ready any more; calls are still taken. */
  startDraining(): void
  refuseCalls(): void
  /** Follows a newer configuration; nothing has changed when it fails. */
  apply(config: Config, change: ConfigChange): StartFailure | undefined
  /** Ends everything that does not listen. */
  close(): Promise<void>
}

export async function assemble(options: SidecarOptions): Promise<Parts | StartFailure> {
  const { config, clock, log } = options
  const pins = loadPins(config)
  if ('kind' in pins) return pins
  const inFlight = new InFlight((error) => logDefect(log, 'A call could not be ended', error))
  const known: Known = {}
  const observed = await startObserving(options, pins, inFlight, known)
  if ('kind' in observed) return observed
  const { telemetry, audit, insight, observer } = observed
  const upstreams = createUpstreams({
    ...options,
    observer: telemetry.transports,
    pools: telemetry.pools,
    resilience: withBreakerRecords(withEvents(telemetry.resilience, log), audit.trail, clock),
    hintsOf: (name, tool) => telemetry.catalogue.hintsOf(name, tool),
    askHealth: async (name) => known.prober?.check(name),
  })
  if ('kind' in upstreams) {
    await audit.close(durationOf(config.shutdown.flushTimeout))
    await telemetry.shutdown(0)
    return fileFailure(upstreams)
  }
  const registry = createRegistry(options, upstreams, telemetry)
  known.registry = registry
  if (options.checksHealth === true) known.prober = createProber(clock, log, telemetry.health)
  const { prober } = known
  for (const one of upstreams.parts) prober?.follow(one.name, one.health)
  const pending = createPending(options, observer)
  const stopTimers = startTimers({
    deadlines: () => inFlight.tick(clock.monotonicMs()),
    sweep: () => {
      pending.sweep()
      registry.tick()
      prober?.tick()
      telemetry.catalogue.tick(clock.monotonicMs())
      audit.tick()
      insight.tick()
    },
  })
  const close = async (): Promise<void> => {
    stopTimers()
    pending.endAll()
    await insight.engine.close()
    await prober?.close()
    await registry.close()
    upstreams.close()
    // Its last checkpoint is a log record, which is to be sent too.
    await audit.close(durationOf(config.shutdown.flushTimeout))
    await telemetry.shutdown(durationOf(config.shutdown.flushTimeout))
  }
  return toParts({
    options,
    observer,
    inFlight,
    pending,
    registry,
    upstreams,
    telemetry,
    prober,
    audit,
    insight,
    close,
  })
}

function createRegistry(
  { config, clock }: SidecarOptions,
  upstreams: Upstreams,
  telemetry: Telemetry,
): UpstreamRegistry {
  const { limits } = config
  const sessions = new SessionRegistry(
    { sessionsMax: limits.sessions, idleMs: durationOf(limits.sessionIdle) },
    clock,
    telemetry.transports,
  )
  return new UpstreamRegistry(upstreams.parts, new Limiter(limits.streams), sessions, clock)
}

function fileFailure({ file, code }: HeaderFileFailure): StartFailure {
  return { kind: 'failed', what: 'file', address: file, code }
}

interface Made {
  readonly options: SidecarOptions
  readonly observer: CallObserver
  readonly inFlight: InFlight
  readonly pending: Pending
  readonly registry: UpstreamRegistry
  readonly upstreams: Upstreams
  readonly telemetry: Telemetry
  readonly prober: Prober | undefined
  readonly audit: Audit
  readonly insight: SidecarInsight
  readonly close: () => Promise<void>
}

function toParts(made: Made): Parts {
  const { options, observer, inFlight, pending } = made
  const { registry, telemetry, prober, audit, insight, close } = made
  const { clock, log } = options
  let { config } = options
  const { visible, follow, ...authorization } = createAuthorization(config, log)
  let draining = false
  let refusing = false
  const stages: Stages = {
    clock,
    log,
    observer,
    inFlight,
    resumptions: pending.resumptions,
    serverRequests: pending.serverRequests,
    get rejections() {
      return config.rejections
    },
    drainRejection: () => (refusing ? DRAINING : undefined),
    findUpstream: (name) => registry.find(name),
    checkPins: createPinCheck((name, tool) => telemetry.catalogue.verdictOn(name, tool)),
    ...authorization,
    recordAttempt: audit.recordAttempt,
    upstreamNames: (exchange) => visible(exchange, registry.names()),
    isLongLived,
    ...createReplyWatching(observer),
    spliceMeta,
  }
  return {
    stages,
    telemetry,
    insight: insight.engine,
    prober,
    config: () => config,
    audit,
    breakers: createBreakerAdmin(() => registry.guards(), { clock, log, trail: audit.trail }),
    draining: () => draining,
    startDraining: () => {
      draining = true
    },
    refuseCalls: () => {
      refusing = true
    },
    apply: (next, change) => {
      const applied = applyTo(made, config, next, change)
      if (typeof applied !== 'function') return applied
      config = next
      follow(next)
      applied()
      return undefined
    },
    close,
  }
}

/** Remakes what has changed; returns what is left to do once the rest follows, or why nothing was done. */
function applyTo(
  { registry, upstreams, telemetry, insight, prober }: Made,
  config: Config,
  next: Config,
  change: ConfigChange,
): (() => void) | StartFailure {
  const pins = loadPins(next)
  if ('kind' in pins) return pins
  const followInsight = insight.prepare(next)
  if (typeof followInsight !== 'function') return fileFailure(followInsight)
  const remade = upstreams.make(next, [...change.added, ...change.changed])
  if ('kind' in remade) return fileFailure(remade)
  const graceMs = durationOf(config.limits.sessionIdle)
  for (const name of change.removed) {
    registry.remove(name, graceMs)
    prober?.follow(name, undefined)
  }
  for (const one of remade) {
    const same = registry.put(one, graceMs)
    prober?.follow(one.name, one.health, same)
  }
  telemetry.addUpstreams(change.added, programsOf(next))
  telemetry.catalogue.configure(Object.keys(next.upstreams), pins)
  return followInsight
}
