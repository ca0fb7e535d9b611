/** Starts what is told of calls: telemetry, the audit log, and the sidecar's own statistics. */

import { randomUUID } from 'node:crypto'
import { combineObservers } from '../core/combine-observers.ts'
import type { CallObserver } from '../core/observer.ts'
import { isLongLived, KNOWN_METHODS } from '../mcp/methods.ts'
import { KNOWN_REVISIONS } from '../mcp/revisions.ts'
import type { InFlight } from '../pipeline/in-flight.ts'
import { retryAfterOf } from '../pipeline/refuse.ts'
import { NO_AUTH } from '../telemetry/auth-metrics.ts'
import { startTelemetry, type Telemetry, type TelemetryOptions } from '../telemetry/start.ts'
import type { Prober } from '../upstream/prober.ts'
import type { UpstreamRegistry } from '../upstream/registry.ts'
import { openAudit, type Audit } from './audit.ts'
import { createInsight, insightSources, type SidecarInsight } from './insight.ts'
import type { SidecarOptions, StartFailure } from './parts.ts'
import { programsOf, telemetryRules } from './telemetry-rules.ts'

/** What is made later than those who ask for it. */
export interface Known {
  registry?: UpstreamRegistry
  prober?: Prober
  insight?: SidecarInsight
}

export interface Observed {
  readonly telemetry: Telemetry
  readonly audit: Audit
  readonly insight: SidecarInsight
  readonly observer: CallObserver
}

/** All that is told of calls. */
export async function startObserving(
  options: SidecarOptions,
  pins: TelemetryOptions['pins'],
  inFlight: InFlight,
  known: Known,
): Promise<Observed | StartFailure> {
  let audit: Audit | StartFailure | undefined
  const telemetry = await startTelemetry({
    ...telemetryOptions(options),
    pins,
    inFlight: () => inFlight.countByUpstream(),
    target: (name) => known.registry?.find(name)?.target,
    sessions: () => known.registry?.sessionCounts() ?? [],
    health: () => known.prober?.health() ?? [],
    resilience: () => known.registry?.resilience() ?? [],
    pools: () => known.registry?.pools() ?? [],
    insight: insightSources(options.config, known),
    audit: () => (audit === undefined || 'kind' in audit ? undefined : audit.view()),
  })
  audit = await openAudit({ ...options, meter: telemetry.audit })
  if ('kind' in audit) {
    await telemetry.shutdown(0)
    return audit
  }
  const insight = createInsight(options, { telemetry, audit, known })
  if ('kind' in insight) {
    await audit.close(0)
    await telemetry.shutdown(0)
    return { kind: 'failed', what: 'file', address: insight.file, code: insight.code }
  }
  known.insight = insight
  const { observers = [] } = options
  const observer = combineObservers([
    telemetry.observer,
    ...audit.observers,
    insight.engine.observer,
    ...observers,
  ])
  return { telemetry, audit, insight, observer }
}

type Late =
  | 'inFlight'
  | 'sessions'
  | 'target'
  | 'health'
  | 'resilience'
  | 'pools'
  | 'pins'
  | 'audit'
  | 'insight'

function telemetryOptions(options: SidecarOptions): Omit<TelemetryOptions, Late> {
  const { config, version, clock, log, print } = options
  return {
    settings: options.telemetry,
    version,
    instanceId: randomUUID(),
    clock,
    log,
    print,
    vocabulary: {
      methods: KNOWN_METHODS,
      revisions: new Set(KNOWN_REVISIONS),
      upstreams: new Set(Object.keys(config.upstreams)),
    },
    ...telemetryRules(config),
    programs: programsOf(config),
    auth: options.auth ?? NO_AUTH,
    isLongLived,
    retryAfterMs: (outcome) => (outcome.kind === 'rejected' ? retryAfterOf(outcome) : undefined),
  }
}
