/** The statistics, health and alerts of a sidecar, made from its configuration and its parts. */

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Config } from '../config/schema.ts'
import { ALERT_DEFAULTS, type AlertRuleName } from '../core/alert-defaults.ts'
import { SIGNAL_LABEL, UPSTREAM_LABEL } from '../insight/alert-rules.ts'
import type { FindRule, Loss, RuleSettings } from '../insight/alert-rules.ts'
import type { ReceiverSettings } from '../insight/delivery.ts'
import { InsightEngine, type InsightRules } from '../insight/engine.ts'
import type { HealthThresholds } from '../insight/health.ts'
import { sendJson } from '../insight/send-json.ts'
import { isLongLived, KNOWN_METHODS } from '../mcp/methods.ts'
import type { InsightSources } from '../telemetry/insight-metrics.ts'
import { OTHER } from '../telemetry/names.ts'
import type { Telemetry } from '../telemetry/start.ts'
import { estimateTokens } from '../telemetry/tokens.ts'
import { HeaderSource, type HeaderFileFailure } from '../upstream/header-source.ts'
import type { Audit } from './audit.ts'
import { chance } from './chance.ts'
import type { Known } from './observing.ts'
import type { SidecarOptions } from './parts.ts'
import { durationOf } from './units.ts'

export interface SidecarInsight {
  readonly engine: InsightEngine
  /** Follows a newer configuration once it is called; or says which file of a header cannot be read. */
  prepare(config: Config): (() => void) | HeaderFileFailure
  tick(): void
}

export interface InsightParts {
  readonly telemetry: Telemetry
  readonly audit: Audit
  readonly known: Known
}

export function createInsight(
  options: SidecarOptions,
  { telemetry, audit, known }: InsightParts,
): SidecarInsight | HeaderFileFailure {
  const { config, clock, log } = options
  const first = rulesOf(config, options)
  if ('kind' in first) return first
  let { sources } = first
  let { externalUrl = '' } = config.alerts
  const engine = new InsightEngine({
    ...first.rules,
    clock,
    log,
    toolsMax: config.insight.tools,
    recentMax: config.insight.recentCalls,
    labels: { instance: hostname(), ...config.alerts.labels },
    externalUrl: () => externalUrl,
    breakerOf: (name) => known.registry?.find(name)?.guard.breaker?.view(clock.monotonicMs()).state,
    isUp: (name) => known.prober?.isUp(name),
    losses: () => [...telemetryLosses(telemetry), ...auditLosses(audit, telemetry)],
    admitName: (upstream, name, outcome) => telemetry.admitName(upstream, name, outcome),
    admitMethod: (method) => (KNOWN_METHODS.has(method) ? method : OTHER),
    tokensOf: estimateTokens,
    isLongLived,
    newId: randomUUID,
    random: chance,
    send: sendJson,
    limitHit: (limit) => telemetry.observer.limitHit(limit),
    delivered: (receiver, succeeded) => telemetry.insight.delivered(receiver, succeeded),
  })
  return {
    engine,
    prepare: (next) => {
      const made = rulesOf(next, options)
      if ('kind' in made) return made
      return () => {
        sources = made.sources
        externalUrl = next.alerts.externalUrl ?? ''
        telemetry.insight.begin(made.rules.receivers.map(({ name }) => name))
        engine.configure(made.rules)
      }
    },
    tick: () => {
      for (const source of sources) source.tick(clock.monotonicMs())
      engine.tick()
    },
  }
}

/** What metrics show of it. */
export function insightSources(config: Config, known: Known): InsightSources {
  return {
    receivers: Object.keys(config.alerts.receivers),
    alerts: () =>
      (known.insight?.engine.alerts() ?? [])
        .filter(({ state }) => state !== 'resolved')
        .map(({ name, state, labels }) => ({
          name,
          state,
          upstream: labels[UPSTREAM_LABEL] ?? '',
          signal: labels[SIGNAL_LABEL] ?? '',
        })),
    health: () => known.insight?.engine.health().upstreams ?? [],
  }
}

