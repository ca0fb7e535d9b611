/** The verdict on an upstream, with its reasons: worse at once, better only when it has been for a while. */

import type { BreakerStateName } from '../core/breaker.ts'
import type { P95 } from './statistics.ts'
import type { HealthLevel, HealthReason, HealthReport, HealthVerdict } from './views.ts'
import type { Rates } from './window-stats.ts'

/** Calls are judged over so long. */
export const HEALTH_WINDOW_MS = 300_000

export interface HealthLimits {
  /** A share of the calls that count. */
  readonly errorRate: number
  readonly p95Ms: number
}

export interface HealthThresholds {
  readonly warning: HealthLimits
  readonly critical: HealthLimits
  /** Fewer calls in the window prove nothing. */
  readonly callsMin: number
  /** How long it must have been better before the verdict is. */
  readonly recoverAfterMs: number
}

/** What is known of an upstream at a moment. */
export interface HealthFacts {
  readonly rates: Rates
  readonly p95: P95
  readonly breaker: BreakerStateName | undefined
  readonly up: boolean | undefined
}

/** UNKNOWN is no improvement to wait for, and nothing bad either. */
const RANK: Readonly<Record<HealthLevel, number>> = {
  UNKNOWN: 0,
  HEALTHY: 0,
  WARNING: 1,
  CRITICAL: 2,
}

interface Held {
  readonly level: HealthLevel
  readonly sinceMs: number
  /** Monotonic; since when it looks better than `level`. */
  betterSinceMs: number | undefined
  reasons: readonly HealthReason[]
}

export class HealthJudge {
  #thresholds: HealthThresholds
  readonly #held = new Map<string, Held>()

  constructor(thresholds: HealthThresholds) {
    this.#thresholds = thresholds
  }

  configure(thresholds: HealthThresholds): void {
    this.#thresholds = thresholds
  }

