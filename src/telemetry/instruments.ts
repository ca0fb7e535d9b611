/** The metrics of the sidecar, ready to be recorded. */

import { LIMIT_NAMES, type LimitName } from '../core/limits.ts'
import type {
  DroppedLine,
  HealthObserver,
  ProcessEnding,
  SessionEnding,
  SessionFacts,
  TransportObserver,
} from '../core/observer.ts'
import { UPSTREAM_FAILURES, type OutcomeKind } from '../core/outcome.ts'
import type { SeriesSettings } from './histogram-series.ts'
import { METRICS } from './names.ts'
import { SeriesLimits } from './series-limits.ts'
import { estimateTokens } from './tokens.ts'
import { CounterFamily, GaugeFamily, HistogramFamily, type MetricFamily } from './series.ts'
import { Traffic, type TrafficOptions } from './traffic.ts'

/** How metrics are recorded: see `SeriesSettings`. */
export type RecordingSettings = Omit<SeriesSettings, 'limits'>

/** What is recorded when nothing else is asked for. */
const USUAL: RecordingSettings = { exponential: false, delta: false, exemplars: true }

export interface InstrumentSources extends TrafficOptions {
  readonly version: string
  /** Exchanges with upstreams under way, by upstream. */
  inFlight(): ReadonlyMap<string, number>
  /** Open sessions per upstream. */
  sessions(): readonly { readonly upstream: string; readonly count: number }[]
  /** Whether upstreams are up; undefined while that is not known. */
  health(): readonly { readonly upstream: string; readonly up: boolean | undefined }[]
  /** The list of tools that was read last, per upstream of which one was. */
  readonly catalogues?: (() => readonly CatalogueSize[]) | undefined
}

export interface CatalogueSize {
  readonly upstream: string
  readonly tools: number
  readonly bytes: number
}

function catalogueGauges(sources: InstrumentSources): readonly GaugeFamily[] {
  const read = (value: (size: CatalogueSize) => number) => () =>
    (sources.catalogues?.() ?? []).map((size) => ({ values: [size.upstream], value: value(size) }))
  return [
    new GaugeFamily(
      METRICS.catalogueTools,
      read(({ tools }) => tools),
    ),
    new GaugeFamily(
      METRICS.catalogueSize,
      read(({ bytes }) => bytes),
    ),
    new GaugeFamily(
      METRICS.catalogueTokens,
      read(({ bytes }) => estimateTokens(bytes)),
    ),
  ]
}

/** Why telemetry was lost: it came faster than it could be sent, or the collector did not take it. */
export type DropReason = 'queue_full' | 'export_failed'

/** What is exported item by item, so that losses can be counted. */
export type Signal = 'traces' | 'metrics' | 'logs'

const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs']

export interface TelemetryLoss {
  readonly signal: Signal
  readonly reason: DropReason
  readonly total: number
}

const DROP_REASONS: readonly DropReason[] = ['queue_full', 'export_failed']

/** What became of a changed configuration. */
export type ReloadResult = 'applied' | 'restart_needed' | 'unchanged' | 'invalid'

const RELOAD_RESULTS: readonly ReloadResult[] = [
  'applied',
  'restart_needed',
  'unchanged',
  'invalid',
]

/** With more upstreams, series from the start would take the room of those that are used. */
const EXPECTED_UPSTREAMS_MAX = 50

/** Endings of calls of tools, each with its reason. */
const EXPECTED_OUTCOMES: readonly (readonly [OutcomeKind, string])[] = [
  ['ok', ''],
  ['tool_error', ''],
  ['rpc_error', ''],
  ['cancelled', ''],
  ['internal', ''],
  ['rejected', 'at_capacity'],
  ...UPSTREAM_FAILURES.map((reason) => ['upstream_failed', reason] as const),
]

const SESSION_ENDINGS: readonly SessionEnding[] = ['deleted', 'idle', 'lost', 'evicted', 'stopped']

