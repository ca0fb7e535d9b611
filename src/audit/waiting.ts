import { Draft, type Recordable } from './draft.ts'

/** Somebody who waits for entries to be on the disk. Told once, or not at all when it leaves before. */
export class Waiting {
  readonly #done: (isDurable: boolean) => void
  #over = false
  #timer: NodeJS.Timeout | undefined

  constructor(done: (isDurable: boolean) => void) {
    this.#done = done
  }

  /** True when nobody waits any more: what was to be written need not be. */
  get over(): boolean {
    return this.#over
  }

  /** Is told that it failed when nothing else comes for so long. */
  start(timeoutMs: number): void {
    this.#timer = setTimeout(() => this.settle(false), timeoutMs)
  }

  settle(isDurable: boolean): void {
    if (this.#over) return
    this.leave()
    this.#done(isDurable)
  }

  leave(): void {
    this.#over = true
    clearTimeout(this.#timer)
  }
}

/** An entry that somebody waits for. */
export class Awaited {
  readonly entry: Recordable
  readonly waiting: Waiting
  /** Told with the last of its entries. */
  readonly isLast: boolean

  constructor(entry: Recordable, waiting: Waiting, isLast: boolean) {
    this.entry = entry
    this.waiting = waiting
    this.isLast = isLast
  }
}

/** What waits to be written. */
export type Item = Recordable | Awaited

export function entryOf(item: Item): Recordable {
  return item instanceof Awaited ? item.entry : item
}

/** It is written, or never will be. */
export function letGo(entry: Recordable): void {
  if (entry instanceof Draft) entry.letGo()
}
