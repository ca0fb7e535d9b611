/**
 * Keeps the books of one exchange: every call gets exactly one outcome, every follower hears it
 * once, and the exchange ends once.
 */

import { sessionKeyOf, type Call, type Exchange } from '../core/exchange.ts'
import {
  newAttempt,
  type Answered,
  type AttemptFacts,
  type AttemptTarget,
  type CallFollower,
  type Injection,
  type ServerRequest,
  type ServerRequestFollower,
} from '../core/observer.ts'
import { factsOf, type Outcome } from '../core/outcome.ts'
import type { Permit } from '../resilience/permit.ts'
import { logCall } from './log-call.ts'
import { SUSPENDED_BY_SERVER, type Settle, type SuspendOptions } from './resumptions.ts'
import type { Stages } from './stages.ts'
import {
  follow,
  tellAnswer,
  tellAsked,
  tellAttempt,
  tellAttemptEnd,
  tellChanges,
  tellEnd,
  tellEvents,
  tellExchangeEnd,
} from './tell.ts'

export interface CallInjection {
  readonly message: Call['message']
  readonly injection: Injection
}

/** Those that it deals with. */
export type LedgerStages = Pick<Stages, 'clock' | 'log' | 'observer' | 'resumptions'>

const NONE: readonly never[] = []

export class Ledger {
  readonly #exchange: Exchange
  readonly #stages: LedgerStages
  #followers: readonly (CallFollower | undefined)[] = NONE
  /** Made when the first call is suspended, which is rare. */
  #suspended: Set<number> | undefined
  #ended = false
  /** The attempt under way, or the last one. */
  #attempt: AttemptFacts | undefined
  #attempts = 0
  /** Its end has been told, and another may follow. */
  #attemptOver = false
  #worst: Outcome | undefined
  #permit: Permit | undefined

  constructor(exchange: Exchange, stages: LedgerStages) {
    this.#exchange = exchange
    this.#stages = stages
  }

