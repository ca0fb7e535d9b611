/**
 * Several observers of calls as one: a pair of the first and of all others. Calls are many, so nothing is
 * made for one but a pair of those that follow it.
 */

import type { Exchange, Call } from './exchange.ts'
import type { LimitName } from './limits.ts'
import type {
  Answered,
  AttemptFacts,
  AttemptTarget,
  CallFollower,
  CallObserver,
  Injection,
  ServerRequest,
  ServerRequestFollower,
  StreamKind,
} from './observer.ts'
import type { Outcome } from './outcome.ts'

/** One observer that tells several, in their order. The first injection wins. */
export function combineObservers(observers: readonly CallObserver[]): CallObserver {
  return observers.reduceRight((others, first) => new ObserverPair(first, others))
}

class ObserverPair implements CallObserver {
  readonly #first: CallObserver
  readonly #second: CallObserver

  constructor(first: CallObserver, second: CallObserver) {
    this.#first = first
    this.#second = second
  }

  begin(call: Call): CallFollower | undefined {
    const first = this.#first.begin(call)
    const second = this.#second.begin(call)
    if (first === undefined || second === undefined) return first ?? second
    return new FollowerPair(first, second)
  }

  exchangeEnded(exchange: Exchange, outcome: Outcome, attempt?: AttemptFacts): void {
    this.#first.exchangeEnded(exchange, outcome, attempt)
    this.#second.exchangeEnded(exchange, outcome, attempt)
  }

  eventsPassed(exchange: Exchange, kind: StreamKind, count: number): void {
    this.#first.eventsPassed?.(exchange, kind, count)
    this.#second.eventsPassed?.(exchange, kind, count)
  }

  asked(request: ServerRequest, atMs: number): ServerRequestFollower | undefined {
    return both(this.#first.asked?.(request, atMs), this.#second.asked?.(request, atMs))
  }

  limitHit(limit: LimitName): void {
    this.#first.limitHit(limit)
    this.#second.limitHit(limit)
  }
}

class FollowerPair implements CallFollower {
  readonly #first: CallFollower
  readonly #second: CallFollower

  constructor(first: CallFollower, second: CallFollower) {
    this.#first = first
    this.#second = second
  }

  get resultBytesWanted(): number {
    const first = this.#first.resultBytesWanted ?? 0
    const second = this.#second.resultBytesWanted ?? 0
    return first > second ? first : second
  }

  answered(answer: Answered): void {
    this.#first.answered?.(answer)
    this.#second.answered?.(answer)
  }

  attemptStarted(target: AttemptTarget, attempt: number, atMs: number): Injection | undefined {
    const first = this.#first.attemptStarted(target, attempt, atMs)
    const second = this.#second.attemptStarted(target, attempt, atMs)
    return first ?? second
  }

  breakersChanged(...told: Parameters<NonNullable<CallFollower['breakersChanged']>>): void {
    this.#first.breakersChanged?.(...told)
    this.#second.breakersChanged?.(...told)
  }

  attemptEnded(outcome: Outcome, atMs: number, attempt?: AttemptFacts): void {
    this.#first.attemptEnded(outcome, atMs, attempt)
    this.#second.attemptEnded(outcome, atMs, attempt)
  }

  asked(request: ServerRequest, atMs: number): ServerRequestFollower | undefined {
    return both(this.#first.asked?.(request, atMs), this.#second.asked?.(request, atMs))
  }

  ended(outcome: Outcome, atMs: number): void {
    this.#first.ended(outcome, atMs)
    this.#second.ended(outcome, atMs)
  }
}

function both(
  first: ServerRequestFollower | undefined,
  second: ServerRequestFollower | undefined,
): ServerRequestFollower | undefined {
  if (first === undefined || second === undefined) return first ?? second
  return {
    ended: (outcome, atMs) => {
      first.ended(outcome, atMs)
      second.ended(outcome, atMs)
    },
  }
}
