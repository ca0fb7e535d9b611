/**
 * The conditions of alerts, evaluated here: what `ALERT_DEFAULTS` names, over this sidecar's own calls.
 * They mean what the rules of Prometheus with the same names mean (grafana/src/rules).
 */

import { ALERT_DEFAULTS, type AlertRuleName } from '../core/alert-defaults.ts'
import type { BreakerStateName } from '../core/breaker.ts'
import { describeAlert } from './alert-texts.ts'
import { Increase } from './increase.ts'
import type { Statistics, UpstreamSeries } from './statistics.ts'

/** The Prometheus label of `sidelight.upstream.name`. */
export const UPSTREAM_LABEL = 'sidelight_upstream_name'

/** That of `sidelight.telemetry.signal`. */
export const SIGNAL_LABEL = 'sidelight_telemetry_signal'

/** Calls that were well for so long end an alert about a longer time. */
const RECOVERY_MS = 300_000

/** One health check that fails is no outage. */
const UP_LOOKBACK_MS = 60_000

/** What an operator may say of a rule. */
export interface RuleSettings {
  readonly enabled: boolean
  readonly threshold: number
  readonly windowMs: number
  readonly forMs: number
  readonly keepFiringForMs: number
  readonly callsMin: number
  readonly badCallsMin: number
}

/** Of all upstreams, or of the one that is named. */
export type FindRule = (rule: AlertRuleName, upstream: string | undefined) => RuleSettings

export type LossRule = 'auditFailing' | 'telemetryFailing' | 'telemetryDropped'

/** Something that is counted when it is lost; `total` only ever grows. */
export interface Loss {
  readonly rule: LossRule
  /** Traces, metrics or logs; undefined for audit. */
  readonly signal: string | undefined
  readonly total: number
  /** True while everything is lost, or waits. */
  readonly failing: boolean
}

export interface AlertSources {
  readonly statistics: Statistics
  /** Undefined for an upstream without a breaker. */
  breakerOf(upstream: string): BreakerStateName | undefined
  /** Undefined for an upstream that has not been checked. */
  isUp(upstream: string): boolean | undefined
  losses(): readonly Loss[]
}

/** A rule applied to what its labels name. */
export interface Condition {
  readonly rule: AlertRuleName
  readonly labels: Readonly<Record<string, string>>
  readonly settings: RuleSettings
  readonly holds: boolean
  /** In the rule's unit: a share, seconds, or a count. */
  readonly value: number | undefined
  readonly annotations: Readonly<Record<string, string>>
}

export class AlertRules {
  readonly #sources: AlertSources
  #find: FindRule
  readonly #upMs = new Map<string, number>()
  readonly #increases = new Map<string, Increase>()

  constructor(sources: AlertSources, find: FindRule) {
    this.#sources = sources
    this.#find = find
  }

  configure(find: FindRule): void {
    this.#find = find
  }

  /** Every rule for everything that it applies to; `upstreams` are those of the configuration. */
  evaluate(upstreams: readonly UpstreamSeries[], nowMs: number): Condition[] {
    this.#look(
      upstreams.map(({ upstream }) => upstream),
      nowMs,
    )
    const conditions = upstreams.flatMap((series) => this.#ofUpstream(series, nowMs))
    for (const loss of this.#sources.losses()) conditions.push(this.#ofLoss(loss, nowMs))
    return conditions.filter(({ settings }) => settings.enabled)
  }

  #look(upstreams: readonly string[], nowMs: number): void {
    for (const name of upstreams) {
      if (this.#sources.isUp(name) === true) this.#upMs.set(name, nowMs)
    }
    const names = new Set(upstreams)
    for (const name of this.#upMs.keys()) if (!names.has(name)) this.#upMs.delete(name)
  }

  #ofUpstream(series: UpstreamSeries, nowMs: number): Condition[] {
    return [
      this.#errorRate(series),
      this.#availability(series),
      this.#latency(series),
      this.#breakerOpen(series),
      this.#upstreamDown(series, nowMs),
    ]
  }

  #errorRate(series: UpstreamSeries): Condition {
    const settings = this.#find('errorRate', series.upstream)
    const { eligible, errors } = this.#sources.statistics.lately(series, settings.windowMs)
    const value = eligible === 0 ? undefined : errors / eligible
    const enough = eligible >= settings.callsMin && errors >= settings.badCallsMin
    const holds = enough && value !== undefined && value > settings.threshold
    return this.#condition('errorRate', series.upstream, settings, holds, value)
  }