  /** The calls have been read. */
  begin(): void {
    const { calls } = this.#exchange
    const only = calls[0]
    // Nearly always there is one.
    this.#followers =
      calls.length === 1 && only !== undefined
        ? [follow(this.#stages, only)]
        : calls.map((call) => follow(this.#stages, call))
  }

  /** The exchange was admitted; `permit` is told how its calls end. */
  admitted(permit: Permit): void {
    this.#permit = permit
  }

  /** An attempt starts for every call; returns where to note what it took, and what to write into each. */
  attemptStarted(target: AttemptTarget): {
    readonly attempt: AttemptFacts
    readonly injections: readonly CallInjection[]
  } {
    const atMs = this.#stages.clock.monotonicMs()
    this.#attempts += 1
    const attempt = newAttempt(this.#attempts, atMs)
    this.#attempt = attempt
    this.#attemptOver = false
    return { attempt, injections: this.#injectionsOf(target, attempt) }
  }

  #injectionsOf(target: AttemptTarget, attempt: AttemptFacts): readonly CallInjection[] {
    const { calls } = this.#exchange
    let injections: CallInjection[] | undefined
    for (let index = 0; index < calls.length; index += 1) {
      const message = calls[index]?.message
      const injection = tellAttempt(this.#stages, this.#followers[index], target, attempt)
      if (message === undefined || injection === undefined) continue
      if (injections === undefined) injections = [{ message, injection }]
      else injections.push({ message, injection })
    }
    return injections ?? NONE
  }

  /** How many attempts have been made. */
  get attempts(): number {
    return this.#attempts
  }

  /** Of two attempts under way this one is the call's, as far as is known. */
  goesOnWith(attempt: AttemptFacts): void {
    this.#attempt = attempt
  }

  /** One of two attempts has ended, and the other goes on. */
  attemptLost(attempt: AttemptFacts, outcome: Outcome): void {
    const atMs = this.#stages.clock.monotonicMs()
    attempt.endedMs = atMs
    for (const follower of this.#followers) {
      tellAttemptEnd(this.#stages, follower, outcome, atMs, attempt)
    }
  }

  /** The attempt failed and another follows, at once or later. */
  attemptFailed(outcome: Outcome): void {
    this.#attemptOver = true
    const atMs = this.#stages.clock.monotonicMs()
    for (const follower of this.#followers) {
      tellAttemptEnd(this.#stages, follower, outcome, atMs, this.#attempt)
    }
  }

  /** The longest result that each call wants a copy of; undefined when none wants one. */
  wanted(): readonly number[] | undefined {
    const followers = this.#followers
    for (let index = 0; index < followers.length; index += 1) {
      if ((followers[index]?.resultBytesWanted ?? 0) > 0) {
        return followers.map((one) => one?.resultBytesWanted ?? 0)
      }
    }
    return undefined
  }

  /** What the reply says of a call. */
  replied(index: number, outcome: Outcome | 'suspended', answered: Answered | undefined): void {
    if (outcome === 'suspended') this.suspendCall(index, SUSPENDED_BY_SERVER)
    else this.endCall(index, outcome, undefined, answered)
  }

  /** The answer to one call has passed, or it will never come. */
  endCall(index: number, outcome: Outcome, endedAtMs?: number, answered?: Answered): void {
    const call = this.#exchange.calls[index]
    if (call === undefined || call.outcome !== undefined) return
    call.outcome = outcome
    if (this.#worst === undefined || badness(outcome) > badness(this.#worst)) this.#worst = outcome
    const atMs = endedAtMs ?? this.#stages.clock.monotonicMs()
    const follower = this.#followers[index]
    const changes = this.#permit?.callEnded(call, outcome, atMs)
    if (changes !== undefined) tellChanges(this.#stages, follower, changes, atMs)
    if (answered !== undefined) tellAnswer(this.#stages, follower, answered)
    if (!this.#attemptOver) tellAttemptEnd(this.#stages, follower, outcome, atMs, this.#attempt)
    tellEnd(this.#stages, follower, outcome, atMs)
    logCall(this.#stages.log, call, outcome, atMs)
  }

  /** The request with this id has ended, if it is one of this exchange's. */
  endRequest(idKey: string, outcome: Outcome): void {
    const index = this.#exchange.calls.findIndex(
      ({ message }) => message.kind === 'request' && message.id?.key === idKey,
    )
    if (index >= 0) this.endCall(index, outcome)
  }

  /** The call's answer comes on another stream; its outcome is settled there. */
  suspendCall(index: number, options: SuspendOptions): void {
    if (this.#exchange.calls[index]?.outcome !== undefined) return
    this.#suspended ??= new Set()
    this.#suspended.add(index)
    const settle: Settle = (outcome, atMs, answered) => {
      this.#suspended?.delete(index)
      this.endCall(index, outcome, atMs, answered)
    }
    const wanted = this.#followers[index]?.resultBytesWanted
    this.#stages.resumptions.suspend(this.#exchange, index, options, settle, wanted)
  }

  /** True while the answer to a call is waited for here; notifications beside requests have none. */
  get waits(): boolean {
    const { calls } = this.#exchange
    const asks = calls.some(({ message }) => message.kind === 'request')
    return calls.some(
      ({ message, outcome }, index) =>
        outcome === undefined &&
        this.#suspended?.has(index) !== true &&
        (message.kind === 'request' || !asks),
    )
  }

  /** True while an answer is waited for here, or may never come. */
  get mayHang(): boolean {
    return this.waits || this.takenBack
  }

  /** True when nothing is waited for, and a client took a call back. */
  get takenBack(): boolean {
    return (
      !this.waits &&
      !this.suspends &&
      this.#exchange.calls.some(({ outcome }) => outcome?.kind === 'cancelled')
    )
  }

  /** True while the answer to a call is waited for elsewhere. */
  get suspends(): boolean {
    return this.#suspended !== undefined && this.#suspended.size > 0
  }

  /** The same for every request that is open. */
  suspendRequests(options: SuspendOptions): void {
    for (const [index, { message }] of this.#exchange.calls.entries()) {
      if (message.kind === 'request') this.suspendCall(index, options)
    }
  }

  /** No answer will come elsewhere: what was suspended ends with the exchange after all. */
  unsuspendAll(): void {
    const key = sessionKeyOf(this.#exchange) ?? ''
    for (const index of this.#suspended ?? []) {
      const call = this.#exchange.calls[index]
      if (call !== undefined) this.#stages.resumptions.forget(call.message, key)
    }
    this.#suspended = undefined
  }

  /** The exchange is over: what is still open and not suspended ends with `outcome`. */
  endAll(outcome: Outcome): void {
    if (this.#ended) return
    this.#ended = true
    for (let index = 0; index < this.#exchange.calls.length; index += 1) {
      if (this.#suspended?.has(index) !== true) this.endCall(index, outcome)
    }
    tellExchangeEnd(this.#stages, this.#exchange, this.outcome(outcome), this.#attempt)
  }

  /** The upstream asks its client something on the reply to this exchange. */
  asked(request: ServerRequest, atMs: number): ServerRequestFollower | undefined {
    const index = this.#exchange.calls.findIndex(
      ({ message, outcome }) => message.kind === 'request' && outcome === undefined,
    )
    return tellAsked(this.#stages, this.#followers[index], request, atMs)
  }

  /** Events have passed on the reply. */
  eventsPassed({ stream }: AttemptFacts, count: number): void {
    if (stream === undefined) return
    tellEvents(this.#stages, this.#exchange, stream, count)
  }

  /** The exchange's own outcome: its call's, the worst of a batch, or `otherwise`. */
  outcome(otherwise: Outcome): Outcome {
    return this.#worst ?? otherwise
  }
}

/** Orders the outcomes of a batch: a broken upstream says most about the exchange. */
function badness(outcome: Outcome): number {
  if (outcome.kind === 'upstream_failed') return 4
  if (outcome.kind === 'internal') return 3
  if (outcome.kind === 'rejected' || outcome.kind === 'cancelled') return 2
  return factsOf(outcome).clientErrorType === undefined ? 0 : 1
}
