/** A whole sidecar with its listeners, and how it is taken down again. */

import type { RequestListener } from 'node:http'
import { createIdentityReader } from '../auth/claimed-identity.ts'
import type { ConfigResult } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { formatAddress } from '../config/units.ts'
import { createDataApp } from '../http/data-app.ts'
import { listen, type Listener } from '../http/listener.ts'
import { BodyBudget } from '../http/read-body.ts'
import type { ReloadResult } from '../telemetry/instruments.ts'
import { listenerLimits, peerRules, startAdmin } from './listeners.ts'
import { assemble, type Parts, type SidecarOptions, type StartFailure } from './parts.ts'
import { pathsOf, prefixesOf } from './paths.ts'
import { createReload } from './reload.ts'
import { addressOf, durationOf, sizeOf } from './units.ts'
import { newSessionId } from './upstreams.ts'

export interface Sidecar {
  readonly dataUrl: string
  /** Undefined when the admin plane is off. */
  readonly adminUrl: string | undefined
  /**
   * Follows a newer configuration, or keeps the old one when it is not valid, and says which in the
   * log and in metrics. Calls under way, sessions and streams of upstreams that stay as they are go
   * on. `name` is what problems are said to be in.
   */
  reload(name: string, read: ConfigResult): ReloadResult
  /** Refuses new calls, lets those under way finish in time, sends what telemetry waits, and ends. */
  drain(): Promise<void>
}

export async function startSidecar(options: SidecarOptions): Promise<Sidecar | StartFailure> {
  const parts = await assemble({ ...options, checksHealth: true })
  if ('what' in parts) return parts
  const { config } = options
  const identity = createIdentityReader()
  const dataAddress = addressOf(config.listen.data)
  const bodyBudget = new BodyBudget(sizeOf(config.limits.bodies))
  const appFor = (current: Config): RequestListener =>
    createDataApp({
      stages: parts.stages,
      peers: peerRules(config, dataAddress),
      bodyBytesMax: sizeOf(config.limits.body),
      bodyBudget,
      identify: ({ headers }) => identity(headers.authorization),
      newId: newSessionId,
      paths: pathsOf(current),
      prefixes: prefixesOf(current),
    })
  // Routes change as a whole, so that no request sees a part of a configuration.
  let app = appFor(config)
  const data = await listen((incoming, outgoing) => app(incoming, outgoing), {
    ...dataAddress,
    ...listenerLimits(config, parts),
  })
  if ('kind' in data) return parts.fail('data', config.listen.data, data.code)
  const admin = await startAdmin(options, parts)
  if (admin !== undefined && 'kind' in admin) {
    await data.destroy()
    return parts.fail('admin', config.listen.admin, admin.code)
  }
  // Required upstreams are asked at once.
  parts.prober?.tick()
  const reload = createReload(config, {
    log: options.log,
    apply: (next, change) => {
      const failure = parts.apply(next, change)
      if (failure === undefined) app = appFor(next)
      return failure
    },
    count: (result) => parts.telemetry.configReloaded(result),
  })
  return { ...toSidecar(options, parts, data, admin), reload }
}

function toSidecar(
  options: SidecarOptions,
  parts: Parts,
  data: Listener,
  admin: Listener | undefined,
): Omit<Sidecar, 'reload'> {
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
