/** Starts what is told of calls: telemetry, and the audit log. */

import { randomUUID } from 'node:crypto'
import { combineObservers, type CallObserver } from '../core/observer.ts'
import { isLongLived, KNOWN_METHODS } from '../mcp/methods.ts'
import { KNOWN_REVISIONS } from '../mcp/revisions.ts'
import type { InFlight } from '../pipeline/in-flight.ts'
import { retryAfterOf } from '../pipeline/refuse.ts'
import { NO_AUTH } from '../telemetry/auth-metrics.ts'
import { startTelemetry, type Telemetry, type TelemetryOptions } from '../telemetry/start.ts'
import type { Prober } from '../upstream/prober.ts'
import type { UpstreamRegistry } from '../upstream/registry.ts'
import { openAudit, type Audit } from './audit.ts'
import type { SidecarOptions, StartFailure } from './parts.ts'
import { programsOf, telemetryRules } from './telemetry-rules.ts'

/** What is made later than those who ask for it. */
export interface Known {
  registry?: UpstreamRegistry
  prober?: Prober
}

export interface Observed {
  readonly telemetry: Telemetry
  readonly audit: Audit
  readonly observer: CallObserver
}

/** Starts telemetry and the audit log: all that is told of calls. */
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
    audit: () => (audit === undefined || 'kind' in audit ? undefined : audit.view()),
  })
  audit = await openAudit({ ...options, meter: telemetry.audit })
  if ('kind' in audit) {
    await telemetry.shutdown(0)
    return audit
  }
  const { observers = [] } = options
  const observer = combineObservers([telemetry.observer, ...audit.observers, ...observers])
  return { telemetry, audit, observer }
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
