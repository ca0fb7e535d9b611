/** Writes the log events of what keeps calls from upstreams, besides counting them. */

import type { ResilienceObserver } from '../core/breaker.ts'
import type { Log } from '../core/log.ts'

export function withEvents(observer: ResilienceObserver, log: Log): ResilienceObserver {
  return {
    breakerChanged: (upstream, tool, transition) => {
      observer.breakerChanged(upstream, tool, transition)
      const { from, to, cause, openMs, calls, failed, slow } = transition
      log.write(
        to === 'open' ? 'warn' : 'info',
        'sidelight.breaker.transition',
        'A circuit breaker changed its state',
        {
          'sidelight.upstream.name': upstream,
          'gen_ai.tool.name': tool,
          'sidelight.breaker.state': to,
          'sidelight.breaker.previous_state': from,
          'sidelight.breaker.cause': cause,
          'sidelight.breaker.open_time':
            openMs === undefined ? undefined : Math.round(openMs) / 1_000,
          'sidelight.breaker.window.calls': calls,
          'sidelight.breaker.window.failed': failed,
          'sidelight.breaker.window.slow': slow,
        },
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
    limitHit: (limit) => observer.limitHit(limit),
  }
}
