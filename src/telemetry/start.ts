/**
 * Puts the OpenTelemetry SDK together. No other file imports it.
 *
 * `sdk-trace` and `sdk-metrics` are composed by hand: `sdk-node` costs a second of start and 40 MB
 * (docs in ARCHITECTURE.md, "Telemetry"). Nothing here is registered globally except the logger for
 * the SDK's own complaints.
 */

import { randomFillSync } from 'node:crypto'
import type { AuthObserver } from '../core/authentication.ts'
import type { ResilienceObserver, ResilienceView } from '../core/breaker.ts'
import type { AuditView } from '../core/audit.ts'
import type { Clock } from '../core/clock.ts'
import type { SharedLog } from '../core/log.ts'
import type { CallObserver, HealthObserver, TransportObserver } from '../core/observer.ts'
import type { Outcome } from '../core/outcome.ts'
import type { PoolObserver, PoolView } from '../core/pool.ts'
import type { AuthMetrics, AuthSources } from './auth-metrics.ts'
import { CallMetrics } from './call-metrics.ts'
import { createCapture, type CaptureEntry } from './capture.ts'
import { CallTelemetry } from './call-telemetry.ts'
import type { Catalogue, PinSource } from './catalogue.ts'
import { AgreedRevisions } from './agreed-revisions.ts'
import { createCounters } from './counters.ts'
import type { AuditMetrics } from './audit-metrics.ts'
import { boundedBy, createCallDescriber, type Vocabulary } from './describe-call.ts'
import type { TelemetrySettings } from './env.ts'
import { Epoch } from './epoch.ts'
import { PooledIds } from './ids.ts'
import {
  Instruments,
  type DropReason,
  type InstrumentSources,
  type ReloadResult,
  type Signal,
  type TelemetryLoss,
} from './instruments.ts'
import type { InsightMetrics, InsightSources } from './insight-metrics.ts'
import { LabelGuard } from './label-guard.ts'
import { createLogOutput } from './log-output.ts'
import { recordingSettings, startMetricOutput } from './metric-output.ts'
import type { MetricsFormat } from './prometheus.ts'
import { Propagation, type PropagationOptions } from './propagation.ts'
import type { ResilienceMetrics } from './resilience-metrics.ts'
import { createResource, flatten } from './resource.ts'
import { createSampler } from './sampler.ts'
import { reportComplaints } from './sdk-complaints.ts'
import { createSpanOutput, type SpanOutput } from './span-output.ts'
import type { KeepRules } from './span.ts'
import { createToolWatch } from './tool-watch.ts'
import { Tracer } from './tracer.ts'
import { withinTime } from './within-time.ts'

export interface TelemetryOptions {
  readonly settings: TelemetrySettings
  readonly version: string
  /** `service.instance.id` when the environment names none. */
  readonly instanceId: string
  readonly clock: Clock
  readonly log: SharedLog
  /** Writes to standard output, for the console exporter. */
  readonly print: (text: string) => void
  readonly vocabulary: Vocabulary
  /** What the configuration says beyond `OTEL_*`. */
  readonly propagation: Omit<PropagationOptions, 'propagators'>
  readonly capture: readonly CaptureEntry[]
  readonly trustSampled: boolean
  readonly keep: KeepRules | undefined
  /** Upstreams that are programs. */
  readonly programs: ReadonlySet<string>
  readonly inFlight: () => ReadonlyMap<string, number>
  readonly target: InstrumentSources['target']
  readonly sessions: InstrumentSources['sessions']
  readonly health: InstrumentSources['health']
  readonly resilience: () => readonly ResilienceView[]
  readonly pools: () => readonly PoolView[]
  /** The audit log; undefined when there is none. */
  readonly audit: () => AuditView | undefined
  readonly auth: AuthSources
  readonly insight: InsightSources
  readonly isLongLived: (method: string) => boolean
  /** The pin files, by upstream. */
  readonly pins: ReadonlyMap<string, PinSource>
  /** How long a client that is answered so is told to wait; undefined when waiting does not help. */
  readonly retryAfterMs: (outcome: Outcome) => number | undefined
}

export interface Telemetry {
  readonly observer: CallObserver
  /** Counts what transports tell. */
  readonly transports: TransportObserver
  /** Counts what the prober tells. */
  readonly health: HealthObserver
  /** Counts what keeps calls from upstreams. */
  readonly resilience: ResilienceObserver
  /** Counts what happens in pools of connections and processes. */
  readonly pools: PoolObserver
  /** Counts what becomes of records of the audit log. */
  readonly audit: AuditMetrics
  /** Counts what authentication finds. */
  readonly auth: AuthObserver & Pick<AuthMetrics, 'begin'>
  /** Counts what becomes of alerts. */
  readonly insight: Pick<InsightMetrics, 'begin' | 'delivered'>
  /** The label for the name of a tool or prompt, given how the call about it ended. */
  admitName(upstream: string, name: string, outcome: Outcome): string
  /** What was lost since the start. */
  losses(): readonly TelemetryLoss[]
  /** All metrics as text, in slices, so that calls get their turn between two of them. */
  renderMetrics(format: MetricsFormat): Iterable<string>
  /** Names that a newer configuration brought; those that went stay known, for their last records. */
  addUpstreams(names: readonly string[], programs: ReadonlySet<string>): void
  /** A changed configuration was read, and this became of it. */
  configReloaded(result: ReloadResult): void
  /** The tools of every upstream. */
  readonly catalogue: Catalogue
  readonly instanceId: string
  /** Sends what is waiting and ends; never later than `timeoutMs`, whatever the collector does. */
  shutdown(timeoutMs: number): Promise<void>
}