function rulesOf(
  config: Config,
  { log }: SidecarOptions,
): { readonly rules: InsightRules; readonly sources: readonly HeaderSource[] } | HeaderFileFailure {
  const sources: HeaderSource[] = []
  const receivers: ReceiverSettings[] = []
  for (const [name, { type, url, headers }] of Object.entries(config.alerts.receivers)) {
    const source = new HeaderSource(log)
    const failure = source.load(headers)
    if (failure !== undefined) return failure
    sources.push(source)
    const current = (): Record<string, string> =>
      Object.fromEntries([...source.current.values()].map((header) => [header.name, header.value]))
    receivers.push({ name, type, url, headers: current })
  }
  const rules = {
    upstreams: Object.keys(config.upstreams),
    health: healthOf(config),
    findRule: findRuleIn(config),
    receivers,
  }
  return { rules, sources }
}

function healthOf({ insight }: Config): HealthThresholds {
  const { warning, critical, minimumCalls, recoverAfter } = insight.health
  return {
    warning: { errorRate: warning.errorRate, p95Ms: durationOf(warning.p95) },
    critical: { errorRate: critical.errorRate, p95Ms: durationOf(critical.p95) },
    callsMin: minimumCalls,
    recoverAfterMs: durationOf(recoverAfter),
  }
}

/** The settings of rules, with what differs for single upstreams. */
export function findRuleIn({ alerts }: Pick<Config, 'alerts'>): FindRule {
  const cache = new Map<string, RuleSettings>()
  return (rule, upstream) => {
    const key = `${rule} ${upstream ?? ''}`
    let settings = cache.get(key)
    if (settings === undefined) {
      settings = settingsOf(rule, upstream, alerts.rules)
      cache.set(key, settings)
    }
    return settings
  }
}

function settingsOf(
  rule: AlertRuleName,
  upstream: string | undefined,
  rules: Config['alerts']['rules'],
): RuleSettings {
  const { windowMs, threshold, callsMin, badCallsMin } = ALERT_DEFAULTS[rule]
  const general: GivenRule = rules[rule]
  const its = upstream === undefined ? undefined : general.upstreams?.[upstream]
  // Rules about states have neither threshold nor minimum.
  const given = {
    threshold,
    minimumCalls: callsMin,
    minimumErrors: badCallsMin,
    ...general,
    ...withoutUndefined(its ?? {}),
  }
  return {
    enabled: given.enabled,
    threshold: given.threshold,
    windowMs,
    forMs: durationOf(given.for),
    keepFiringForMs: durationOf(given.keepFiringFor),
    callsMin: given.minimumCalls,
    badCallsMin: given.minimumErrors,
  }
}

/** What any of the rules may say. */
interface GivenRule {
  readonly enabled: boolean
  readonly for: string
  readonly keepFiringFor: string
  readonly threshold?: number
  readonly minimumCalls?: number
  readonly minimumErrors?: number
  readonly upstreams?: Readonly<Record<string, Loose<GivenRule>>>
}

type Loose<T> = { readonly [K in keyof T]?: T[K] | undefined }

function withoutUndefined<T extends object>(value: Loose<T>): Partial<T>
function withoutUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined))
}

function telemetryLosses(telemetry: Telemetry): Loss[] {
  return telemetry.losses().map(({ signal, reason, total }) => ({
    rule: reason === 'queue_full' ? 'telemetryDropped' : 'telemetryFailing',
    signal,
    total,
    failing: false,
  }))
}

/** Nothing is said of an audit log that there is not. */
function auditLosses(audit: Audit, telemetry: Telemetry): Loss[] {
  const view = audit.view()
  if (view === undefined) return []
  const total = telemetry.audit.lost
  return [{ rule: 'auditFailing', signal: undefined, total, failing: view.failing }]
}
