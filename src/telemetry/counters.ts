/** Makes what counts things besides calls. */

import { AuditMetrics } from './audit-metrics.ts'
import { AuthMetrics } from './auth-metrics.ts'
import { InsightMetrics } from './insight-metrics.ts'
import type { Instruments } from './instruments.ts'
import { PoolMetrics } from './pool-metrics.ts'
import { ResilienceMetrics } from './resilience-metrics.ts'
import type { TelemetryOptions } from './start.ts'

export interface Counters {
  readonly resilience: ResilienceMetrics
  readonly pools: PoolMetrics
  readonly auth: AuthMetrics
  readonly audit: AuditMetrics
  readonly insight: InsightMetrics
}

export function createCounters(
  options: TelemetryOptions,
  upstreams: ReadonlySet<string>,
  instruments: Instruments,
): Counters {
  const { settings } = instruments
  const limitHit: Instruments['limitHit'] = (limit) => instruments.limitHit(limit)
  return {
    resilience: new ResilienceMetrics({
      upstreams: options.vocabulary.upstreams,
      views: options.resilience,
      settings,
      limitHit,
    }),
    pools: new PoolMetrics(options.pools, settings),
    auth: new AuthMetrics(options.auth, upstreams, settings),
    audit: new AuditMetrics({ view: options.audit, settings, limitHit }),
    insight: new InsightMetrics(options.insight, settings),
  }
}
