/**
 * Lets so many calls be under way at a time; the others wait in a bounded, fair queue. One that
 * cannot begin before its deadline is refused instead of being begun in vain.
 */

import type { QueueEnd } from '../core/breaker.ts'
import { FairQueue, type Entry } from './fair-queue.ts'

/** A call that wants to come in. */
export interface Waiter {
  /** Whose turn it takes. */
  readonly key: string
  readonly cost: number
  /** Monotonic. */
  readonly deadlineMs: number
  /** Told once, unless it left by itself. When it entered, `CallGate.leave` has to follow. */
  ended(how: Exclude<QueueEnd, 'left'>): void
}

export class CallGate {
  readonly #queue: FairQueue<Waiter>
  #active = 0
  #pumping = false

  constructor(queueMax: number) {
    this.#queue = new FairQueue(queueMax)
  }

  get active(): number {
    return this.#active
  }

  get waiting(): number {
    return this.#queue.size
  }

  /** True when the call may begin at once; `leave` has to follow. */
  tryEnter(limit: number): boolean {
    if (this.#active >= limit || this.#queue.size > 0) return false
    this.#active += 1
    return true
  }

  /** Puts a call into the queue; undefined when that is full. */
  wait(waiter: Waiter): Entry<Waiter> | undefined {
    const put = this.#queue.push(waiter.key, waiter.cost, waiter)
    if (put === 'full') return undefined
    put.evicted?.ended('evicted')
    return put.entry
  }

  /** The call waits no more. */
  giveUp(entry: Entry<Waiter>): void {
    this.#queue.remove(entry)
  }

  leave(limit: number, nowMs: number): void {
    this.#active -= 1
    if (this.#queue.size > 0) this.pump(limit, nowMs)
  }

  /** Lets in whoever's turn it is, while there is room. */
  pump(limit: number, nowMs: number): void {
    // Whoever comes in may leave at once, and must not begin another round inside this one.
    if (this.#pumping) return
    this.#pumping = true
    try {
      while (this.#active < limit) {
        const next = this.#queue.shift()
        if (next === undefined) return
        if (nowMs >= next.deadlineMs) {
          next.ended('timeout')
          continue
        }
        this.#active += 1
        next.ended('entered')
      }
    } finally {
      this.#pumping = false
    }
  }

  /** Refuses those that cannot begin in time any more. */
  sweep(nowMs: number): void {
    this.#queue.removeWhere(
      ({ deadlineMs }) => nowMs >= deadlineMs,
      (waiter) => waiter.ended('timeout'),
    )
  }

  /** Refuses all that wait. */
  refuseAll(): void {
    this.#queue.removeWhere(
      () => true,
      (waiter) => waiter.ended('refused'),
    )
  }
}
