/**
 * A bounded queue that serves its clients in turn, whatever each has put in (deficit round robin):
 * one that sends a thousand calls waits behind itself, not before others.
 */

export interface Entry<T> {
  readonly key: string
  /** How much of a turn it takes; 1 for a call, more for a batch. */
  readonly cost: number
  readonly item: T
  /** False once it was served or removed. */
  waiting: boolean
}

interface Flow<T> {
  readonly entries: Entry<T>[]
  /** Index of the first that may still wait. */
  head: number
  /** Entries that still wait. */
  size: number
  deficit: number
}

/** What a flow may spend in each of its turns. */
const QUANTUM = 1

export class FairQueue<T> {
  readonly #sizeMax: number
  /** In the order of their turns. */
  readonly #flows = new Map<string, Flow<T>>()
  #size = 0

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  get size(): number {
    return this.#size
  }

  /**
   * Puts an item in. When the queue is full, the last entry of the longest flow makes room for one
   * of a shorter flow; `evicted` is that entry, or `full` when nothing had to go and nothing came in.
   */
  push(
    key: string,
    cost: number,
    item: T,
  ): { readonly entry: Entry<T>; readonly evicted: T | undefined } | 'full' {
    let evicted: T | undefined
    if (this.#size >= this.#sizeMax) {
      const victim = this.#lastOfLongest(this.#flows.get(key)?.size ?? 0)
      if (victim === undefined) return 'full'
      this.remove(victim)
      evicted = victim.item
    }
    const entry: Entry<T> = { key, cost, item, waiting: true }
    const flow = this.#flows.get(key)
    if (flow === undefined) {
      this.#flows.set(key, { entries: [entry], head: 0, size: 1, deficit: 0 })
    } else {
      flow.entries.push(entry)
      flow.size += 1
    }
    this.#size += 1
    return { entry, evicted }
  }

  /** The next in turn; undefined when nobody waits. */
  shift(): T | undefined {
    for (;;) {
      const first = this.#flows.entries().next().value
      if (first === undefined) return undefined
      const [key, flow] = first
      const entry = firstWaiting(flow)
      if (entry === undefined) {
        this.#flows.delete(key)
        continue
      }
      flow.deficit += QUANTUM
      // Its turn is over either way; whoever could not afford its entry goes on saving.
      this.#flows.delete(key)
      if (flow.deficit >= entry.cost) {
        flow.deficit -= entry.cost
        this.#take(flow, entry)
        if (flow.size > 0) this.#flows.set(key, flow)
        return entry.item
      }
      this.#flows.set(key, flow)
    }
  }

  /** Takes an entry out that gave up; nothing happens when it is not in any more. */
  remove(entry: Entry<T>): void {
    const flow = this.#flows.get(entry.key)
    if (!entry.waiting || flow === undefined) return
    this.#take(flow, entry)
    if (flow.size === 0) this.#flows.delete(entry.key)
    else if (flow.entries.length > 2 * flow.size + COMPACT_MIN) compact(flow)
  }

  /** Takes out all that `gone` is true of, and then tells `removed` of each. */
  removeWhere(gone: (item: T) => boolean, removed: (item: T) => void): void {
    if (this.#size === 0) return
    const entries = [...this.#flows.values()].flatMap((flow) =>
      flow.entries.filter((entry) => entry.waiting && gone(entry.item)),
    )
    for (const entry of entries) this.remove(entry)
    for (const { item } of entries) removed(item)
  }

  #take(flow: Flow<T>, entry: Entry<T>): void {
    entry.waiting = false
    flow.size -= 1
    this.#size -= 1
    if (flow.head > COMPACT_MIN && flow.head > flow.entries.length / 2) compact(flow)
  }

  #lastOfLongest(shorter: number): Entry<T> | undefined {
    let longest: Flow<T> | undefined
    for (const flow of this.#flows.values()) {
      if (flow.size > (longest?.size ?? shorter + 1)) longest = flow
    }
    return longest?.entries.findLast(({ waiting }) => waiting)
  }
}

const COMPACT_MIN = 32

function firstWaiting<T>(flow: Flow<T>): Entry<T> | undefined {
  while (flow.head < flow.entries.length) {
    const entry = flow.entries[flow.head]
    if (entry?.waiting === true) return entry
    flow.head += 1
  }
  return undefined
}

function compact<T>(flow: Flow<T>): void {
  const left = flow.entries.filter(({ waiting }) => waiting)
  flow.entries.length = 0
  flow.entries.push(...left)
  flow.head = 0
}
