/** Who checks the health of upstreams, and what it means for the sidecar. */

import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { HealthObserver } from '../core/observer.ts'
import type { Readiness } from '../http/admin-app.ts'
import type { Probe, ProbeResult } from '../resilience/breaker-state.ts'
import { Prober, type UpstreamHealth } from '../upstream/prober.ts'
import { chance } from './chance.ts'

/** Asks an upstream now whether it is up; undefined when its health is not checked. */
export type AskHealth = (upstream: string) => Promise<boolean | undefined>

export function createProber(clock: Clock, log: Log, observer: HealthObserver): Prober {
  return new Prober({
    clock,
    log,
    observer,
    random: chance,
  })
}

/** The same as the question of an open breaker. */
export function probeOf(upstream: string, ask: AskHealth, clock: Clock): Probe {
  return (done) => {
    const told = (result: ProbeResult): void => done(result, clock.monotonicMs())
    ask(upstream).then(
      (up) => told(up === undefined ? 'unknown' : up ? 'alive' : 'dead'),
      () => told('unknown'),
    )
  }
}

/**
 * Ready means that calls are accepted. An upstream that is down is its clients' business, unless it is
 * required.
 */
export function readinessOf(upstreams: readonly UpstreamHealth[], draining: boolean): Readiness {
  if (draining) return { status: 'draining', upstreams }
  const missing = upstreams.some(({ required, up }) => required && up !== true)
  return { status: missing ? 'not_ready' : 'ready', upstreams }
}
