/** Statistics, health and alerts of a sidecar, put together and looked after by one timer. */

import type { BreakerStateName } from '../core/breaker.ts'
import type { Clock } from '../core/clock.ts'
import type { LimitName } from '../core/limits.ts'
import type { Log } from '../core/log.ts'
import type { CallObserver } from '../core/observer.ts'
import { AlertBook } from './alert-book.ts'
import { AlertLog } from './alert-log.ts'
import { AlertRules, type AlertSources, type FindRule } from './alert-rules.ts'
import { Delivery, type ReceiverSettings, type SendJson } from './delivery.ts'
import { HEALTH_WINDOW_MS, HealthJudge, overall, type HealthThresholds } from './health.ts'
import { RecentCallLog } from './recent-calls.ts'
import { createRecorder, type RecorderOptions } from './recorder.ts'
import { Silences } from './silences.ts'
import { OTHER, Statistics, type UpstreamSeries } from './statistics.ts'
import {
  WINDOW_NAMES,
  type AlertView,
  type HealthReport,
  type Insight,
  type Overview,
  type ReceiverView,
  type RecentCall,
  type RecentCalls,
  type RecentQuery,
  type SilenceOrder,
  type SilenceView,
  type TimelinePoint,
  type ToolDetail,
  type ToolStats,
  type UpstreamStats,
  type WindowName,
} from './views.ts'

/** Health and alerts are judged this often. */
const JUDGE_EVERY_MS = 5_000

/** What a newer configuration may change. */
export interface InsightRules {
  readonly upstreams: readonly string[]
  readonly health: HealthThresholds
  readonly findRule: FindRule
  readonly receivers: readonly ReceiverSettings[]
}

export interface InsightOptions
  extends
    InsightRules,
    Pick<AlertSources, 'losses'>,
    Pick<RecorderOptions, 'admitName' | 'admitMethod' | 'tokensOf' | 'isLongLived'> {
  readonly clock: Clock
  readonly log: Log
  readonly toolsMax: number
  readonly recentMax: number
  /** Stand on every alert. */
  readonly labels: Readonly<Record<string, string>>
  /** Where people reach the status page; empty when that is not known. */
  readonly externalUrl: () => string
  /** Undefined for an upstream without a breaker. */
  readonly breakerOf: (upstream: string) => BreakerStateName | undefined
  /** Undefined for an upstream that has not been checked. */
  readonly isUp: (upstream: string) => boolean | undefined
  readonly newId: () => string
  readonly random: () => number
  readonly send: SendJson
  readonly limitHit: (limit: LimitName) => void
  readonly delivered: (receiver: string, succeeded: boolean) => void
}

export class InsightEngine implements Insight {
  readonly observer: CallObserver
  readonly #options: InsightOptions
  readonly #statistics: Statistics
  readonly #recent: RecentCallLog
  readonly #judge: HealthJudge
  readonly #rules: AlertRules
  readonly #book: AlertBook
  readonly #silences: Silences
  readonly #alertLog: AlertLog
  readonly #startedAtMs: number
  #deliveries: readonly Delivery[] = []
  #judgedMs = -Infinity
  #changes = 0

  constructor(options: InsightOptions) {
    const { clock, upstreams, toolsMax, limitHit } = options
    this.#options = options
    this.#startedAtMs = clock.wallMs()
    const onFull = (): void => limitHit('insight_tools')
    this.#statistics = new Statistics({ clock, upstreams, toolsMax, onFull })
    this.#recent = new RecentCallLog(options.recentMax)
    this.observer = createRecorder({
      ...options,
      statistics: this.#statistics,
      recent: this.#recent,
    })
    this.#judge = new HealthJudge(options.health)
    this.#rules = new AlertRules({ ...options, statistics: this.#statistics }, options.findRule)
    this.#book = new AlertBook(options.labels)
    this.#silences = new Silences(options.newId)
    this.#alertLog = new AlertLog(options.log)
    this.#deliveries = this.#makeDeliveries(options.receivers)
  }

  /** Follows a newer configuration; what is known of upstreams that stay is kept. */
  configure({ upstreams, health, findRule, receivers }: InsightRules): void {
    const names = new Set(upstreams)
    this.#statistics.configure(upstreams)
    this.#recent.keepOnly(new Set([...names, OTHER]))
    this.#judge.configure(health)
    this.#judge.keepOnly(names)
    this.#rules.configure(findRule)
    this.#deliveries = this.#makeDeliveries(receivers)
    this.#changes += 1
  }

