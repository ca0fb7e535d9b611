/** Records what happens besides calls: breakers, configurations. */

import type { ConfigChange } from '../config/compare.ts'
import type { AuditTrail } from '../core/audit.ts'
import type { ResilienceObserver } from '../core/breaker.ts'
import type { Clock } from '../core/clock.ts'
import type { ReloadResult } from '../telemetry/instruments.ts'

/** The observer, which records changes of breakers besides. */
export function withBreakerRecords(
  observer: ResilienceObserver,
  trail: AuditTrail,
  clock: Clock,
): ResilienceObserver {
  return {
    ...observer,
    breakerChanged: (upstream, tool, transition) => {
      observer.breakerChanged(upstream, tool, transition)
      const { from, to, cause, calls, failed, slow } = transition
      trail.add({
        type: 'breaker.changed',
        atWallMs: clock.wallMs(),
        body: { upstream, tool, from, to, cause, window: { calls, failed, slow } },
      })
    },
  }
}

export function recordReload(
  trail: AuditTrail,
  clock: Clock,
  result: ReloadResult,
  change: ConfigChange | undefined,
  actor?: string,
): void {
  if (result === 'unchanged') return
  trail.add({
    type: 'config.reloaded',
    atWallMs: clock.wallMs(),
    body: { result, ...change, ...(actor === undefined ? {} : { actor }) },
  })
}
