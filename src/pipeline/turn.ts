/**
 * An exchange that waits: for its turn at a busy upstream, or for its record in the audit log. It ends once: with a permit, with a refusal,
 * or because its client left or took it back, and then the upstream never hears of it.
 */

import { sessionKeyOf, type Exchange } from '../core/exchange.ts'
import { logDefect } from '../core/log.ts'
import { DRAINING, type Outcome, type Rejection } from '../core/outcome.ts'
import type { Client } from '../core/reply.ts'
import type { Permit, Queued } from '../resilience/permit.ts'
import type { Stoppable } from './in-flight.ts'
import type { Ledger } from './ledger.ts'
import { answerInternal } from './refuse.ts'
import type { Stages, Upstream } from './stages.ts'

/** What goes through the stages: one exchange. */
export interface Way {
  readonly exchange: Exchange
  readonly client: Client
  readonly stages: Stages
  readonly ledger: Ledger
}

/** What it waits for, and what comes of that. */
export interface AfterTurn {
  readonly goOn: (way: Way, upstream: Upstream, permit: Permit) => void
  readonly refuse: (way: Way, why: Rejection) => void
  /** True when it waits for a place at its upstream, which is told of as `turnMs`. */
  readonly isPlace: boolean
}

const CANCELLED: Outcome = { kind: 'cancelled' }

export class Turn implements Stoppable {
  inFlightIndex = -1
  readonly longLived = false
  readonly waits = true
  readonly #way: Way
  readonly #upstream: Upstream
  readonly #queued: Queued
  readonly #after: AfterTurn
  #startedMs = 0
  #over = false

  constructor(way: Way, upstream: Upstream, queued: Queued, after: AfterTurn) {
    this.#way = way
    this.#upstream = upstream
    this.#queued = queued
    this.#after = after
  }

  get upstreamName(): string {
    return this.#way.exchange.upstreamName
  }

  wait(): void {
    const { client, stages } = this.#way
    this.#startedMs = stages.clock.monotonicMs()
    stages.inFlight.add(this)
    client.onGone(() => {
      if (this.#leave()) this.#way.ledger.endAll(CANCELLED)
    })
    this.#queued.start((result) => this.#came(result))
  }

  stop(): void {
    if (this.#leave()) this.#after.refuse(this.#way, DRAINING)
  }

  abort(): void {
    if (!this.#leave()) return
    this.#way.client.abort()
    this.#way.ledger.endAll({ kind: 'internal' })
  }

  /** Whoever keeps the queue knows how long one may wait. */
  tick(): void {}

  cancelCall(sessionKey: string, idKey: string): void {
    const { exchange, ledger, client } = this.#way
    if (this.#over || sessionKeyOf(exchange) !== sessionKey) return
    const index = exchange.calls.findIndex(
      ({ message }) => message.kind === 'request' && message.id?.key === idKey,
    )
    if (index < 0) return
    ledger.endCall(index, CANCELLED)
    if (exchange.calls.some(({ outcome }) => outcome === undefined) || !this.#leave()) return
    client.head(202, 'Accepted', ['Content-Length', '0'])
    client.end()
    ledger.endAll(CANCELLED)
  }

  #came(result: Permit | Rejection): void {
    const { exchange, stages, client, ledger } = this.#way
    const { refuse, goOn, isPlace } = this.#after
    if (this.#over) {
      // It was taken back in the same moment.
      if (result.kind === 'permit') result.settle(CANCELLED)
      return
    }
    this.#over = true
    if (isPlace) exchange.turnMs = stages.clock.monotonicMs() - this.#startedMs
    try {
      if (result.kind === 'rejected') refuse(this.#way, result)
      else goOn(this.#way, this.#upstream, result)
    } catch (error) {
      logDefect(stages.log, 'A call that had waited could not be sent on', error)
      client.answer(answerInternal())
      ledger.endAll({ kind: 'internal' })
    } finally {
      // Only now, or a shutdown would believe for a moment that nothing is under way.
      stages.inFlight.remove(this)
    }
  }

  /** False when it is over already. */
  #leave(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#way.stages.inFlight.remove(this)
    this.#queued.leave()
    return true
  }
}
