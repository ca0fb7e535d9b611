/** The upstreams by name, and whether each may be called now. */

import type { ResilienceView } from '../core/breaker.ts'
import type { Clock } from '../core/clock.ts'
import type { Exchange } from '../core/exchange.ts'
import type { AttemptTarget } from '../core/observer.ts'
import { rejectOver, type Rejection } from '../core/outcome.ts'
import type { PoolView } from '../core/pool.ts'
import { findHeader } from '../core/raw-headers.ts'
import type { Limiter } from '../resilience/limiter.ts'
import type { Permit, Queued } from '../resilience/permit.ts'
import type { UpstreamGuard } from '../resilience/upstream-guard.ts'
import { AdmittedExchange } from './admitted.ts'
import type { HealthPlan } from './prober.ts'
import type { SessionRegistry } from './sessions.ts'
import type { Transport } from './transport.ts'

export interface UpstreamParts {
  readonly name: string
  readonly target: AttemptTarget
  /** Equal for configurations that lead to the same server. */
  readonly place: string
  readonly transport: Transport
  readonly timeouts: {
    readonly callMs: number
    readonly callMaxMs: number
    readonly firstByteMs: number
    readonly idleMs: number
  }
  readonly propagate: { readonly meta: boolean; readonly headers: boolean }
  /** True when the upstream keeps its sessions itself, so that they are only watched here. */
  readonly watchSessions: boolean
  /** How its health is checked; undefined when it is not. */
  readonly health: HealthPlan | undefined
  /** What may keep calls from it. */
  readonly guard: UpstreamGuard
}

export interface RegisteredUpstream extends Omit<UpstreamParts, 'watchSessions' | 'health'> {
  admit(exchange: Exchange): Permit | Rejection | Queued
  replied(exchange: Exchange, status: number, rawHeaders: readonly string[]): void
}

/** An upstream that is configured no more, or otherwise: what is under way may finish on it. */
interface Retired {
  readonly upstream: CountedUpstream
  readonly untilMs: number
}

export class UpstreamRegistry {
  readonly #upstreams = new Map<string, CountedUpstream>()
  readonly #retired = new Set<Retired>()
  readonly #limiter: Limiter
  readonly #sessions: SessionRegistry
  readonly #clock: Clock

  constructor(
    upstreams: readonly UpstreamParts[],
    limiter: Limiter,
    sessions: SessionRegistry,
    clock: Clock,
  ) {
    this.#limiter = limiter
    this.#sessions = sessions
    this.#clock = clock
    for (const parts of upstreams) this.put(parts, 0)
  }

  /**
   * Adds an upstream, or takes it in place of the one of its name. Exchanges that are under way go on
   * with the old one, for at most `graceMs`. What is known of the server stays when it is the same,
   * which is what it returns.
   */
  put(parts: UpstreamParts, graceMs: number): boolean {
    const before = this.#upstreams.get(parts.name)
    const same = before?.place === parts.place
    if (same) parts.guard.inherit(before.guard)
    this.remove(parts.name, graceMs)
    this.#upstreams.set(parts.name, register(parts, this.#limiter, this.#sessions))
    return same
  }

  remove(name: string, graceMs: number): void {
    const upstream = this.#upstreams.get(name)
    if (upstream === undefined) return
    this.#upstreams.delete(name)
    this.#retired.add({ upstream, untilMs: this.#clock.monotonicMs() + graceMs })
    this.#closeRetired()
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

  /** What keeps calls from each upstream. */
  guards(): readonly UpstreamGuard[] {
    return [...this.#upstreams.values()].map(({ guard }) => guard)
  }

  /** The pools of each upstream. */
  pools(): readonly PoolView[] {
    return [...this.#upstreams.values()].flatMap(({ name, transport }) =>
      (transport.pools?.() ?? []).map((state) => ({ ...state, upstream: name })),
    )
  }

  resilience(): readonly ResilienceView[] {
    return this.guards().map((guard) => guard.view())
  }

  /** Looks after what depends on time; called about once a second. */
  tick(): void {
    const nowMs = this.#clock.monotonicMs()
    this.#sessions.sweep()
    for (const { transport, guard } of this.#all()) {
      transport.tick(nowMs)
      guard.tick()
    }
    this.#closeRetired()
  }

  async close(): Promise<void> {
    const all = this.#all()
    for (const { guard } of all) guard.close()
    await Promise.all(all.map((upstream) => upstream.transport.close()))
  }

  #all(): CountedUpstream[] {
    return [...this.#upstreams.values(), ...[...this.#retired].map((one) => one.upstream)]
  }

  #closeRetired(): void {
    const nowMs = this.#clock.monotonicMs()
    for (const one of this.#retired) {
      if (one.upstream.active > 0 && nowMs < one.untilMs) continue
      this.#retired.delete(one)
      one.upstream.guard.close()
      void one.upstream.transport.close()
    }
  }
}

interface CountedUpstream extends RegisteredUpstream {
  /** Exchanges under way, open streams included. */
  active: number
}

function register(
  parts: UpstreamParts,
  limiter: Limiter,
  sessions: SessionRegistry,
): CountedUpstream {
  const { transport, watchSessions, guard } = parts
  const upstream: CountedUpstream = {
    ...parts,
    active: 0,
    admit: (exchange) => {
      if (!limiter.tryEnter()) return AT_CAPACITY
      const visit = watchSessions ? sessions.enter(exchange) : undefined
      const admitted = new AdmittedExchange(
        limiter,
        upstream,
        visit?.kind === 'visit' ? visit : undefined,
      )
      const refused = visit?.kind === 'rejected' ? visit : transport.check(exchange)
      if (refused !== undefined) return admitted.refuse(refused)
      const result = guard.admit(exchange)
      if (result.kind === 'pass') return admitted.permit(result)
      return result.kind === 'rejected' ? admitted.refuse(result) : admitted.queue(result)
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
  return upstream
}

const AT_CAPACITY = rejectOver(
  'streams',
  'at_capacity',
  'the sidecar has as many calls in flight as limits.streams allows',
)