  /** About once a second. */
  tick(): void {
    const { clock } = this.#options
    this.#statistics.tick()
    const moment = { nowMs: clock.monotonicMs(), wallMs: clock.wallMs() }
    if (moment.nowMs - this.#judgedMs >= JUDGE_EVERY_MS) {
      this.#judgedMs = moment.nowMs
      this.#changes += 1
      const upstreams = this.#configured()
      for (const series of upstreams) this.#judgeHealth(series, moment.nowMs, moment.wallMs)
      const conditions = this.#rules.evaluate(upstreams, moment.nowMs)
      this.#alertLog.changed(this.#book.evaluate(conditions, moment))
    }
    const alerts = this.alerts()
    for (const delivery of this.#deliveries) delivery.tick(alerts)
  }

  async close(): Promise<void> {
    await Promise.all(this.#deliveries.map(async (delivery) => delivery.close()))
  }

  get version(): number {
    return this.#recent.lastSeq + this.#changes
  }

  overview(windows: readonly WindowName[] = WINDOW_NAMES): Overview {
    const alerts = this.alerts()
    const count = (state: AlertView['state']): number =>
      alerts.filter((alert) => alert.state === state).length
    return {
      atMs: this.#options.clock.wallMs(),
      startedAtMs: this.#startedAtMs,
      health: this.health(),
      inFlight: this.#statistics.all().reduce((sum, { inFlight }) => sum + inFlight, 0),
      windows: windows.map((window) => this.#statistics.totalStats(window)),
      alerts: {
        pending: count('pending'),
        firing: count('firing'),
        silenced: alerts.filter(({ silencedBy }) => silencedBy !== undefined).length,
      },
    }
  }

  upstreams(windows: readonly WindowName[] = WINDOW_NAMES): readonly UpstreamStats[] {
    return this.#statistics
      .all()
      .filter(({ upstream, history }) => upstream !== OTHER || !history.empty)
      .map((series) => this.#upstreamStats(series, windows))
  }

  upstream(name: string): UpstreamStats | undefined {
    const series = this.#statistics.find(name)
    return series === undefined ? undefined : this.#upstreamStats(series, WINDOW_NAMES)
  }

  tools(query: {
    readonly window: WindowName
    readonly upstream?: string | undefined
  }): readonly ToolStats[] {
    const { window, upstream: wanted } = query
    return this.#statistics
      .all()
      .filter(({ upstream }) => wanted === undefined || upstream === wanted)
      .flatMap(({ upstream, tools }) =>
        [...tools.values()].map((series) => {
          const stats = this.#statistics.toolStats(series, window)
          return { upstream, tool: series.tool, inFlight: series.inFlight, stats }
        }),
      )
  }

  tool(upstream: string, tool: string): ToolDetail | undefined {
    const series = this.#statistics.find(upstream)?.tools.get(tool)
    if (series === undefined) return undefined
    const windows = WINDOW_NAMES.map((window) => this.#statistics.toolStats(series, window))
    return { upstream, tool, inFlight: series.inFlight, windows }
  }

  timeline(
    upstream: string | undefined,
    span: '5m' | '1h' | '24h',
  ): readonly TimelinePoint[] | undefined {
    if (upstream === undefined) return this.#statistics.timeline(undefined, span)
    const series = this.#statistics.find(upstream)
    return series === undefined ? undefined : this.#statistics.timeline(series, span)
  }

  recentCalls(query: RecentQuery): RecentCalls {
    return this.#recent.query(query)
  }

  callsOfTrace(traceId: string): readonly RecentCall[] {
    return this.#recent.ofTrace(traceId)
  }

  health(): HealthReport {
    const wallMs = this.#options.clock.wallMs()
    const upstreams = this.#configured().map(({ upstream }) => ({
      upstream,
      ...this.#judge.verdict(upstream, wallMs),
    }))
    return overall(upstreams, wallMs)
  }

  alerts(): readonly AlertView[] {
    this.#silences.list(this.#options.clock.wallMs())
    return this.#book.alerts().map((alert) => this.#silences.applyTo(alert))
  }

  receivers(): readonly ReceiverView[] {
    return this.#deliveries.map((delivery) => delivery.view())
  }

  silences(): readonly SilenceView[] {
    return this.#silences.list(this.#options.clock.wallMs())
  }

  silence(order: SilenceOrder): SilenceView | 'full' | 'invalid' {
    const silence = this.#silences.add(order, this.#options.clock.wallMs())
    if (silence === 'full') this.#options.limitHit('silences')
    if (typeof silence === 'string') return silence
    this.#changes += 1
    this.#alertLog.silenced(silence)
    return silence
  }

  endSilence(id: string): boolean {
    const silence = this.#silences.end(id)
    if (silence === undefined) return false
    this.#changes += 1
    this.#alertLog.unsilenced(silence)
    return true
  }

  #configured(): readonly UpstreamSeries[] {
    return this.#statistics.all().filter(({ upstream }) => upstream !== OTHER)
  }

  #upstreamStats(series: UpstreamSeries, windows: readonly WindowName[]): UpstreamStats {
    const { upstream, inFlight } = series
    const { breakerOf, isUp, clock } = this.#options
    return {
      upstream,
      inFlight,
      breaker: breakerOf(upstream),
      up: isUp(upstream),
      health: this.#judge.verdict(upstream, clock.wallMs()),
      windows: windows.map((window) => this.#statistics.upstreamStats(series, window)),
      lastErrors: this.#recent.lastErrors(upstream),
    }
  }

  #judgeHealth(series: UpstreamSeries, nowMs: number, wallMs: number): void {
    const { upstream } = series
    const before = this.#judge.verdict(upstream, wallMs).level
    const facts = {
      rates: this.#statistics.lately(series, HEALTH_WINDOW_MS),
      p95: this.#statistics.p95Lately(series, HEALTH_WINDOW_MS),
      breaker: this.#options.breakerOf(upstream),
      up: this.#options.isUp(upstream),
    }
    const verdict = this.#judge.judge(upstream, facts, nowMs, wallMs)
    if (verdict.level !== before) this.#alertLog.healthChanged(upstream, before, verdict)
  }

  /** Receivers that stay know what they were told; those that are gone are told nothing more. */
  #makeDeliveries(receivers: readonly ReceiverSettings[]): readonly Delivery[] {
    const { externalUrl, clock, send, random, delivered } = this.#options
    const before = new Set(this.#deliveries)
    const deliveries = receivers.map((settings) => {
      const kept = [...before].find((delivery) => delivery.follow(settings))
      if (kept !== undefined) before.delete(kept)
      const onAttempt = (name: string, error: string | undefined, failuresBefore: number): void => {
        delivered(name, error === undefined)
        this.#alertLog.delivered(name, error, failuresBefore)
      }
      return kept ?? new Delivery({ settings, externalUrl, clock, send, random, onAttempt })
    })
    for (const gone of before) void gone.close()
    return deliveries
  }
}
