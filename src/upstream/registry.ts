/** The upstreams by name, and whether each may be called now. */

import type { Clock } from '../core/clock.ts'
import type { Exchange } from '../core/exchange.ts'
import type { AttemptTarget } from '../core/observer.ts'
import { rejectOver, type Rejection } from '../core/outcome.ts'
import { findHeader } from '../core/raw-headers.ts'
import type { Limiter, Permit } from '../resilience/limiter.ts'
import type { SessionRegistry } from './sessions.ts'
import type { Transport } from './transport.ts'

export interface UpstreamParts {
  readonly name: string
  readonly target: AttemptTarget
  readonly transport: Transport
  readonly propagate: { readonly meta: boolean; readonly headers: boolean }
  /** True when the upstream keeps its sessions itself, so that they are only watched here. */
  readonly watchSessions: boolean
}

export interface RegisteredUpstream extends Omit<UpstreamParts, 'watchSessions'> {
  admit(exchange: Exchange): Permit | Rejection
  replied(exchange: Exchange, status: number, rawHeaders: readonly string[]): void
}

export class UpstreamRegistry {
  readonly #upstreams = new Map<string, RegisteredUpstream>()
  readonly #sessions: SessionRegistry
  readonly #clock: Clock

  constructor(
    upstreams: readonly UpstreamParts[],
    limiter: Limiter,
    sessions: SessionRegistry,
    clock: Clock,
  ) {
    this.#sessions = sessions
    this.#clock = clock
    for (const parts of upstreams) {
      this.#upstreams.set(parts.name, register(parts, limiter, sessions))
    }
  }

  find(name: string): RegisteredUpstream | undefined {
    return this.#upstreams.get(name)
  }

  names(): readonly string[] {
    return [...this.#upstreams.keys()]
  }

  /** Open sessions per upstream, those that it keeps and those that are kept here. */
  sessionCounts(): readonly { readonly upstream: string; readonly count: number }[] {
    return [...this.#upstreams.values()].map(({ name, transport }) => ({
      upstream: name,
      count: transport.sessions + this.#sessions.count(name),
    }))
  }

  /** Looks after what depends on time; called about once a second. */
  tick(): void {
    const nowMs = this.#clock.monotonicMs()
    this.#sessions.sweep()
    for (const { transport } of this.#upstreams.values()) transport.tick(nowMs)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#upstreams.values()].map((upstream) => upstream.transport.close()))
  }
}

function register(
  parts: UpstreamParts,
  limiter: Limiter,
  sessions: SessionRegistry,
): RegisteredUpstream {
  const { transport, watchSessions } = parts
  return {
    ...parts,
    admit: (exchange) => {
      const permit = limiter.tryAcquire()
      if (permit === undefined) return AT_CAPACITY
      const visit = watchSessions ? sessions.enter(exchange) : undefined
      const refused = visit?.kind === 'rejected' ? visit : transport.check(exchange)
      if (refused !== undefined) {
        permit.settle(refused)
        if (visit?.kind === 'visit') visit.leave()
        return refused
      }
      if (visit?.kind !== 'visit') return permit
      return {
        kind: 'permit',
        settle: (outcome) => {
          permit.settle(outcome)
          visit.leave()
        },
      }
    },
    replied: (exchange, status, rawHeaders) => {
      const { kind, sessionId } = exchange
      if (!watchSessions || exchange.endpoint !== 'mcp') return
      if (sessionId === undefined && kind !== 'message') return
      const begins = exchange.calls.some(({ message }) => message.method === 'initialize')
      const minted = begins ? findHeader(rawHeaders, 'mcp-session-id') : undefined
      sessions.replied(exchange, status, minted)
    },
  }
}

const AT_CAPACITY = rejectOver(
  'streams',
  'at_capacity',
  'the sidecar has as many calls in flight as limits.streams allows',
)
