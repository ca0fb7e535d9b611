/** Several observers of calls as one. */

import type {
  Answered,
  AttemptFacts,
  AttemptTarget,
  CallFollower,
  CallObserver,
  Injection,
  ServerRequest,
  ServerRequestFollower,
} from './observer.ts'
import type { Outcome } from './outcome.ts'

/** One observer that tells several. The first injection wins. */
export function combineObservers(observers: readonly CallObserver[]): CallObserver {
  const only = observers[0]
  if (observers.length === 1 && only !== undefined) return only
  return {
    begin: (call) => {
      const followers: CallFollower[] = []
      for (const observer of observers) {
        const follower = observer.begin(call)
        if (follower !== undefined) followers.push(follower)
      }
      return followers.length > 1 ? new CombinedFollower(followers) : followers[0]
    },
    exchangeEnded: (exchange, outcome, attempt) => {
      for (const observer of observers) observer.exchangeEnded(exchange, outcome, attempt)
    },
    eventsPassed: (exchange, kind, count) => {
      for (const observer of observers) observer.eventsPassed?.(exchange, kind, count)
    },
    asked: (request, atMs) =>
      combineAskFollowers(observers.map((observer) => observer.asked?.(request, atMs))),
    limitHit: (limit) => {
      for (const observer of observers) observer.limitHit(limit)
    },
  }
}

/** A class, because there is one for each call. */
class CombinedFollower implements CallFollower {
  readonly #followers: readonly CallFollower[]

  constructor(followers: readonly CallFollower[]) {
    this.#followers = followers
  }

  get resultBytesWanted(): number {
    let most = 0
    for (const follower of this.#followers) most = Math.max(most, follower.resultBytesWanted ?? 0)
    return most
  }

  answered(answer: Answered): void {
    for (const follower of this.#followers) follower.answered?.(answer)
  }

  attemptStarted(target: AttemptTarget, attempt: number, atMs: number): Injection | undefined {
    let injection: Injection | undefined
    for (const follower of this.#followers) {
      const own = follower.attemptStarted(target, attempt, atMs)
      injection ??= own
    }
    return injection
  }

  breakersChanged(...told: Parameters<NonNullable<CallFollower['breakersChanged']>>): void {
    for (const follower of this.#followers) follower.breakersChanged?.(...told)
  }

  attemptEnded(outcome: Outcome, atMs: number, attempt?: AttemptFacts): void {
    for (const follower of this.#followers) follower.attemptEnded(outcome, atMs, attempt)
  }

  asked(request: ServerRequest, atMs: number): ServerRequestFollower | undefined {
    return combineAskFollowers(this.#followers.map((one) => one.asked?.(request, atMs)))
  }

  ended(outcome: Outcome, atMs: number): void {
    for (const follower of this.#followers) follower.ended(outcome, atMs)
  }
}

function combineAskFollowers(
  followers: readonly (ServerRequestFollower | undefined)[],
): ServerRequestFollower {
  return {
    ended: (outcome, atMs) => {
      for (const follower of followers) follower?.ended(outcome, atMs)
    },
  }
}
