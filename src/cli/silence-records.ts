/** Records in the audit log who keeps alerts from being sent. */

import type { AuditTrail, AuditValue } from '../core/audit.ts'
import type { Clock } from '../core/clock.ts'
import type { Insight } from '../insight/views.ts'

/** The same insight, which records silences besides. */
export function withSilenceRecords(insight: Insight, trail: AuditTrail, clock: Clock): Insight {
  const record = (body: Readonly<Record<string, AuditValue>>): void =>
    trail.add({ type: 'admin.action', atWallMs: clock.wallMs(), body })
  return {
    get version() {
      return insight.version
    },
    overview: (windows) => insight.overview(windows),
    upstreams: (windows) => insight.upstreams(windows),
    upstream: (name) => insight.upstream(name),
    tools: (query) => insight.tools(query),
    tool: (upstream, tool) => insight.tool(upstream, tool),
    timeline: (upstream, span) => insight.timeline(upstream, span),
    recentCalls: (query) => insight.recentCalls(query),
    callsOfTrace: (traceId) => insight.callsOfTrace(traceId),
    health: () => insight.health(),
    alerts: () => insight.alerts(),
    receivers: () => insight.receivers(),
    silences: () => insight.silences(),
    silence: (order) => {
      const made = insight.silence(order)
      if (typeof made === 'string') return made
      const { id, matchers, reason, author } = made
      record({ action: 'silence.create', id, matchers, reason, actor: author, ttlMs: order.ttlMs })
      return made
    },
    endSilence: (id) => {
      const ended = insight.endSilence(id)
      if (ended) record({ action: 'silence.end', id })
      return ended
    },
  }
}
