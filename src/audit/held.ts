/** What is recorded unless something else says it before: attempts of calls, which most calls' ends say. */

import type { Draft } from './draft.ts'

export interface Pending {
  /** Since when, in milliseconds of the monotonic clock. */
  readonly sinceMs: number
  /** Where it is held; negative when it is not. For whoever holds it alone. */
  place: number
  /** Asked for once, when it has to be recorded. */
  draft(): Draft
}

/**
 * A list, each of whose entries knows its place. A `Set` makes itself anew after every few entries, and
 * what an old one of these held lives on until all garbage is collected: here, all that calls consist of.
 */
export class Held {
  readonly #pending: Pending[] = []

  get size(): number {
    return this.#pending.length
  }

  /** Since when the oldest waits; `Infinity` when there is none. */
  get sinceMs(): number {
    return this.#pending.reduce((oldest, { sinceMs }) => Math.min(oldest, sinceMs), Infinity)
  }

  add(pending: Pending): void {
    pending.place = this.#pending.length
    this.#pending.push(pending)
  }

  /** True when it was held, and no longer is. */
  takeBack(pending: Pending): boolean {
    const { place } = pending
    if (place < 0) return false
    pending.place = -1
    const last = this.#pending.pop()
    if (last !== undefined && last !== pending) {
      this.#pending[place] = last
      last.place = place
    }
    return true
  }

  /** Takes those that have waited since then or longer, the oldest first. */
  take(untilMs: number): readonly Draft[] {
    const due = this.#pending.filter(({ sinceMs }) => sinceMs <= untilMs)
    due.sort((a, b) => a.sinceMs - b.sinceMs)
    return due.map((pending) => {
      this.takeBack(pending)
      return pending.draft()
    })
  }
}
