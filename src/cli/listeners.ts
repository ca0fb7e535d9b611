/** What the listeners of a sidecar are made of. */

import type { Config } from '../config/schema.ts'
import type { ListenAddress } from '../config/units.ts'
import { createAdminApp } from '../http/admin-app.ts'
import { isLoopbackName, type PeerRules } from '../http/guard.ts'
import {
  listen,
  type Listener,
  type ListenerOptions,
  type ListenFailure,
} from '../http/listener.ts'
import { readinessOf } from './health.ts'
import type { Parts, SidecarOptions } from './parts.ts'
import { addressOf, durationOf, sizeOf } from './units.ts'

/** The admin plane's listener; undefined when it is off. */
export async function startAdmin(
  { config }: SidecarOptions,
  parts: Parts,
): Promise<Listener | ListenFailure | undefined> {
  if (config.listen.admin === 'off') return undefined
  const address = addressOf(config.listen.admin)
  const app = createAdminApp({
    peers: peerRules(config, address),
    readiness: () => readinessOf(parts.prober?.health() ?? [], parts.draining()),
    catalogue: parts.telemetry.catalogue,
    renderMetrics: (format) => parts.telemetry.renderMetrics(format),
    onLimit: (limit) => parts.stages.observer.limitHit(limit),
    breakers: parts.breakers,
    api: undefined,
  })
  return listen(app, { ...address, ...listenerLimits(config, parts) })
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
