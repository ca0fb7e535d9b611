/**
 * The sessions of upstreams that keep their own: seen, counted and guarded, never made here.
 *
 * A session belongs to the principal that began it, or that was first seen to use it with success.
 * Ids are kept as hashes alone, but for those that were used last: a hash takes longer than all else that is done
 * here for a call. When the table is full, the least recently used session goes first: of
 * the same principal, so that nobody can make the owners of others forgotten, or else of all.
 */

import { hash } from 'node:crypto'
import { BoundedMap } from '../core/bounded-map.ts'
import type { Clock } from '../core/clock.ts'
import { headerOf, revisionOf, type Exchange, type KnownSession } from '../core/exchange.ts'
import { reject, type Rejection } from '../core/outcome.ts'
import type { SessionEnding, SessionFacts } from '../core/observer.ts'
import { ownText } from '../core/own-text.ts'

export interface SessionLimits {
  readonly sessionsMax: number
  readonly idleMs: number
}

export interface SessionEvents {
  sessionEnded(upstream: string, why: SessionEnding, session: SessionFacts | undefined): void
  limitHit(limit: 'sessions'): void
}

/** One exchange of a session. */
export interface Visit {
  readonly kind: 'visit'
  leave(): void
}

/** Every exchange of it is the same visit to it. */
class Session implements Visit {
  readonly kind = 'visit'
  readonly upstream: string
  readonly owner: string | undefined
  readonly carrier: 'tcp' | 'pipe'
  readonly beganMs: number
  protocolVersion: string | undefined
  lastSeenMs: number
  /** Exchanges under way, open streams included. */
  active = 0
  readonly #clock: Clock

  constructor(exchange: Exchange, clock: Clock) {
    this.upstream = exchange.upstreamName
    this.owner = exchange.ownerKey
    this.carrier = exchange.carrier
    this.beganMs = clock.monotonicMs()
    const version = revisionOf(exchange)
    this.protocolVersion = version === undefined ? undefined : ownText(version)
    this.lastSeenMs = this.beganMs
    this.#clock = clock
  }

  leave(): void {
    this.active -= 1
    this.lastSeenMs = this.#clock.monotonicMs()
  }
}

/** Ids of sessions whose hashes are remembered, and the longest one. */
const RECENT_MAX = 1_024
const RECENT_CHARS_MAX = 256

export class SessionRegistry {
  readonly #limits: SessionLimits
  readonly #clock: Clock
  readonly #events: SessionEvents
  readonly #sessions: BoundedMap<Session>
  /** By id. */
  readonly #recent = new BoundedMap<KnownSession>(RECENT_MAX)
  readonly #counts = new Map<string, number>()

  constructor(limits: SessionLimits, clock: Clock, events: SessionEvents) {
    this.#limits = limits
    this.#clock = clock
    this.#events = events
    this.#sessions = new BoundedMap(limits.sessionsMax)
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
    const key = this.#digestOf(exchange)
    if (key === undefined) return undefined
    const session = this.#sessions.peek(key)
    if (session === undefined) return undefined
    if (session.owner !== undefined && session.owner !== exchange.ownerKey) return NOT_YOURS
    this.#sessions.get(key)
    session.active += 1
    // What `initialize` asked for need not be what was agreed on; later messages say that.
    const version = headerOf(exchange.headers, 'mcp-protocol-version')
    if (version !== undefined && version !== session.protocolVersion) {
      session.protocolVersion = ownText(version)
    }
    return session
  }

  /** What the head of a reply says of a session: that there is a new one, that it lives, or that it is over. */
  replied(exchange: Exchange, status: number, minted: string | undefined): void {
    const { upstreamName, sessionId } = exchange
    const good = status >= 200 && status < 300
    if (minted !== undefined && minted !== sessionId && good) {
      return this.#open(keyOf(upstreamName, minted), exchange)
    }
    const key = this.#digestOf(exchange)
    if (key === undefined) return
    if (status === 404) this.#end(key, 'lost')
    else if (good && exchange.kind === 'end_session') this.#end(key, 'deleted')
    else if (good && this.#sessions.peek(key) === undefined) this.#open(key, exchange)
  }

  /** Forgets the sessions that nobody has used for long. */
  sweep(): void {
    const oldest = this.#clock.monotonicMs() - this.#limits.idleMs
    for (const [key, { lastSeenMs, active }] of this.#sessions.entries()) {
      if (active === 0 && lastSeenMs <= oldest) this.#end(key, 'idle')
    }
  }

  #open(key: string, exchange: Exchange): void {
    const { upstreamName: upstream, ownerKey: owner } = exchange
    if (this.#sessions.peek(key) !== undefined) return
    if (this.#sessions.size >= this.#limits.sessionsMax) {
      this.#events.limitHit('sessions')
      this.#end(this.#oldestOf(owner) ?? '', 'evicted')
    }
    this.#sessions.set(key, new Session(exchange, this.#clock))
    this.#counts.set(upstream, this.count(upstream) + 1)
  }

  /** The one of the same owner, or else of all. */
  #oldestOf(owner: string | undefined): string | undefined {
    let oldest: string | undefined
    for (const [key, session] of this.#sessions.entries()) {
      if (session.owner === owner) return key
      oldest ??= key
    }
    return oldest
  }

  #end(key: string, why: SessionEnding): void {
    const session = this.#sessions.peek(key)
    if (session === undefined) return
    this.#sessions.delete(key)
    this.#counts.set(session.upstream, this.count(session.upstream) - 1)
    this.#events.sessionEnded(session.upstream, why, this.#factsOf(session, why))
  }

  #digestOf(exchange: Exchange): string | undefined {
    const { sessionId, shared } = exchange
    if (sessionId === undefined || exchange.sessionDigest !== undefined) {
      return exchange.sessionDigest
    }
    const upstream = exchange.upstreamName
    const known = shared?.session?.upstream === upstream ? shared.session : undefined
    const session = known ?? this.#knownSession(upstream, sessionId)
    if (shared !== undefined) shared.session = session
    exchange.sessionDigest = session.digest
    return session.digest
  }

  #knownSession(upstream: string, sessionId: string): KnownSession {
    const known = this.#recent.get(sessionId)
    if (known?.upstream === upstream) return known
    const session = { upstream, digest: keyOf(upstream, sessionId) }
    if (sessionId.length > RECENT_CHARS_MAX) return session
    if (this.#sessions.peek(session.digest) !== undefined) {
      this.#recent.set(ownText(sessionId), session)
    }
    return session
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

function keyOf(upstream: string, sessionId: string): string {
  return hash('sha256', `${upstream} ${sessionId}`, 'base64')
}
