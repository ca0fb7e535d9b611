/** What the listeners of a sidecar are made of. */

import type { Authenticator, KeySetView } from '../core/authentication.ts'
import type { Config } from '../config/schema.ts'
import type { ListenAddress } from '../config/units.ts'
import { logDefect } from '../core/log.ts'
import { createAdminApp, type Readiness } from '../http/admin-app.ts'
import type { AdminGate } from '../http/admin-gate.ts'
import { isLoopbackName, type PeerRules } from '../http/guard.ts'
import { listen, type Listener, type ListenerOptions } from '../http/listener.ts'
import { createPageFiles } from '../ui/page-files.ts'
import { createAdminGate } from './admin-gate.ts'
import { createApiViews } from './api-views.ts'
import { readinessOf } from './health.ts'
import type { Parts, SidecarOptions, StartFailure } from './parts.ts'
import { addressOf, durationOf, sizeOf } from './units.ts'

/** How often the files of credentials are looked at for the time of their next reading. */
const TICK_MS = 1_000

export interface AdminPlane extends Listener {
  /** Follows another configuration once what this returns is called; or says why it cannot. */
  prepare(config: Config, authenticator: Authenticator | undefined): (() => void) | StartFailure
}

/** Of the sidecar whose admin plane it is. */
export interface AdminParts {
  readonly parts: Parts
  /** Finds out whose a token is; undefined when nobody is authenticated on the data plane. */
  readonly authenticator: Authenticator | undefined
  /** What is known of the keys of issuers. */
  readonly keySets: () => readonly KeySetView[]
  /** Where clients reach upstreams; undefined for a wrapped program. */
  readonly dataUrl: string | undefined
}

/** The admin plane's listener; undefined when it is off. */
export async function startAdmin(
  { config, log, clock, version, reload }: SidecarOptions,
  { parts, authenticator, keySets, dataUrl }: AdminParts,
): Promise<AdminPlane | StartFailure | undefined> {
  if (config.listen.admin === 'off') return undefined
  const address = addressOf(config.listen.admin)
  const peers = peerRules(config, address)
  const { loopback } = peers
  const first = createAdminGate({ config, log, loopback, authenticator })
  if ('what' in first) return first
  let current = first
  const readiness = (): Readiness =>
    readinessOf(parts.prober?.health() ?? [], keySets(), parts.draining())
  const app = createAdminApp({
    peers,
    gate: currentOf(() => current.gate),
    readiness,
    catalogue: parts.telemetry.catalogue,
    renderMetrics: (format) => parts.telemetry.renderMetrics(format),
    onLimit: (limit) => parts.stages.observer.limitHit(limit),
    breakers: parts.breakers,
    onDefect: (error) => logDefect(log, 'A defect ended a request on the admin plane', error),
    api: {
      views: createApiViews({
        parts,
        version,
        clock,
        dataUrl,
        takesOrders: () => current.gate.takesOrders,
        readiness,
        reload,
      }),
      clock,
      page: createPageFiles(),
      mcp: () => parts.config().mcp,
    },
  })
  const listener = await listen(app, { ...address, ...listenerLimits(config, parts) })
  if ('kind' in listener) {
    return { kind: 'failed', what: 'admin', address: config.listen.admin, code: listener.code }
  }
  const timer = setInterval(() => current.tick(clock.monotonicMs()), TICK_MS).unref()
  return {
    ...listener,
    prepare: (next, asked) => {
      const made = createAdminGate({ config: next, log, loopback, authenticator: asked })
      if ('what' in made) return made
      return () => {
        current.end()
        current = made
      }
    },
    destroy: () => {
      clearInterval(timer)
      return listener.destroy()
    },
  }
}

/** A gate that is always the newest one. */
function currentOf(gate: () => AdminGate): AdminGate {
  return {
    get open() {
      return gate().open
    },
    get takesOrders() {
      return gate().takesOrders
    },
    check: (request, permission) => gate().check(request, permission),
  }
}

export function listenerLimits(
  { limits }: Config,
  parts: Parts,
): Omit<ListenerOptions, 'host' | 'port'> {
  return {
    headerBytesMax: sizeOf(limits.headers),
    connectionsMax: limits.connections,
    requestTimeoutMs: durationOf(limits.requestTimeout),
    onLimit: (limit) => parts.stages.observer.limitHit(limit),
  }
}

export function peerRules(config: Config, address: ListenAddress): PeerRules {
  return {
    loopback: isLoopbackName(address.host),
    hosts: new Set(config.listen.allowedHosts.map((host) => host.toLowerCase())),
    origins: new Set(config.listen.allowedOrigins.map((origin) => origin.toLowerCase())),
  }
}
