/** Writes the log events of what keeps calls from upstreams, besides counting them. */

import type { ResilienceObserver } from '../core/breaker.ts'
import type { Log } from '../core/log.ts'
import { BREAKER_EVENT, breakerFields } from '../telemetry/breaker-event.ts'

export function withEvents(observer: ResilienceObserver, log: Log): ResilienceObserver {
  return {
    breakerChanged: (upstream, tool, transition) => {
      observer.breakerChanged(upstream, tool, transition)
      log.write(
        transition.to === 'open' ? 'warn' : 'info',
        BREAKER_EVENT,
        'A circuit breaker changed its state',
        breakerFields(upstream, { tool, transition }),
      )
    },
    breakerRefused: (upstream, scope) => observer.breakerRefused(upstream, scope),
    trialEnded: (upstream, scope, result) => observer.trialEnded(upstream, scope, result),
    lateResult: (upstream, scope) => observer.lateResult(upstream, scope),
    breakerWasOpen: (upstream, ms) => observer.breakerWasOpen(upstream, ms),
    throttled: (upstream, status) => observer.throttled(upstream, status),
    queueLeft: (upstream, how, waitMs) => observer.queueLeft(upstream, how, waitMs),
    retried: (upstream) => observer.retried(upstream),
    retryRefused: (upstream) => observer.retryRefused(upstream),
    hedged: (upstream, result) => observer.hedged(upstream, result),
    limitHit: (limit) => observer.limitHit(limit),
  }
}
