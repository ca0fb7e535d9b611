/** Makes what keeps calls from an upstream, from its configuration. */

import type { Config } from '../config/schema.ts'
import type { ResilienceObserver } from '../core/breaker.ts'
import type { Clock } from '../core/clock.ts'
import { isLongLived } from '../mcp/methods.ts'
import type { BreakerSettings } from '../resilience/breaker-state.ts'
import type { GuardSettings } from '../resilience/guard-parts.ts'
import type { SignalRules } from '../resilience/signals.ts'
import { systemTimers } from '../resilience/timers.ts'
import { UpstreamGuard } from '../resilience/upstream-guard.ts'
import { chance } from './chance.ts'
import { probeOf, type AskHealth } from './health.ts'
import { durationOf } from './units.ts'

type UpstreamConfig = Config['upstreams'][string]
type BreakerConfig = UpstreamConfig['breaker']

/** A probe that has not answered so long after its own time limit has failed. */
const PROBE_GRACE_MS = 5_000

export interface GuardOptions {
  readonly clock: Clock
  readonly resilience: ResilienceObserver
  readonly askHealth: AskHealth
}

/** `checked` says whether the upstream's health is checked, so that an open breaker has whom to ask. */
export function createGuard(
  upstream: string,
  config: UpstreamConfig,
  checked: boolean,
  { clock, resilience, askHealth }: GuardOptions,
): UpstreamGuard {
  return new UpstreamGuard({
    upstream,
    settings: guardSettings(config),
    clock,
    timers: systemTimers,
    random: chance,
    observer: resilience,
    isLongLived,
    probe: checked ? probeOf(upstream, askHealth, clock) : undefined,
  })
}

function guardSettings(config: UpstreamConfig): GuardSettings {
  const { breaker, concurrency, adaptiveConcurrency, queue, queueTimeout, retryBudget } = config
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
    queueMs: durationOf(queueTimeout),
    retries: retryBudget,
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
