/** The upstreams by name, and whether each may be called now. */

import type { Clock } from '../core/clock.ts'
import type { AttemptTarget } from '../core/observer.ts'
import { rejectOver, type Rejection } from '../core/outcome.ts'
import type { Limiter, Permit } from '../resilience/limiter.ts'
import { HttpTransport } from './http-transport.ts'
import type { Transport } from './transport.ts'

export interface UpstreamOptions {
  readonly name: string
  readonly url: URL
  /** `upstream` names the upstream in Host; `preserve` keeps what the client sent. */
  readonly host: 'upstream' | 'preserve'
  /** Headers set on every request, such as the upstream's own credential. */
  readonly headers: Readonly<Record<string, string>>
  readonly connectTimeoutMs: number
  readonly connectionsMax: number
  readonly headerBytesMax: number
  readonly propagate: { readonly meta: boolean; readonly headers: boolean }
}

export interface RegisteredUpstream {
  readonly name: string
  readonly target: AttemptTarget
  readonly transport: Transport
  readonly propagate: { readonly meta: boolean; readonly headers: boolean }
  admit(): Permit | Rejection
}

export class UpstreamRegistry {
  readonly #upstreams = new Map<string, RegisteredUpstream>()

  constructor(upstreams: readonly UpstreamOptions[], limiter: Limiter, clock: Clock) {
    for (const options of upstreams) {
      this.#upstreams.set(options.name, register(options, limiter, clock))
    }
  }

  find(name: string): RegisteredUpstream | undefined {
    return this.#upstreams.get(name)
  }

  names(): readonly string[] {
    return [...this.#upstreams.keys()]
  }

  async close(): Promise<void> {
    await Promise.all([...this.#upstreams.values()].map((upstream) => upstream.transport.close()))
  }
}

function register(options: UpstreamOptions, limiter: Limiter, clock: Clock): RegisteredUpstream {
  const { name, url, propagate } = options
  const transport = new HttpTransport({
    url,
    headers: {
      preserveHost: options.host === 'preserve',
      set: new Map(
        Object.entries(options.headers).map(([key, value]) => [
          key.toLowerCase(),
          { name: key, value },
        ]),
      ),
    },
    connectTimeoutMs: options.connectTimeoutMs,
    connectionsMax: options.connectionsMax,
    headerBytesMax: options.headerBytesMax,
    clock,
  })
  return {
    name,
    target: { upstreamName: name, address: addressOf(url), port: portOf(url) },
    transport,
    propagate,
    admit: () => {
      const permit = limiter.tryAcquire()
      if (permit !== undefined) return permit
      return rejectOver(
        'streams',
        'at_capacity',
        'the sidecar has as many calls in flight as limits.streams allows',
      )
    },
  }
}

/** `server.address` without the brackets of an IPv6 literal. */
function addressOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port)
  return url.protocol === 'https:' ? 443 : 80
}