const PROCESS_ENDINGS: readonly ProcessEnding[] = [
  'stopped',
  'exited',
  'crashed',
  'not_started',
  'probe',
]

const DROPPED_LINES: readonly DroppedLine[] = ['noise', 'too_long', 'unroutable']

export class Instruments implements TransportObserver, HealthObserver {
  readonly serverOperationDuration: HistogramFamily
  readonly clientOperationDuration: HistogramFamily
  readonly calls: CounterFamily
  readonly catalogueDrifts: CounterFamily
  readonly toolResultSize: HistogramFamily
  readonly toolResultTokens: CounterFamily
  readonly callsRepeated: CounterFamily
  readonly callsAfterRefusal: CounterFamily
  readonly policyDecisions: CounterFamily
  readonly #sessionsEnded: CounterFamily
  readonly #processesEnded: CounterFamily
  readonly #processesRestarted: CounterFamily
  readonly #linesDropped: CounterFamily
  readonly #healthChecks: HistogramFamily
  readonly #limitHits: CounterFamily
  readonly #dropped: CounterFamily
  readonly #reloads: CounterFamily
  readonly #losses = SIGNALS.flatMap((signal) =>
    DROP_REASONS.map((reason) => ({ signal, reason, total: 0 })),
  )
  #lastReloadGood = true
  #expected = 0
  /** Running processes per upstream. */
  readonly #processes = new Map<string, number>()
  readonly traffic: Traffic
  readonly families: readonly MetricFamily[]
  /** For families that others keep. */
  readonly settings: SeriesSettings

  constructor(sources: InstrumentSources, recording: RecordingSettings = USUAL) {
    const limits = new SeriesLimits((limit) => this.limitHit(limit))
    const settings: SeriesSettings = { limits, ...recording }
    this.settings = settings
    this.serverOperationDuration = new HistogramFamily(METRICS.serverOperationDuration, settings)
    this.clientOperationDuration = new HistogramFamily(METRICS.clientOperationDuration, settings)
    this.calls = new CounterFamily(METRICS.calls, settings)
    this.catalogueDrifts = new CounterFamily(METRICS.catalogueDrifts, settings)
    this.toolResultSize = new HistogramFamily(METRICS.toolResultSize, settings)
    this.toolResultTokens = new CounterFamily(METRICS.toolResultTokens, settings)
    this.callsRepeated = new CounterFamily(METRICS.callsRepeated, settings)
    this.callsAfterRefusal = new CounterFamily(METRICS.callsAfterRefusal, settings)
    this.policyDecisions = new CounterFamily(METRICS.policyDecisions, settings)
    this.#sessionsEnded = new CounterFamily(METRICS.sessionsEnded, settings)
    this.#processesEnded = new CounterFamily(METRICS.processesEnded, settings)
    this.#processesRestarted = new CounterFamily(METRICS.processesRestarted, settings)
    this.#linesDropped = new CounterFamily(METRICS.linesDropped, settings)
    this.#healthChecks = new HistogramFamily(METRICS.healthCheckDuration, settings)
    this.#limitHits = new CounterFamily(METRICS.limitHits, settings)
    this.#dropped = new CounterFamily(METRICS.telemetryDropped, settings)
    this.#reloads = new CounterFamily(METRICS.configReloads, settings)
    this.traffic = new Traffic(sources, settings)
    this.families = [
      this.serverOperationDuration,
      this.clientOperationDuration,
      this.calls,
      this.traffic.exchanges,
      ...this.traffic.families,
      new GaugeFamily(METRICS.inFlight, () =>
        [...sources.inFlight()].map(([upstream, count]) => ({ values: [upstream], value: count })),
      ),
      new GaugeFamily(METRICS.sessions, () =>
        sources.sessions().map(({ upstream, count }) => ({ values: [upstream], value: count })),
      ),
      this.#sessionsEnded,
      new GaugeFamily(METRICS.processes, () =>
        [...this.#processes].map(([upstream, count]) => ({ values: [upstream], value: count })),
      ),
      this.#processesEnded,
      this.#processesRestarted,
      this.#linesDropped,
      new GaugeFamily(METRICS.upstreamUp, () =>
        sources
          .health()
          .filter(({ up }) => up !== undefined)
          .map(({ upstream, up }) => ({ values: [upstream], value: up === true ? 1 : 0 })),
      ),
      this.#healthChecks,
      ...catalogueGauges(sources),
      this.catalogueDrifts,
      this.toolResultSize,
      this.toolResultTokens,
      this.callsRepeated,
      this.callsAfterRefusal,
      this.policyDecisions,
      this.#limitHits,
      this.#dropped,
      this.#reloads,
      new GaugeFamily(METRICS.configValid, () => [
        { values: [], value: this.#lastReloadGood ? 1 : 0 },
      ]),
      new GaugeFamily(METRICS.buildInfo, () => [{ values: [sources.version], value: 1 }]),
    ]
    // A counter that is born at 1 shows no increase; these exist from the start.
    for (const limit of LIMIT_NAMES) this.#limitHits.add([limit], 0)
    for (const signal of SIGNALS) {
      for (const reason of DROP_REASONS) this.#dropped.add([signal, reason], 0)
    }
    for (const result of RELOAD_RESULTS) this.#reloads.add([result], 0)
  }

  /**
   * Makes the series exist that an alert on this upstream is about: a counter that is born at 1 shows no
   * increase, and one that does not exist cannot be told from a sidecar that is gone.
   */
  expectUpstream(upstream: string, isProgram: boolean): void {
    if (this.#expected >= EXPECTED_UPSTREAMS_MAX) return
    this.#expected += 1
    for (const [outcome, reason] of EXPECTED_OUTCOMES) {
      this.calls.add([upstream, 'tools/call', outcome, reason], 0)
    }
    for (const why of SESSION_ENDINGS) this.#sessionsEnded.add([upstream, why], 0)
    if (!isProgram) return
    this.#processes.set(upstream, this.#processes.get(upstream) ?? 0)
    for (const how of PROCESS_ENDINGS) this.#processesEnded.add([upstream, how], 0)
    for (const why of DROPPED_LINES) this.#linesDropped.add([upstream, why], 0)
    this.#processesRestarted.add([upstream], 0)
  }

  processStarted(upstream: string): void {
    this.#processes.set(upstream, (this.#processes.get(upstream) ?? 0) + 1)
  }

  processEnded(upstream: string, how: ProcessEnding): void {
    this.#processes.set(upstream, (this.#processes.get(upstream) ?? 1) - 1)
    this.#processesEnded.add([upstream, how], 1)
  }

  processRestarted(upstream: string): void {
    this.#processesRestarted.add([upstream], 1)
  }

  lineDropped(upstream: string, why: DroppedLine): void {
    this.#linesDropped.add([upstream, why], 1)
  }

  sessionEnded(upstream: string, why: SessionEnding, session: SessionFacts | undefined): void {
    this.#sessionsEnded.add([upstream, why], 1)
    if (session !== undefined) this.traffic.sessionEnded(upstream, why, session)
  }

  healthChecked(upstream: string, tookMs: number, errorType: string | undefined): void {
    this.#healthChecks.record([upstream, errorType ?? ''], tookMs / 1000)
  }

  configReloaded(result: ReloadResult): void {
    this.#reloads.add([result], 1)
    this.#lastReloadGood = result !== 'invalid'
  }

  telemetryDropped(signal: Signal, reason: DropReason, count: number): void {
    this.#dropped.add([signal, reason], count)
    const loss = this.#losses.find((one) => one.signal === signal && one.reason === reason)
    if (loss !== undefined) loss.total += count
  }

  /** What was lost since the start; one entry for each signal and reason. */
  losses(): readonly TelemetryLoss[] {
    return this.#losses
  }

  limitHit(limit: LimitName): void {
    this.#limitHits.add([limit], 1)
  }
}
