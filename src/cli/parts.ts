/** Puts the parts of a sidecar together from a configuration, for every command that runs one. */

import { randomUUID } from 'node:crypto'
import type { ConfigChange } from '../config/compare.ts'
import type { Config } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import { logDefect, type SharedLog } from '../core/log.ts'
import { combineObservers, type CallObserver } from '../core/observer.ts'
import { DRAINING } from '../core/outcome.ts'
import type { BreakerAdmin } from '../http/breaker-routes.ts'
import { createDecodeTee } from '../mcp/decode-tee.ts'
import { isLongLived, KNOWN_METHODS } from '../mcp/methods.ts'
import { watchReply, watchStream } from '../mcp/reply-watch.ts'
import { KNOWN_REVISIONS } from '../mcp/revisions.ts'
import { spliceMeta } from '../mcp/splice-meta.ts'
import { InFlight } from '../pipeline/in-flight.ts'
import { retryAfterOf } from '../pipeline/refuse.ts'
import { Resumptions } from '../pipeline/resumptions.ts'
import { ServerRequests } from '../pipeline/server-requests.ts'
import type { Stages } from '../pipeline/stages.ts'
import { Limiter } from '../resilience/limiter.ts'
import type { TelemetrySettings } from '../telemetry/env.ts'
import { NO_AUTH, type AuthSources } from '../telemetry/auth-metrics.ts'
import { startTelemetry, type Telemetry } from '../telemetry/start.ts'
import type { HeaderFileFailure } from '../upstream/header-source.ts'
import type { Prober } from '../upstream/prober.ts'
import { UpstreamRegistry } from '../upstream/registry.ts'
import { SessionRegistry } from '../upstream/sessions.ts'
import { createAuthorization } from './authorization.ts'
import { createBreakerAdmin } from './breaker-admin.ts'
import { createBudget } from './capture-budget.ts'
import { createProber } from './health.ts'
import { createPinCheck, loadPins } from './pins.ts'
import { withEvents } from './resilience-events.ts'
import { programsOf, telemetryRules } from './telemetry-rules.ts'
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
  /** True to check the health of upstreams. */
  readonly checksHealth?: boolean
  /** Makes the transports of stdio upstreams, when they are not to be shared by clients over HTTP. */
  readonly makeStdio?: MakeStdio
}

/** A start that failed: which address could not be listened on, or which file not read, and why. */
export interface StartFailure {
  readonly kind: 'failed'
  readonly what: 'data' | 'admin' | 'file' | 'pins' | 'auth'
  /** The address, or the file's path. */
  readonly address: string
  /** Why: the system's code, or what is wrong with a file and where. */
  readonly code: string
}

/** Everything of a sidecar but what listens. */
export interface Parts {
  readonly stages: Stages
  readonly telemetry: Telemetry
  /** Undefined when nobody's health is checked. */
  readonly prober: Prober | undefined
  readonly breakers: BreakerAdmin
  /** The configuration in force. */
  config(): Config
  draining(): boolean
  startDraining(): void
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
  const known: { registry?: UpstreamRegistry; prober?: Prober | undefined } = {}
  const telemetry = await startTelemetry({
    ...telemetryOptions(options),
    pins,
    inFlight: () => inFlight.countByUpstream(),
    target: (name) => known.registry?.find(name)?.target,
    sessions: () => known.registry?.sessionCounts() ?? [],
    health: () => known.prober?.health() ?? [],
    resilience: () => known.registry?.resilience() ?? [],
    pools: () => known.registry?.pools() ?? [],
  })
  const observer = combineObservers([telemetry.observer, ...(options.observers ?? [])])
  const upstreams = createUpstreams({
    ...options,
    observer: telemetry.transports,
    pools: telemetry.pools,
    resilience: withEvents(telemetry.resilience, log),
    hintsOf: (name, tool) => telemetry.catalogue.hintsOf(name, tool),
    askHealth: async (name) => known.prober?.check(name),
  })
  if ('kind' in upstreams) {
    await telemetry.shutdown(0)
    return fileFailure(upstreams)
  }
  const registry = createRegistry(options, upstreams, telemetry)
  known.registry = registry
  if (options.checksHealth === true) known.prober = createProber(clock, log, telemetry.health)
  const { prober } = known
  for (const one of upstreams.parts) prober?.follow(one.name, one.health)
  const resumptions = createResumptions(options, observer)
  const serverRequests = createServerRequests(options, observer)
  const stopTimers = startTimers({
    deadlines: () => inFlight.tick(clock.monotonicMs()),
    sweep: () => {
      resumptions.sweep()
      serverRequests.sweep()
      registry.tick()
      prober?.tick()
      telemetry.catalogue.tick(clock.monotonicMs())
    },
  })
  const close = async (): Promise<void> => {
    stopTimers()
    resumptions.endAll()
    serverRequests.endAll()
    await prober?.close()
    await registry.close()
    upstreams.close()
    await telemetry.shutdown(durationOf(config.shutdown.flushTimeout))
  }
  return toParts({
    options,
    observer,
    inFlight,
    resumptions,
    serverRequests,
    registry,
    upstreams,
    telemetry,
    prober,
    close,
  })
}

