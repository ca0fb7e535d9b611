/**
 * Lets as many calls through as there are connections, in order of arrival.
 *
 * undici would queue them too, but keeps a call that was given up, with its body, until a connection
 * is free; with upstreams that hang, that is never.
 */

export interface Visitor {
  /** Set while it waits or is inside; called once, when it is done or gives up. */
  leave: (() => void) | undefined
}

interface Waiting {
  readonly visitor: Visitor
  start: (() => void) | undefined
}

export class Turnstile {
  readonly #places: number
  #inside = 0
  /** In order of arrival; those that gave up have no `start` any more and are dropped in time. */
  #waiting: Waiting[] = []
  #gone = 0

  constructor(places: number) {
    this.#places = places
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length - this.#gone
  }

  enter(visitor: Visitor, start: () => void): void {
    if (this.#inside < this.#places) return this.#admit(visitor, start)
    const waiting: Waiting = { visitor, start }
    this.#waiting.push(waiting)
    visitor.leave = () => this.#giveUp(waiting)
  }

  #admit(visitor: Visitor, start: () => void): void {
    this.#inside += 1
    visitor.leave = () => {
      this.#inside -= 1
      this.#next()
    }
    start()
  }

  #giveUp(waiting: Waiting): void {
    waiting.start = undefined
    this.#gone += 1
    if (this.#gone * 2 <= this.#waiting.length) return
    this.#waiting = this.#waiting.filter(({ start }) => start !== undefined)
    this.#gone = 0
  }

  #next(): void {
    while (this.#inside < this.#places) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      if (next.start === undefined) this.#gone -= 1
      else this.#admit(next.visitor, next.start)
    }
  }
}
