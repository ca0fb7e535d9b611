/** Makes what keeps calls from an upstream, from its configuration. */

import type { Config } from '../config/schema.ts'
import type { ResilienceObserver } from '../core/breaker.ts'
import type { Clock } from '../core/clock.ts'
import { matchesGlob } from '../core/glob.ts'
import { isLongLived } from '../mcp/methods.ts'
import type { BreakerSettings } from '../resilience/breaker-state.ts'
import type { GuardSettings } from '../resilience/guard-parts.ts'
import type { HedgeRules } from '../resilience/retries.ts'
import type { SignalRules } from '../resilience/signals.ts'
import { systemTimers } from '../resilience/timers.ts'
import type { ToolHints } from '../telemetry/tool-list.ts'
import { UpstreamGuard } from '../resilience/upstream-guard.ts'
import { chance } from './chance.ts'
import { probeOf, type AskHealth } from './health.ts'
import { durationOf, limitOf } from './units.ts'

type UpstreamConfig = Config['upstreams'][string]
type BreakerConfig = UpstreamConfig['breaker']

/** A probe that has not answered so long after its own time limit has failed. */
const PROBE_GRACE_MS = 5_000

export interface GuardOptions {
  readonly clock: Clock
  readonly resilience: ResilienceObserver
  readonly askHealth: AskHealth
  readonly hintsOf: HintsOf
}

/** What a server says of a tool's behaviour, when it has been heard. */
export type HintsOf = (upstream: string, tool: string) => ToolHints | undefined

/** `checked` says whether the upstream's health is checked, so that an open breaker has whom to ask. */
export function createGuard(
  upstream: string,
  config: UpstreamConfig,
  checked: boolean,
  { clock, resilience, askHealth, hintsOf }: GuardOptions,
): UpstreamGuard {
  return new UpstreamGuard({
    upstream,
    settings: guardSettings(config, (tool) => hintsOf(upstream, tool)),
    clock,
    timers: systemTimers,
    random: chance,
    observer: resilience,
    isLongLived,
    probe: checked ? probeOf(upstream, askHealth, clock) : undefined,
  })
}

function guardSettings(
  config: UpstreamConfig,
  hintsOf: (tool: string) => ToolHints | undefined,
): GuardSettings {
  const { breaker, concurrency, adaptiveConcurrency, queue, queueTimeout, retry, retryBudget } =
    config
  const settings = breaker.mode === 'off' ? undefined : breakerSettings(config)
  return {
    breaker: settings,
    toolBreaker:
      settings === undefined || !breaker.toolBreakers
        ? undefined
        : { ...settings, failuresInRow: undefined },
    signals: signalRules(breaker),
    concurrency,
    adaptive: adaptiveConcurrency,
    queueMax: queue,
    // What could begin only when its time is over is not begun.
    queueMs: Math.min(durationOf(queueTimeout), limitOf(config.timeout)),
    retries: {
      ...retryBudget,
      attempts: retry.attempts,
      mayRepeatTool: repeatable(retry, hintsOf),
      hedge: hedgeRules(config.hedge, hintsOf),
    },
  }
}

function repeatable(
  { tools, trustHints }: UpstreamConfig['retry'],
  hintsOf: (tool: string) => ToolHints | undefined,
): (tool: string) => boolean {
  return (tool) => {
    if (tools.some((glob) => matchesGlob(glob, tool))) return true
    const hints = trustHints ? hintsOf(tool) : undefined
    return hints !== undefined && (hints.readOnly || hints.idempotent)
  }
}

function hedgeRules(
  { after, tools, trustHints }: UpstreamConfig['hedge'],
  hintsOf: (tool: string) => ToolHints | undefined,
): HedgeRules | undefined {
  if (after === 'off' || (tools.length === 0 && !trustHints)) return undefined
  return {
    afterMs: durationOf(after),
    mayHedgeTool: (tool) =>
      tools.some((glob) => matchesGlob(glob, tool)) ||
      (trustHints && hintsOf(tool)?.readOnly === true),
  }
}

function breakerSettings({ breaker, health }: UpstreamConfig): BreakerSettings {
  return {
    failuresInRow: breaker.failureThreshold,
    failureRate: breaker.failureRate,
    callsMin: breaker.minimumCalls,
    windowMs: durationOf(breaker.window),
    slowCallMs: durationOf(breaker.slowCall),
    slowRate: breaker.slowRate,
    slowOpens: breaker.slowCalls === 'enforce',
    openMs: durationOf(breaker.openTime),
    openMsMax: durationOf(breaker.recoveryTimeout),
    successes: breaker.successThreshold,
    trialMs: durationOf(breaker.timeout),
    probeMs: durationOf(health.timeout) + PROBE_GRACE_MS,
    slowStartMs: durationOf(breaker.slowStart),
    reportOnly: breaker.mode === 'report',
  }
}

function signalRules({ signals, tools }: BreakerConfig): SignalRules {
  return {
    upstream: new Map(Object.entries(signals)),
    tools: new Map(
      Object.entries(tools).map(([name, tool]) => [
        name,
        { enabled: tool.breaker, signals: new Map(Object.entries(tool.signals)) },
      ]),
    ),
  }
}
