/**
 * The sessions of upstreams that keep their own: seen, counted and guarded, never made here.
 *
 * A session belongs to the principal that began it, or that was first seen to use it with success.
 * Ids are kept as hashes alone. When the table is full, the least recently used session goes first: of
 * the same principal, so that nobody can make the owners of others forgotten, or else of all.
 */

import { hash } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import { headerOf, revisionOf, type Exchange } from '../core/exchange.ts'
import { reject, type Rejection } from '../core/outcome.ts'
import type { SessionEnding, SessionFacts } from '../core/observer.ts'

export interface SessionLimits {
  readonly sessionsMax: number
  readonly idleMs: number
}

export interface SessionEvents {
  sessionEnded(upstream: string, why: SessionEnding, session: SessionFacts | undefined): void
  limitHit(limit: 'sessions'): void
}

interface Session {
  readonly upstream: string
  readonly owner: string | undefined
  readonly carrier: 'tcp' | 'pipe'
  readonly beganMs: number
  protocolVersion: string | undefined
  lastSeenMs: number
  /** Exchanges under way, open streams included. */
  active: number
}

/** One exchange of a session. */
export interface Visit {
  readonly kind: 'visit'
  leave(): void
}

export class SessionRegistry {
  readonly #limits: SessionLimits
  readonly #clock: Clock
  readonly #events: SessionEvents
  /** In order of use, the least recent first. */
  readonly #sessions = new Map<string, Session>()
  /** The last one in that order, which need not be moved there. */
  #newest: string | undefined
  readonly #counts = new Map<string, number>()

  constructor(limits: SessionLimits, clock: Clock, events: SessionEvents) {
    this.#limits = limits
    this.#clock = clock
    this.#events = events
  }

  /** How many sessions of an upstream are open. */
  count(upstream: string): number {
    return this.#counts.get(upstream) ?? 0
  }

  /**
   * An exchange of a session begins. Refuses a session of somebody else as one that does not exist;
   * otherwise returns what to call at the exchange's end, so that an open stream keeps its session.
   */
  enter(exchange: Exchange): Rejection | Visit | undefined {
    const key = digestOf(exchange)
    if (key === undefined) return undefined
    const session = this.#sessions.get(key)
    if (session === undefined) return undefined
    if (session.owner !== undefined && session.owner !== exchange.ownerKey) return NOT_YOURS
    session.active += 1
    // What `initialize` asked for need not be what was agreed on; later messages say that.
    session.protocolVersion =
      headerOf(exchange.headers, 'mcp-protocol-version') ?? session.protocolVersion
    if (key !== this.#newest) {
      this.#sessions.delete(key)
      this.#sessions.set(key, session)
      this.#newest = key
    }
    return {
      kind: 'visit',
      leave: () => {
        session.active -= 1
        session.lastSeenMs = this.#clock.monotonicMs()
      },
    }
  }

  /** What the head of a reply says of a session: that there is a new one, that it lives, or that it is over. */
  replied(exchange: Exchange, status: number, minted: string | undefined): void {
    const { upstreamName, sessionId } = exchange
    const good = status >= 200 && status < 300
    if (minted !== undefined && minted !== sessionId && good) {
      return this.#open(keyOf(upstreamName, minted), exchange)
    }
    const key = digestOf(exchange)
    if (key === undefined) return
    if (status === 404) this.#end(key, 'lost')
    else if (good && exchange.kind === 'end_session') this.#end(key, 'deleted')
    else if (good && !this.#sessions.has(key)) this.#open(key, exchange)
  }

  /** Forgets the sessions that nobody has used for long. */
  sweep(): void {
    const oldest = this.#clock.monotonicMs() - this.#limits.idleMs
    for (const [key, { lastSeenMs, active }] of this.#sessions) {
      if (active === 0 && lastSeenMs <= oldest) this.#end(key, 'idle')
    }
  }

  #open(key: string, exchange: Exchange): void {
    const { upstreamName: upstream, ownerKey: owner, carrier } = exchange
    if (this.#sessions.has(key)) return
    if (this.#sessions.size >= this.#limits.sessionsMax) {
      this.#events.limitHit('sessions')
      this.#end(this.#oldestOf(owner) ?? '', 'evicted')
    }
    const nowMs = this.#clock.monotonicMs()
    this.#sessions.set(key, {
      upstream,
      owner,
      carrier,
      beganMs: nowMs,
      protocolVersion: revisionOf(exchange),
      lastSeenMs: nowMs,
      active: 0,
    })
    this.#newest = key
    this.#counts.set(upstream, this.count(upstream) + 1)
  }

  #oldestOf(owner: string | undefined): string | undefined {
    for (const [key, session] of this.#sessions) if (session.owner === owner) return key
    return this.#sessions.keys().next().value
  }

  #end(key: string, why: SessionEnding): void {
    const session = this.#sessions.get(key)
    if (session === undefined) return
    this.#sessions.delete(key)
    this.#counts.set(session.upstream, this.count(session.upstream) - 1)
    this.#events.sessionEnded(session.upstream, why, this.#factsOf(session, why))
  }

  /** One that falls out of a full table goes on, unseen. Those first seen in their middle are younger here. */
  #factsOf(session: Session, why: SessionEnding): SessionFacts | undefined {
    if (why === 'evicted') return undefined
    const endedMs = why === 'idle' ? session.lastSeenMs : this.#clock.monotonicMs()
    return {
      durationMs: endedMs - session.beganMs,
      carrier: session.carrier,
      protocolVersion: session.protocolVersion,
    }
  }
}

const NOT_YOURS = reject('session_unknown', 'Session not found; start a new one with initialize')

function digestOf(exchange: Exchange): string | undefined {
  const { sessionId, upstreamName } = exchange
  if (sessionId === undefined) return undefined
  exchange.sessionDigest ??= keyOf(upstreamName, sessionId)
  return exchange.sessionDigest
}

function keyOf(upstream: string, sessionId: string): string {
  return hash('sha256', `${upstream} ${sessionId}`, 'base64')
}