function createResumptions({ config, clock }: SidecarOptions, observer: CallObserver): Resumptions {
  return new Resumptions(clock, {
    callsMax: config.limits.suspendedCalls,
    waitMs: durationOf(config.limits.suspendedWait),
    onOverflow: () => observer.limitHit('suspended_calls'),
  })
}

function createServerRequests({ clock }: SidecarOptions, observer: CallObserver): ServerRequests {
  return new ServerRequests({ clock, onOverflow: () => observer.limitHit('server_requests') })
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

type Late = 'inFlight' | 'sessions' | 'target' | 'health' | 'resilience' | 'pools' | 'pins'

function telemetryOptions(
  options: SidecarOptions,
): Omit<Parameters<typeof startTelemetry>[0], Late> {
  const { config, version, clock, log, print } = options
  return {
    settings: options.telemetry,
    version,
    instanceId: randomUUID(),
    clock,
    log,
    print,
    vocabulary: {
      methods: KNOWN_METHODS,
      revisions: new Set(KNOWN_REVISIONS),
      upstreams: new Set(Object.keys(config.upstreams)),
    },
    ...telemetryRules(config),
    programs: programsOf(config),
    auth: options.auth ?? NO_AUTH,
    isLongLived,
    retryAfterMs: (outcome) => (outcome.kind === 'rejected' ? retryAfterOf(outcome) : undefined),
  }
}

interface Made {
  readonly options: SidecarOptions
  readonly observer: CallObserver
  readonly inFlight: InFlight
  readonly resumptions: Resumptions
  readonly serverRequests: ServerRequests
  readonly registry: UpstreamRegistry
  readonly upstreams: Upstreams
  readonly telemetry: Telemetry
  readonly prober: Prober | undefined
  readonly close: () => Promise<void>
}

function toParts(made: Made): Parts {
  const { options, observer, inFlight, resumptions, serverRequests } = made
  const { registry, upstreams, telemetry, prober, close } = made
  const { clock, log } = options
  let { config } = options
  const { visible, follow, ...authorization } = createAuthorization(config, log)
  const budget = createBudget(observer)
  let draining = false
  const stages: Stages = {
    clock,
    log,
    observer,
    inFlight,
    resumptions,
    serverRequests,
    get rejections() {
      return config.rejections
    },
    drainRejection: () => (draining ? DRAINING : undefined),
    findUpstream: (name) => registry.find(name),
    checkPins: createPinCheck((name, tool) => telemetry.catalogue.verdictOn(name, tool)),
    ...authorization,
    upstreamNames: (exchange) => visible(exchange, registry.names()),
    isLongLived,
    watchReply: (head, messages, onOutcome, wanted, speech) => {
      const captures = wanted === undefined ? undefined : { wanted, budget }
      return watchReply(head, messages, onOutcome, captures, speech)
    },
    watchStream: (head, awaited, speech) => watchStream(head, awaited, budget, speech),
    decodeTee: createDecodeTee,
    spliceMeta,
  }
  return {
    stages,
    telemetry,
    prober,
    config: () => config,
    breakers: createBreakerAdmin(() => registry.guards(), clock, log),
    draining: () => draining,
    startDraining: () => {
      draining = true
    },
    apply: (next, change) => {
      const pins = loadPins(next)
      if ('kind' in pins) return pins
      const remade = upstreams.make(next, [...change.added, ...change.changed])
      if ('kind' in remade) return fileFailure(remade)
      const graceMs = durationOf(config.limits.sessionIdle)
      for (const name of change.removed) {
        registry.remove(name, graceMs)
        prober?.follow(name, undefined)
      }
      for (const one of remade) {
        registry.put(one, graceMs)
        prober?.follow(one.name, one.health)
      }
      telemetry.addUpstreams(change.added, programsOf(next))
      telemetry.catalogue.configure(Object.keys(next.upstreams), pins)
      config = next
      follow(next)
      return undefined
    },
    close,
  }
}
