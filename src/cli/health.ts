/** Who checks the health of upstreams, and what it means for the sidecar. */

import type { KeySetView } from '../core/authentication.ts'
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
 * required. Without a key of any issuer nobody's token can be accepted; keys that cannot be read again
 * are no reason, or one issuer that is down would take every sidecar out of service at once.
 */
export function readinessOf(
  upstreams: readonly UpstreamHealth[],
  keySets: readonly KeySetView[],
  draining: boolean,
): Readiness {
  const keyless = keySets.length > 0 && keySets.every(({ keys }) => keys === 0)
  const keys = keySets.length === 0 ? undefined : keyless ? 'none' : 'ok'
  const missing = keyless || upstreams.some(({ required, up }) => required && up !== true)
  return { status: draining ? 'draining' : missing ? 'not_ready' : 'ready', keys, upstreams }
}
