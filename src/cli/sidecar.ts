/** A whole sidecar with its listeners, and how it is taken down again. */

import { createIdentityReader } from '../auth/claimed-identity.ts'
import { formatAddress } from '../config/units.ts'
import { createDataApp } from '../http/data-app.ts'
import { listen, type Listener } from '../http/listener.ts'
import { BodyBudget } from '../http/read-body.ts'
import {
  assemble,
  listenerLimits,
  peerRules,
  startAdmin,
  type Parts,
  type SidecarOptions,
  type StartFailure,
} from './parts.ts'
import { addressOf, durationOf, sizeOf } from './units.ts'
import { newSessionId, pathsOf, prefixesOf } from './upstreams.ts'

export interface Sidecar {
  readonly dataUrl: string
  /** Undefined when the admin plane is off. */
  readonly adminUrl: string | undefined
  /** Refuses new calls, lets those under way finish in time, sends what telemetry waits, and ends. */
  drain(): Promise<void>
}

export async function startSidecar(options: SidecarOptions): Promise<Sidecar | StartFailure> {
  const parts = await assemble(options)
  if ('what' in parts) return parts
  const { config } = options
  const identity = createIdentityReader()
  const dataAddress = addressOf(config.listen.data)
  const dataApp = createDataApp({
    stages: parts.stages,
    peers: peerRules(config, dataAddress),
    bodyBytesMax: sizeOf(config.limits.body),
    bodyBudget: new BodyBudget(sizeOf(config.limits.bodies)),
    identify: ({ headers }) => identity(headers.authorization),
    newId: newSessionId,
    paths: pathsOf(config),
    prefixes: prefixesOf(config),
  })
  const data = await listen(dataApp, { ...dataAddress, ...listenerLimits(config, parts) })
  if ('kind' in data) return parts.fail('data', config.listen.data, data.code)
  const admin = await startAdmin(options, parts)
  if (admin !== undefined && 'kind' in admin) {
    await data.destroy()
    return parts.fail('admin', config.listen.admin, admin.code)
  }
  return toSidecar(options, parts, data, admin)
}

function toSidecar(
  options: SidecarOptions,
  parts: Parts,
  data: Listener,
  admin: Listener | undefined,
): Sidecar {
  const { config, log } = options
  let drained: Promise<void> | undefined
  const drain = async (): Promise<void> => {
    const { inFlight } = parts.stages
    parts.startDraining()
    data.stop()
    inFlight.stopLongLived()
    log.write('info', 'sidelight.sidecar.draining', 'No new calls; waiting for those under way', {
      'sidelight.exchanges.open': inFlight.size,
    })
    const timer = setTimeout(() => inFlight.abortAll(), durationOf(config.shutdown.drainTimeout))
    await inFlight.idle()
    clearTimeout(timer)
    await data.destroy()
    await parts.close()
    await admin?.destroy()
    log.write('info', 'sidelight.sidecar.stopped', 'Stopped')
  }
  return {
    dataUrl: urlOf(data),
    adminUrl: admin === undefined ? undefined : urlOf(admin),
    drain: () => (drained ??= drain()),
  }
}

function urlOf(listener: Listener): string {
  const host =
    listener.host === '0.0.0.0' ? '127.0.0.1' : listener.host === '::' ? '::1' : listener.host
  return `http://${formatAddress({ host, port: listener.port })}`
}
