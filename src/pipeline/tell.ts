/**
 * Tells observers of calls. An observer never fails a call: a defect of one is logged and costs what it
 * would have seen, so each is told in a `try` of its own. There is a function for each thing to tell, because a
 * closure for each would be made for every call.
 */

import type { BreakerChange } from '../core/breaker.ts'
import type { Call, Exchange } from '../core/exchange.ts'
import { logDefect, type Log } from '../core/log.ts'
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
} from '../core/observer.ts'
import type { Outcome } from '../core/outcome.ts'

/** Who is told, and where defects are logged. */
export interface Told {
  readonly observer: CallObserver
  readonly log: Log
}

type Follower = CallFollower | undefined

/** What follows the call, if it is one that can be followed. */
export function follow({ observer, log }: Told, call: Call): Follower {
  if (call.message.kind === 'response') return undefined
  try {
    return observer.begin(call)
  } catch (error) {
    failed(log, error)
    return undefined
  }
}

/** What to inject into the attempt, if anything. */
export function tellAttempt(
  { log }: Told,
  follower: Follower,
  target: AttemptTarget,
  { number, startedMs }: AttemptFacts,
): Injection | undefined {
  try {
    return follower?.attemptStarted(target, number, startedMs)
  } catch (error) {
    failed(log, error)
    return undefined
  }
}

export function tellChanges(
  { log }: Told,
  follower: Follower,
  changes: readonly BreakerChange[],
  atMs: number,
): void {
  try {
    follower?.breakersChanged?.(changes, atMs)
  } catch (error) {
    failed(log, error)
  }
}

export function tellAnswer({ log }: Told, follower: Follower, answered: Answered): void {
  try {
    follower?.answered?.(answered)
  } catch (error) {
    failed(log, error)
  }
}

export function tellAttemptEnd(
  { log }: Told,
  follower: Follower,
  outcome: Outcome,
  atMs: number,
  attempt: AttemptFacts | undefined,
): void {
  try {
    follower?.attemptEnded(outcome, atMs, attempt)
  } catch (error) {
    failed(log, error)
  }
}

export function tellEnd({ log }: Told, follower: Follower, outcome: Outcome, atMs: number): void {
  try {
    follower?.ended(outcome, atMs)
  } catch (error) {
    failed(log, error)
  }
}

export function tellExchangeEnd(
  { observer, log }: Told,
  exchange: Exchange,
  outcome: Outcome,
  attempt: AttemptFacts | undefined,
): void {
  try {
    observer.exchangeEnded(exchange, outcome, attempt)
  } catch (error) {
    failed(log, error)
  }
}

export function tellEvents(
  { observer, log }: Told,
  exchange: Exchange,
  kind: StreamKind,
  count: number,
): void {
  try {
    observer.eventsPassed?.(exchange, kind, count)
  } catch (error) {
    failed(log, error)
  }
}

/** Without a follower the request came on a stream that is no call's. */
export function tellAsked(
  { observer, log }: Told,
  follower: Follower,
  request: ServerRequest,
  atMs: number,
): ServerRequestFollower | undefined {
  try {
    return follower === undefined
      ? observer.asked?.(request, atMs)
      : follower.asked?.(request, atMs)
  } catch (error) {
    failed(log, error)
    return undefined
  }
}

function failed(log: Log, error: unknown): void {
  logDefect(log, 'An observer of calls failed', error)
}