  /** Verdicts on upstreams that are not among these are forgotten. */
  keepOnly(upstreams: ReadonlySet<string>): void {
    for (const name of this.#held.keys()) if (!upstreams.has(name)) this.#held.delete(name)
  }

  judge(upstream: string, facts: HealthFacts, nowMs: number, wallMs: number): HealthVerdict {
    const { level, reasons } = judgeNow(facts, this.#thresholds)
    const held = this.#held.get(upstream)
    if (held === undefined || (level !== held.level && RANK[level] >= RANK[held.level])) {
      return this.#hold(upstream, { level, sinceMs: wallMs, betterSinceMs: undefined, reasons })
    }
    held.reasons = reasons
    if (RANK[level] >= RANK[held.level]) {
      held.betterSinceMs = undefined
      return shown(held)
    }
    held.betterSinceMs ??= nowMs
    if (nowMs - held.betterSinceMs >= this.#thresholds.recoverAfterMs) {
      return this.#hold(upstream, { level, sinceMs: wallMs, betterSinceMs: undefined, reasons })
    }
    held.reasons = [recovering(held.level, facts.rates.calls), ...reasons]
    return shown(held)
  }

  /** What was said last. */
  verdict(upstream: string, wallMs: number): HealthVerdict {
    const held = this.#held.get(upstream)
    return held === undefined ? { level: 'UNKNOWN', sinceMs: wallMs, reasons: [] } : shown(held)
  }

  #hold(upstream: string, held: Held): HealthVerdict {
    this.#held.set(upstream, held)
    return shown(held)
  }
}

/** As bad as the worst of them. */
export function overall(upstreams: HealthReport['upstreams'], wallMs: number): HealthReport {
  const bad = upstreams.filter(({ level }) => RANK[level] > 0)
  const rank = Math.max(0, ...bad.map(({ level }) => RANK[level]))
  const worst = bad.filter(({ level }) => RANK[level] === rank)
  if (worst[0] !== undefined) {
    return {
      level: worst[0].level,
      sinceMs: Math.min(...worst.map(({ sinceMs }) => sinceMs)),
      upstreams,
    }
  }
  const level = upstreams.some((one) => one.level === 'HEALTHY') ? 'HEALTHY' : 'UNKNOWN'
  const same = upstreams.filter((one) => one.level === level).map(({ sinceMs }) => sinceMs)
  return { level, sinceMs: Math.min(wallMs, ...same), upstreams }
}

function shown({ level, sinceMs, reasons }: Held): HealthVerdict {
  return { level, sinceMs, reasons }
}

function judgeNow(
  facts: HealthFacts,
  thresholds: HealthThresholds,
): { readonly level: HealthLevel; readonly reasons: readonly HealthReason[] } {
  const bad = [...stateReasons(facts), ...callReasons(facts, thresholds)]
  const reasons = bad.toSorted((a, b) => RANK[b.level] - RANK[a.level])
  if (reasons[0] !== undefined) return { level: reasons[0].level, reasons }
  const { eligible } = facts.rates
  if (eligible >= thresholds.callsMin) return { level: 'HEALTHY', reasons: [] }
  const level = facts.up === true ? 'HEALTHY' : 'UNKNOWN'
  const idle = eligible === 0
  const checks = facts.up === true ? 'its health checks pass' : 'no health check has succeeded'
  const reason: HealthReason = {
    code: idle ? 'no_traffic' : 'little_traffic',
    level,
    value: eligible,
    threshold: thresholds.callsMin,
    calls: eligible,
    text: `${idle ? 'no calls' : callsText(eligible)} in 5 minutes; ${checks}`,
  }
  return { level, reasons: [reason] }
}

/** What is so or not, whatever calls came. */
function stateReasons({ breaker, up, rates }: HealthFacts): HealthReason[] {
  const reason = (code: HealthReason['code'], level: HealthLevel, text: string): HealthReason => ({
    code,
    level,
    value: undefined,
    threshold: undefined,
    calls: rates.calls,
    text,
  })
  return [
    ...(up === false ? [reason('upstream_down', 'CRITICAL', 'its health check fails')] : []),
    ...(breaker === 'open'
      ? [reason('breaker_open', 'CRITICAL', 'its circuit breaker is open')]
      : []),
    ...(breaker === 'half_open'
      ? [reason('breaker_half_open', 'WARNING', 'its circuit breaker lets single calls try')]
      : []),
  ]
}

function callReasons({ rates, p95 }: HealthFacts, thresholds: HealthThresholds): HealthReason[] {
  const { warning, critical, callsMin } = thresholds
  const reasons: HealthReason[] = []
  const { eligible, errors } = rates
  if (eligible >= callsMin) {
    const value = errors / eligible
    const level = levelAt(value, warning.errorRate, critical.errorRate)
    const threshold = level === 'CRITICAL' ? critical.errorRate : warning.errorRate
    const text = `${percent(value)} of ${callsText(eligible)} in 5 minutes failed; the limit is ${percent(threshold)}`
    if (level !== undefined) {
      reasons.push({ code: 'error_rate', level, value, threshold, calls: eligible, text })
    }
  }
  const { calls, p95Ms: value } = p95
  if (calls >= callsMin && value !== undefined) {
    const level = levelAt(value, warning.p95Ms, critical.p95Ms)
    const threshold = level === 'CRITICAL' ? critical.p95Ms : warning.p95Ms
    const text = `95 % of ${callsText(calls)} in 5 minutes took up to ${seconds(value)}; the limit is ${seconds(threshold)}`
    if (level !== undefined) reasons.push({ code: 'p95', level, value, threshold, calls, text })
  }
  return reasons
}

function levelAt(value: number, warning: number, critical: number): HealthLevel | undefined {
  if (value > critical) return 'CRITICAL'
  return value > warning ? 'WARNING' : undefined
}

function recovering(level: HealthLevel, calls: number): HealthReason {
  const text = 'it looks better, but has not for long enough'
  return { code: 'recovering', level, value: undefined, threshold: undefined, calls, text }
}

const callsText = (calls: number): string => (calls === 1 ? '1 call' : `${calls} calls`)

export const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`

export const seconds = (ms: number): string => `${Number((ms / 1_000).toPrecision(3))} s`