  #availability(series: UpstreamSeries): Condition {
    const settings = this.#find('availability', series.upstream)
    const { eligible, unavailable } = this.#sources.statistics.lately(series, settings.windowMs)
    const value = eligible === 0 ? undefined : 1 - unavailable / eligible
    const enough = eligible >= settings.callsMin && unavailable >= settings.badCallsMin
    const recent = this.#sources.statistics.lately(series, RECOVERY_MS)
    const recovered =
      recent.eligible > 0 && 1 - recent.unavailable / recent.eligible >= settings.threshold
    const holds = enough && !recovered && value !== undefined && value < settings.threshold
    return this.#condition('availability', series.upstream, settings, holds, value)
  }

  #latency(series: UpstreamSeries): Condition {
    const settings = this.#find('latency', series.upstream)
    const { calls, p95Ms } = this.#sources.statistics.p95Lately(series, settings.windowMs)
    const value = p95Ms === undefined ? undefined : p95Ms / 1_000
    const holds = calls >= settings.callsMin && value !== undefined && value > settings.threshold
    return this.#condition('latency', series.upstream, settings, holds, value)
  }

  #breakerOpen({ upstream }: UpstreamSeries): Condition {
    const settings = this.#find('breakerOpen', upstream)
    const state = this.#sources.breakerOf(upstream)
    // One that tries single calls between two openings has not recovered.
    const holds = state !== undefined && state !== 'closed'
    return this.#condition('breakerOpen', upstream, settings, holds, holds ? 1 : 0)
  }

  #upstreamDown({ upstream }: UpstreamSeries, nowMs: number): Condition {
    const settings = this.#find('upstreamDown', upstream)
    const down = this.#sources.isUp(upstream) === false
    const upMs = this.#upMs.get(upstream)
    const holds = down && (upMs === undefined || nowMs - upMs >= UP_LOOKBACK_MS)
    return this.#condition('upstreamDown', upstream, settings, holds, holds ? 1 : 0)
  }

  #ofLoss({ rule, signal, total, failing }: Loss, nowMs: number): Condition {
    const settings = this.#find(rule, undefined)
    const key = `${rule} ${signal ?? ''}`
    let increase = this.#increases.get(key)
    if (increase === undefined) {
      increase = new Increase()
      this.#increases.set(key, increase)
    }
    const value = increase.over(settings.windowMs, total, nowMs)
    return {
      rule,
      labels: { ...labelsOf(rule), ...(signal === undefined ? {} : { [SIGNAL_LABEL]: signal }) },
      settings,
      holds: failing || value >= settings.threshold,
      value,
      annotations: describeAlert(rule, { subject: signal ?? '', value, settings }),
    }
  }

  #condition(
    rule: AlertRuleName,
    upstream: string,
    settings: RuleSettings,
    holds: boolean,
    value: number | undefined,
  ): Condition {
    return {
      rule,
      labels: { ...labelsOf(rule), [UPSTREAM_LABEL]: upstream },
      settings,
      holds,
      value,
      annotations: holds ? describeAlert(rule, { subject: upstream, value, settings }) : {},
    }
  }
}

function labelsOf(rule: AlertRuleName): Record<string, string> {
  const { name, severity, category } = ALERT_DEFAULTS[rule]
  return { alertname: name, severity, category }
}