const NO_PROPAGATORS = { traceContext: false, baggage: false }

export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const { settings, clock, log, version, print } = options
  const upstreams = new Set(options.vocabulary.upstreams)
  const agreed = new AgreedRevisions()
  const epoch = new Epoch(clock)
  const instruments = createInstruments(options, upstreams, () => [...tools.catalogue.sizes()])
  const counters = createCounters(options, upstreams, instruments)
  const { resilience } = counters
  const guard = new LabelGuard(() => instruments.limitHit('label_values'))
  const tools = createToolWatch(options, { upstreams, instruments, guard })
  if (!settings.disabled) reportComplaints(log, clock)
  const [resource, dropped] = [createResource(options), dropCounter(instruments)]
  const output = createSpanOutput({
    settings,
    origin: { resource: flatten(resource), version },
    print,
    onDropped: dropped('traces'),
  })
  const logs = createLogOutput({ settings, resource, version, print, onDropped: dropped('logs') })
  if (logs !== undefined) log.attach(logs.sink)
  const metrics = startMetricOutput({
    settings,
    families: [instruments, ...Object.values(counters)].flatMap(({ families }) => families),
    resource,
    version,
    clock,
    epoch,
    onDropped: dropped('metrics'),
  })
  return {
    observer: new CallTelemetry({
      tracer: createTracer(options, output?.onEnd),
      instruments,
      guard,
      metrics: new CallMetrics(instruments, guard),
      tools,
      epoch,
      propagation: createPropagation(options),
      capture: createCapture(options.capture),
      upstreams,
      methods: options.vocabulary.methods,
      revisions: options.vocabulary.revisions,
      agreed,
      describe: createCallDescriber({ ...options.vocabulary, upstreams }, agreed),
      isLongLived: options.isLongLived,
    }),
    transports: instruments,
    health: instruments,
    ...counters,
    admitName: (upstream, name, outcome) => guard.admit(upstream, name, outcome),
    losses: () => instruments.losses(),
    catalogue: tools.catalogue,
    instanceId: options.instanceId,
    renderMetrics: (format) => metrics.render(format),
    addUpstreams: (names, programs) => {
      for (const name of names) upstreams.add(name)
      beginUpstreams(names, programs, { instruments, resilience })
    },
    configReloaded: (result) => instruments.configReloaded(result),
    shutdown: async (timeoutMs) => {
      await withinTime(
        Promise.allSettled([output?.close(), logs?.close(), metrics.close()]),
        timeoutMs,
      )
    },
  }
}

type CountDropped = (reason: DropReason, count: number) => void

function dropCounter(instruments: Instruments): (signal: Signal) => CountDropped {
  return (signal) => (reason, count) => instruments.telemetryDropped(signal, reason, count)
}

function beginUpstreams(
  names: readonly string[],
  programs: ReadonlySet<string>,
  { instruments, resilience }: { instruments: Instruments; resilience: ResilienceMetrics },
): void {
  for (const name of names) {
    instruments.expectUpstream(name, programs.has(name))
    resilience.begin(name)
  }
}

function createPropagation({ settings, propagation }: TelemetryOptions): Propagation {
  const propagators = settings.disabled ? NO_PROPAGATORS : settings.propagators
  return new Propagation({ ...propagation, propagators })
}

function createInstruments(
  options: TelemetryOptions,
  upstreams: ReadonlySet<string>,
  catalogues: InstrumentSources['catalogues'],
): Instruments {
  const { version, sessions, health, target, vocabulary } = options
  const instruments = new Instruments(
    {
      version,
      sessions,
      health,
      target,
      catalogues,
      methods: vocabulary.methods,
      revisions: vocabulary.revisions,
      inFlight: () => boundCounts(options.inFlight(), upstreams),
    },
    recordingSettings(options.settings),
  )
  for (const name of upstreams) instruments.expectUpstream(name, options.programs.has(name))
  return instruments
}

/** One count for each upstream that is known, and one for all others together. */
function boundCounts(
  counts: ReadonlyMap<string, number>,
  known: ReadonlySet<string>,
): ReadonlyMap<string, number> {
  const bound = new Map<string, number>()
  for (const name of known) bound.set(name, 0)
  for (const [name, count] of counts) {
    const upstream = boundedBy(known, name)
    bound.set(upstream, (bound.get(upstream) ?? 0) + count)
  }
  return bound
}

function createTracer(
  { settings, trustSampled, keep }: TelemetryOptions,
  onEnd: SpanOutput['onEnd'] | undefined,
): Tracer {
  return new Tracer({
    sampler: createSampler(settings),
    trustSampled,
    keep,
    ids: new PooledIds(randomFillSync),
    limits: settings.spanLimits,
    onEnd,
  })
}
