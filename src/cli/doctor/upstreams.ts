/** Whether the upstreams answer, and of which era they are: by the health check of the sidecar itself. */

import type { Config } from '../../config/schema.ts'
import type { ResilienceObserver } from '../../core/breaker.ts'
import type { Clock } from '../../core/clock.ts'
import type { Log } from '../../core/log.ts'
import type { TransportObserver } from '../../core/observer.ts'
import type { PoolRecorder } from '../../core/pool.ts'
import type { UpstreamParts } from '../../upstream/registry.ts'
import { createUpstreams } from '../upstreams.ts'
import { durationOf } from '../units.ts'
import { checkClock } from './clock.ts'
import type { Effects } from './effects.ts'
import { fail, ok, type Finding } from './finding.ts'

export interface UpstreamsOptions {
  readonly config: Config
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
  readonly clock: Clock
  readonly effects: Effects
}

type UpstreamConfig = Config['upstreams'][string]

const nothing = (): void => {}

const SILENT_LOG: Log = { enabled: () => false, write: nothing }

const SILENT_POOL: PoolRecorder = {
  created: nothing,
  waited: nothing,
  used: nothing,
  timedOut: nothing,
}

const SILENT_TRANSPORT: TransportObserver = {
  processStarted: nothing,
  processEnded: nothing,
  processRestarted: nothing,
  lineDropped: nothing,
  sessionEnded: nothing,
  limitHit: nothing,
}

const SILENT_RESILIENCE: ResilienceObserver = {
  breakerChanged: nothing,
  breakerRefused: nothing,
  trialEnded: nothing,
  lateResult: nothing,
  breakerWasOpen: nothing,
  throttled: nothing,
  queueLeft: nothing,
  retried: nothing,
  retryRefused: nothing,
  hedged: nothing,
  limitHit: nothing,
}

export async function checkUpstreams(options: UpstreamsOptions): Promise<readonly Finding[]> {
  const config = checkedAll(options.config)
  const upstreams = createUpstreams({
    ...options,
    config,
    log: SILENT_LOG,
    observer: SILENT_TRANSPORT,
    pools: { pool: () => SILENT_POOL },
    resilience: SILENT_RESILIENCE,
    askHealth: () => Promise.resolve(undefined),
    hintsOf: () => undefined,
  })
  if ('kind' in upstreams) {
    const { file, code } = upstreams
    const advice = 'mount the file; it holds the value of a header, as one line of text'
    return [fail('upstream', file, `cannot be read (${code})`, advice)]
  }
  try {
    const found = await Promise.all(
      upstreams.parts.map((parts) => checkOne(parts, config, options.effects)),
    )
    return found.flat()
  } finally {
    await Promise.all(upstreams.parts.map(({ transport }) => transport.close()))
    upstreams.close()
  }
}

/** Here even those are asked whose health is not checked, and in a way that tells their era. */
function checkedAll(config: Config): Config {
  const upstreams = Object.entries(config.upstreams).map(([name, its]) => {
    const { method: configured } = its.health
    const method = configured === 'off' || configured === 'discover' ? 'auto' : configured
    return [name, { ...its, health: { ...its.health, method }, prestart: 0, prewarm: 0 }] as const
  })
  return { ...config, upstreams: Object.fromEntries(upstreams) }
}

async function checkOne(
  { name, health }: UpstreamParts,
  { upstreams }: Config,
  effects: Effects,
): Promise<readonly Finding[]> {
  const its = upstreams[name]
  if (its === undefined || health === undefined) return []
  const verdict = await health.check(AbortSignal.timeout(durationOf(its.health.timeout)))
  if (verdict.up) {
    const found = ok('upstream', name, `answers; ${eraWords(its, health.era?.())}`)
    if (its.url === undefined) return [found]
    const place = { subject: `upstream ${name}`, url: new URL(its.url) }
    return [found, ...(await checkClock(place, effects))]
  }
  return [await explain(name, its, verdict.errorType ?? 'unknown', effects)]
}

function eraWords(its: UpstreamConfig, era: 'modern' | 'legacy' | undefined): string {
  if (its.command !== undefined) return 'its program starts and takes a handshake'
  if (its.transport === 'sse') return 'HTTP+SSE, of 2024-11-05'
  if (era === 'modern') return 'stateless, of 2026-07-28 or later'
  if (era === 'legacy') return 'with sessions, from before 2026-07-28'
  return 'it wants a credential before it says more'
}

async function explain(
  name: string,
  { url, command }: UpstreamConfig,
  errorType: string,
  effects: Effects,
): Promise<Finding> {
  if (command !== undefined) {
    const advice = `run its command by hand and see what it says: ${command[0] ?? ''}`
    return fail('upstream', name, `does not answer (${errorType})`, advice)
  }
  let code = errorType
  if (errorType === 'connect' && url !== undefined) {
    const answer = await effects.ask({ url: new URL(url), method: 'HEAD' })
    if (answer.kind === 'failed') ({ code } = answer)
  }
  return fail('upstream', name, `does not answer (${code})`, adviceFor(name, code))
}

function adviceFor(name: string, code: string): string {
  const key = `upstreams.${name}.url`
  if (code === 'ECONNREFUSED') return `start the server, or correct the port in ${key}`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `correct the host in ${key}, or DNS`
  if (/CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO/.test(code)) {
    return 'let Node trust its certificate: NODE_EXTRA_CA_CERTS'
  }
  if (code === '404' || code === '405') return `correct the path in ${key}, often /mcp`
  if (code === 'timeout') return 'see whether a firewall is between, or the server hangs'
  return 'see the log of the server'
}
