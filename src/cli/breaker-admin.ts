/** Shows the breakers of a sidecar on its admin plane, and carries out what is ordered there. */

import type { AuditTrail } from '../core/audit.ts'
import type { OverrideMode } from '../core/breaker.ts'
import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { BreakerApiView, GuardView } from '../http/api/upstream-schema.ts'
import type { Shown } from '../http/api/views.ts'
import type { BreakerAction, BreakerAdmin, BreakerOrder } from '../http/breaker-routes.ts'
import type { BreakerView } from '../resilience/breaker-state.ts'
import type { UpstreamGuard } from '../resilience/upstream-guard.ts'

const MODES: Readonly<Record<Exclude<BreakerAction, 'reset'>, OverrideMode>> = {
  'force-open': 'forced_open',
  'force-closed': 'forced_closed',
  'metrics-only': 'metrics_only',
}

export function createBreakerAdmin(
  guards: () => readonly UpstreamGuard[],
  { clock, log, trail }: { readonly clock: Clock; readonly log: Log; readonly trail: AuditTrail },
): BreakerAdmin {
  const find = (name: string): UpstreamGuard | undefined =>
    guards().find(({ upstream }) => upstream === name)
  return {
    list: () => guards().map((guard) => describeGuard(guard, clock)),
    get: (name) => {
      const guard = find(name)
      return guard === undefined ? undefined : describeGuard(guard, clock)
    },
    order: (name, order) => {
      const guard = find(name)
      if (guard === undefined) return 'unknown_upstream'
      const done = carryOut(guard, order, clock.monotonicMs())
      if (!done) return 'no_breaker'
      log.write('warn', 'sidelight.breaker.order', 'A circuit breaker was ordered by hand', {
        'sidelight.upstream.name': name,
        'gen_ai.tool.name': order.tool,
        'sidelight.breaker.action': order.action,
        'sidelight.breaker.order.reason': order.reason,
        'sidelight.breaker.order.actor': order.actor,
        'sidelight.breaker.order.duration':
          order.action === 'reset' ? undefined : order.ttlMs / 1_000,
      })
      const { action, tool, reason, actor, ttlMs } = order
      trail.add({
        type: 'admin.action',
        atWallMs: clock.wallMs(),
        body: { action: `breaker.${action}`, upstream: name, tool, reason, actor, ttlMs },
      })
      return 'done'
    },
  }
}

function carryOut(guard: UpstreamGuard, order: BreakerOrder, nowMs: number): boolean {
  const { action, tool, reason, actor, ttlMs } = order
  if (action === 'reset') return guard.reset(tool)
  return guard.force(tool, { mode: MODES[action], reason, actor, untilMs: nowMs + ttlMs })
}

function describeGuard(guard: UpstreamGuard, clock: Clock): Shown<GuardView> {
  const nowMs = clock.monotonicMs()
  const { throttled, queued, active, limit, retriesLeft } = guard.view()
  const secondsTo = (atMs: number): number => Math.round(atMs - nowMs) / 1_000
  const describe = (view: BreakerView): Shown<BreakerApiView> => ({
    state: view.state,
    sinceSeconds: -secondsTo(view.sinceMs),
    ...(view.openUntilMs === undefined ? {} : { openForSeconds: secondsTo(view.openUntilMs) }),
    trialUnderWay: view.trialUnderWay,
    trialsPassed: view.trialsPassed,
    window: { calls: view.calls, failed: view.failed, slow: view.slow },
    failuresInRow: view.failuresInRow,
    ...(view.override === undefined
      ? {}
      : {
          override: {
            mode: view.override.mode,
            reason: view.override.reason,
            actor: view.override.actor,
            endsInSeconds: secondsTo(view.override.untilMs),
          },
        }),
  })
  const view = guard.breaker?.view(nowMs)
  return {
    upstream: guard.upstream,
    breaker: view === undefined ? null : describe(view),
    tools: guard.tools
      .views(nowMs)
      .map(({ tool, view: its }) => ({ tool, breaker: describe(its) })),
    throttled,
    throttledForSeconds: guard.throttledMs() / 1_000,
    calls: { active, limit, queued },
    retriesLeft,
  }
}
