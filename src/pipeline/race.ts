/**
 * Two attempts at one call, the second made when the first is slow (hedging). The reply that begins
 * first is passed on, and the other attempt is given up; nothing of a reply has gone to the client
 * until then. An attempt that fails while the other is under way is no failure of the call.
 */

import { logDefect } from '../core/log.ts'
import type { AttemptFacts } from '../core/observer.ts'
import type { Outcome } from '../core/outcome.ts'
import type { SecondAttempt } from '../resilience/permit.ts'
import type { Flight, Outbound, ReplySink, TransportFailure } from '../upstream/transport.ts'
import { beginAttempt } from './begin-attempt.ts'
import type { DeliveryParts } from './delivery-parts.ts'
import { outcomeOfStatus } from './reply-facts.ts'
import type { ReplyTimes } from './reply-times.ts'
import { canRepeat } from './retrying.ts'

const CANCELLED: Outcome = { kind: 'cancelled' }

/**
 * In a session a server tells calls apart by their ids, so two with the same must not be under way;
 * without one each has its own request, and giving that up concerns no other.
 */
export function mayRace(parts: DeliveryParts, { attempt }: Outbound): boolean {
  if (attempt.number > 1 || !parts.permit.hedges) return false
  return parts.exchange.sessionId === undefined && canRepeat(parts, true)
}

export class Race implements Flight {
  readonly #parts: DeliveryParts
  readonly #times: ReplyTimes
  readonly #sink: ReplySink
  #running: Contender[] = []
  #winner: Contender | undefined
  #second: SecondAttempt | undefined
  #takeBack: (() => void) | undefined
  /** One of them may have reached the upstream, so the call may have run. */
  #sent = false

  constructor(parts: DeliveryParts, times: ReplyTimes, sink: ReplySink) {
    this.#parts = parts
    this.#times = times
    this.#sink = sink
  }

  start(outbound: Outbound): this {
    this.#takeBack = this.#parts.permit.hedge((second) => this.#begin(second))
    this.#launch(outbound)
    return this
  }

  abort(why?: 'late'): void {
    this.#stopWaiting()
    if (this.#winner !== undefined) return this.#winner.flight?.abort(why)
    const last = this.#running.find(({ attempt }) => attempt.handedMs > 0) ?? this.#running[0]
    for (const one of this.#running.slice()) {
      one.flight?.abort(why)
      if (one !== last) this.#drop(one, why === 'late' ? lateOf(one) : CANCELLED)
    }
    if (last !== undefined) this.#settleOn(last)
  }

  resume(): void {
    this.#winner?.flight?.resume()
  }

  spent(chunk: Buffer): void {
    this.#winner?.flight?.spent?.(chunk)
  }

  head(
    from: Contender,
    status: number,
    statusMessage: string,
    rawHeaders: readonly string[],
  ): void {
    if (this.#running.length > 1 && (status >= 500 || status === 429)) {
      this.#parts.permit.head(status, rawHeaders)
      from.flight?.abort()
      return this.#lose(from, outcomeOfStatus(status), undefined)
    }
    for (const other of this.#running.slice()) {
      if (other === from) continue
      other.flight?.abort()
      this.#drop(other, CANCELLED)
    }
    this.#winner = from
    this.#settleOn(from)
    this.#sink.head(status, statusMessage, rawHeaders)
  }

  data(chunk: Buffer): boolean {
    return this.#sink.data(chunk)
  }

  end(): void {
    this.#sink.end()
  }

  failed(from: Contender, failure: TransportFailure): void {
    const { reason, sent, incident } = failure
    this.#sent ||= sent
    if (this.#running.length > 1) {
      return this.#lose(from, { kind: 'upstream_failed', reason, sent }, incident)
    }
    this.#settleOn(from)
    this.#sink.failed({ ...failure, sent: this.#sent })
  }

  cancelled(): void {
    this.#sink.cancelled()
  }

  #begin(second: SecondAttempt): void {
    this.#takeBack = undefined
    const { ledger, stages } = this.#parts
    const first = this.#running[0]
    this.#second = second
    if (first === undefined || !ledger.waits) return this.#endSecond('lost')
    try {
      const outbound = beginAttempt(this.#parts, false)
      ledger.goesOnWith(first.attempt)
      this.#launch(outbound)
    } catch (error) {
      logDefect(stages.log, 'A second attempt could not be made', error)
      const made = this.#running[1]
      if (made !== undefined) this.#lose(made, { kind: 'internal' }, undefined)
    }
  }

  #launch(outbound: Outbound): void {
    const contender = new Contender(this, outbound.attempt)
    this.#running.push(contender)
    contender.flight = this.#parts.upstream.transport.send(outbound, contender)
  }

  /** It failed, and the other goes on. */
  #lose(from: Contender, outcome: Outcome, incident: number | undefined): void {
    this.#sent ||= from.attempt.handedMs > 0
    this.#drop(from, outcome)
    this.#second?.failed(outcome, incident)
  }

  #drop(one: Contender, outcome: Outcome): void {
    this.#running = this.#running.filter((other) => other !== one)
    this.#parts.ledger.attemptLost(one.attempt, outcome)
  }

  /** This attempt is the call's from now on, whatever becomes of it. */
  #settleOn({ attempt }: Contender): void {
    this.#stopWaiting()
    if (this.#times.attempt !== attempt) this.#times.begin(attempt)
    this.#parts.ledger.goesOnWith(attempt)
    this.#endSecond(attempt.number > 1 && this.#winner !== undefined ? 'won' : 'lost')
  }

  #endSecond(result: 'won' | 'lost'): void {
    this.#second?.ended(result)
    this.#second = undefined
  }

  #stopWaiting(): void {
    this.#takeBack?.()
    this.#takeBack = undefined
  }
}

/** One of the attempts, which says whose news it is. */
class Contender implements ReplySink {
  readonly #race: Race
  readonly attempt: AttemptFacts
  flight: Flight | undefined

  constructor(race: Race, attempt: AttemptFacts) {
    this.#race = race
    this.attempt = attempt
  }

  head(status: number, statusMessage: string, rawHeaders: readonly string[]): void {
    this.#race.head(this, status, statusMessage, rawHeaders)
  }

  data(chunk: Buffer): boolean {
    return this.#race.data(chunk)
  }

  end(): void {
    this.#race.end()
  }

  failed(failure: TransportFailure): void {
    this.#race.failed(this, failure)
  }

  cancelled(): void {
    this.#race.cancelled()
  }
}

function lateOf({ attempt }: Contender): Outcome {
  return { kind: 'upstream_failed', reason: 'timeout', sent: attempt.handedMs > 0 }
}
