/** What the listeners of a sidecar are made of. */

import type { Authenticator } from '../core/authentication.ts'
import type { Config } from '../config/schema.ts'
import type { ListenAddress } from '../config/units.ts'
import { logDefect } from '../core/log.ts'
import { createAdminApp } from '../http/admin-app.ts'
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

/**
 * The admin plane's listener; undefined when it is off. `authenticator` finds out whose a token is;
 * undefined when nobody is authenticated on the data plane. `dataUrl` is where clients reach upstreams;
 * undefined for a wrapped program.
 */
export async function startAdmin(
  { config, log, clock, version }: SidecarOptions,
  parts: Parts,
  authenticator: Authenticator | undefined,
  dataUrl: string | undefined,
): Promise<Listener | StartFailure | undefined> {
  if (config.listen.admin === 'off') return undefined
  const address = addressOf(config.listen.admin)
  const peers = peerRules(config, address)
  const made = createAdminGate({ config, log, loopback: peers.loopback, authenticator })
  if ('what' in made) return made
  const app = createAdminApp({
    peers,
    gate: made.gate,
    readiness: () => readinessOf(parts.prober?.health() ?? [], parts.draining()),
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
        takesOrders: made.gate.takesOrders,
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
  const timer = setInterval(() => made.tick(clock.monotonicMs()), TICK_MS).unref()
  return {
    ...listener,
    destroy: () => {
      clearInterval(timer)
      return listener.destroy()
    },
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
