/** A call's place in the line for a turn at an upstream. */

import type { QueueEnd } from '../core/breaker.ts'
import type { Exchange } from '../core/exchange.ts'
import type { CallGate, Waiter } from './call-gate.ts'
import type { Entry } from './fair-queue.ts'
import type { GuardQueued } from './guard-parts.ts'
import { clientOf } from './traffic.ts'

/** How a wait ends that is not given up. */
export type WaitEnd = Exclude<QueueEnd, 'left'>

type Result = Parameters<Parameters<GuardQueued['start']>[0]>[0]

/** Whoever has calls wait. */
export interface LineKeeper {
  /** A wait that began at this instant is over. */
  waitEnded(how: QueueEnd, sinceMs: number): void
  /** What comes of it. */
  afterWait(exchange: Exchange, how: WaitEnd): Result
}

/** One object for all that a wait needs: of calls that wait there may be thousands. */
export class PlaceInLine implements GuardQueued, Waiter {
  readonly kind = 'queued'
  readonly key: string
  readonly cost: number
  readonly deadlineMs: number
  readonly #sinceMs: number
  readonly #keeper: LineKeeper
  readonly #exchange: Exchange
  #gate: CallGate | undefined
  #entry: Entry<Waiter> | undefined
  #done: ((result: Result) => void) | undefined

  constructor(keeper: LineKeeper, exchange: Exchange, nowMs: number, longestMs: number) {
    this.#keeper = keeper
    this.#exchange = exchange
    this.#sinceMs = nowMs
    this.key = clientOf(exchange)
    this.cost = Math.max(1, exchange.calls.length)
    this.deadlineMs = nowMs + longestMs
    this.#gate = undefined
    this.#entry = undefined
    this.#done = undefined
  }

  /** False when the line is full. */
  take(gate: CallGate): boolean {
    this.#gate = gate
    this.#entry = gate.wait(this)
    return this.#entry !== undefined
  }

  start(done: (result: Result) => void): void {
    this.#done = done
  }

  leave(): void {
    if (this.#entry === undefined) return
    this.#gate?.giveUp(this.#entry)
    this.#keeper.waitEnded('left', this.#sinceMs)
  }

  ended(how: WaitEnd): void {
    this.#entry = undefined
    this.#keeper.waitEnded(how, this.#sinceMs)
    this.#done?.(this.#keeper.afterWait(this.#exchange, how))
  }
}
