/** A whole sidecar with its listeners, and how it is taken down again. */

import { setTimeout } from 'node:timers/promises'
import { createIdentityReader } from '../auth/claimed-identity.ts'
import type { ConfigChange } from '../config/compare.ts'
import type { Config } from '../config/schema.ts'
import { formatAddress } from '../config/units.ts'
import { createDataApp, type DataApp } from '../http/data-app.ts'
import { listen, type Listener } from '../http/listener.ts'
import { BodyBudget } from '../http/read-body.ts'
import { recordReload } from './audit-events.ts'
import { issuerNames } from './auth.ts'
import { withAuthEvents } from './auth-events.ts'
import { listenerLimits, peerRules, startAdmin, type AdminPlane } from './listeners.ts'
import { createLiveAuth, type LiveAuth } from './live-auth.ts'
import { assemble, type Parts, type SidecarOptions, type StartFailure } from './parts.ts'
import { pathsOf, prefixesOf } from './paths.ts'
import { createReload, type Reload } from './reload.ts'
import { addressOf, durationOf, sizeOf } from './units.ts'
import { newSessionId } from './upstreams.ts'

export interface Sidecar {
  /** Where it is reached from this machine. */
  readonly dataUrl: string
  /** Undefined when the admin plane is off. */
  readonly adminUrl: string | undefined
  /** What is listened on, which may be every address; `off` without an admin plane. */
  readonly listensOn: { readonly data: string; readonly admin: string }
  /**
   * Follows a newer configuration, or keeps the old one when it is not valid, and says which in the
   * log and in metrics. Calls under way, sessions and streams of upstreams that stay as they are go
   * on.
   */
  readonly reload: Reload
  /** Refuses new calls, lets those under way finish in time, sends what telemetry waits, and ends. */
  drain(): Promise<void>
}

export async function startSidecar(options: SidecarOptions): Promise<Sidecar | StartFailure> {
  const { config } = options
  let current = config
  const made = await assembleWithAuth(options, () => current)
  if ('what' in made) return made
  const { parts, auth } = made
  const identity = createIdentityReader()
  const dataAddress = addressOf(config.listen.data)
  const bodyBudget = new BodyBudget(sizeOf(config.limits.bodies))
  const appFor = (next: Config): DataApp =>
    createDataApp({
      stages: parts.stages,
      peers: peerRules(config, dataAddress),
      bodyBytesMax: sizeOf(config.limits.body),
      bodyBudget,
      authenticator: auth.current?.authenticator,
      documentAt: auth.current?.documentAt,
      identify: ({ headers }) => identity(headers.authorization),
      newId: newSessionId,
      paths: pathsOf(next),
      prefixes: prefixesOf(next),
    })
  // Routes change as a whole, so that no request sees a part of a configuration.
  let app = appFor(config)
  const data = await listen((incoming, outgoing) => app.serve(incoming, outgoing), {
    ...dataAddress,
    fast: () => app,
    ...listenerLimits(config, parts),
  })
  if ('kind' in data) {
    auth.close()
    await parts.close()
    return { kind: 'failed', what: 'data', address: config.listen.data, code: data.code }
  }
  const admin = await startAdmin(options, {
    parts,
    authenticator: auth.current?.authenticator,
    keySets: () => auth.current?.keySets() ?? [],
    dataUrl: urlOf(data),
  })
  if (admin !== undefined && 'kind' in admin) {
    await data.destroy()
    auth.close()
    await parts.close()
    return admin
  }
  // Required upstreams are asked at once.
  parts.prober?.tick()
  const reload = createReload(config, {
    log: options.log,
    apply: (next, change) => {
      const failure = applyAll(made, admin, next, change)
      if (failure !== undefined) return failure
      current = next
      app = appFor(next)
      return undefined
    },
    count: (result, change, actor) => {
      parts.telemetry.configReloaded(result)
      recordReload(parts.audit.trail, options.clock, result, change, actor)
    },
  })
  return { ...toSidecar(options, made, data, admin), reload }
}

/** All of it, or nothing and why. */
function applyAll(
  { parts, auth }: Made,
  admin: AdminPlane | undefined,
  next: Config,
  change: ConfigChange,
): StartFailure | undefined {
  const prepared = auth.prepare(next)
  if ('what' in prepared) return prepared
  const followAdmin = prepared.changed
    ? admin?.prepare(next, prepared.next?.authenticator)
    : undefined
  const failure = typeof followAdmin === 'object' ? followAdmin : parts.apply(next, change)
  if (failure !== undefined) {
    prepared.discard()
    return failure
  }
  parts.telemetry.auth.begin(issuerNames(next))
  prepared.commit()
  if (typeof followAdmin === 'function') followAdmin()
  return undefined
}

interface Made {
  readonly parts: Parts
  readonly auth: LiveAuth
}

async function assembleWithAuth(
  options: SidecarOptions,
  current: () => Config,
): Promise<Made | StartFailure> {
  const known: { auth?: LiveAuth } = {}
  const parts = await assemble({
    ...options,
    checksHealth: true,
    auth: {
      issuers: () => issuerNames(current()),
      keySets: () => known.auth?.current?.keySets() ?? [],
      cached: () => known.auth?.current?.cached() ?? 0,
    },
  })
  if ('what' in parts) return parts
  const observer = withAuthEvents(parts.telemetry.auth, options.log)
  const auth = createLiveAuth({ ...options, current, observer })
  if ('what' in auth) {
    await parts.close()
    return auth
  }
  known.auth = auth
  return { parts, auth }
}

function toSidecar(
  options: SidecarOptions,
  { parts, auth }: Made,
  data: Listener,
  admin: Listener | undefined,
): Omit<Sidecar, 'reload'> {
  const { config, log } = options
  let drained: Promise<void> | undefined
  const drain = async (): Promise<void> => {
    const { inFlight } = parts.stages
    parts.startDraining()
    const delayMs = durationOf(config.shutdown.delay)
    if (delayMs > 0) data.letGo()
    await sleep(delayMs)
    await data.stop()
    parts.refuseCalls()
    inFlight.stopLongLived()
    log.write('info', 'sidelight.sidecar.draining', 'No new calls; waiting for those under way', {
      'sidelight.exchanges.open': inFlight.size,
    })
    const late = new AbortController()
    const finished = inFlight.idle().then(() => data.quiet(durationOf(config.shutdown.linger)))
    const timeout = sleep(durationOf(config.shutdown.drainTimeout), late.signal)
    await Promise.race([finished, timeout])
    late.abort()
    inFlight.abortAll()
    await data.destroy()
    auth.close()
    await parts.close()
    await admin?.destroy()
    log.write('info', 'sidelight.sidecar.stopped', 'Stopped')
  }
  return {
    dataUrl: urlOf(data),
    adminUrl: admin === undefined ? undefined : urlOf(admin),
    listensOn: {
      data: `http://${formatAddress(data)}`,
      admin: admin === undefined ? 'off' : `http://${formatAddress(admin)}`,
    },
    drain: () => (drained ??= drain()),
  }
}

/** Ends early, and in the same way, when the signal says so. */
async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms > 0) await setTimeout(ms, undefined, { signal }).catch(() => undefined)
}

function urlOf(listener: Listener): string {
  const host =
    listener.host === '0.0.0.0' ? '127.0.0.1' : listener.host === '::' ? '::1' : listener.host
  return `http://${formatAddress({ host, port: listener.port })}`
}
