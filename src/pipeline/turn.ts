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
import type { Stages } from './stages.ts'

export interface TurnParts {
  readonly exchange: Exchange
  readonly client: Client
  readonly stages: Stages
  readonly queued: Queued
  readonly ledger: Ledger
  readonly refuse: (rejection: Rejection) => void
  readonly deliver: (permit: Permit) => void
  /** True when it waits for a place at its upstream, which is told of as `turnMs`. */
  readonly isPlace?: boolean
}

const CANCELLED: Outcome = { kind: 'cancelled' }

export class Turn implements Stoppable {
  inFlightIndex = -1
  readonly longLived = false
  readonly waits = true
  readonly #parts: TurnParts
  #startedMs = 0
  #over = false

  constructor(parts: TurnParts) {
    this.#parts = parts
  }

  get upstreamName(): string {
    return this.#parts.exchange.upstreamName
  }

  wait(): void {
    const { client, stages, queued } = this.#parts
    this.#startedMs = stages.clock.monotonicMs()
    stages.inFlight.add(this)
    client.onGone(() => {
      if (this.#leave()) this.#parts.ledger.endAll(CANCELLED)
    })
    queued.start((result) => this.#came(result))
  }

  stop(): void {
    if (this.#leave()) this.#parts.refuse(DRAINING)
  }

  abort(): void {
    if (!this.#leave()) return
    this.#parts.client.abort()
    this.#parts.ledger.endAll({ kind: 'internal' })
  }

  /** Whoever keeps the queue knows how long one may wait. */
  tick(): void {}

  cancelCall(sessionKey: string, idKey: string): void {
    const { exchange, ledger, client } = this.#parts
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
    const { exchange, stages, refuse, deliver, client, ledger, isPlace } = this.#parts
    if (this.#over) {
      // It was taken back in the same moment.
      if (result.kind === 'permit') result.settle(CANCELLED)
      return
    }
    this.#over = true
    if (isPlace === true) exchange.turnMs = stages.clock.monotonicMs() - this.#startedMs
    try {
      if (result.kind === 'rejected') refuse(result)
      else deliver(result)
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
    this.#parts.stages.inFlight.remove(this)
    this.#parts.queued.leave()
    return true
  }
}
