/** A map that holds so many entries at most; the one that was not used for longest goes first. */
export class BoundedMap<V> {
  readonly #max: number
  readonly #onEvict: (key: string, value: V) => void
  /** In order of use, so the first is the oldest. */
  readonly #entries = new Map<string, V>()
  /** The last one in that order, which need not be moved there. */
  #newest: string | undefined
  /**
   * Stands before the oldest entry, and goes on from there: an iterator that is begun anew walks over
   * every entry that was deleted since the map last grew.
   */
  #oldest = this.#entries.entries()

  constructor(max: number, onEvict: (key: string, value: V) => void = () => {}) {
    this.#max = max
    this.#onEvict = onEvict
  }

  get size(): number {
    return this.#entries.size
  }

  /** Also counts as use. */
  get(key: string): V | undefined {
    const value = this.#entries.get(key)
    if (value === undefined || key === this.#newest) return value
    this.#entries.delete(key)
    this.#entries.set(key, value)
    this.#newest = key
    return value
  }

  set(key: string, value: V): void {
    this.#entries.delete(key)
    if (this.#entries.size >= this.#max) {
      this.#evict()
    }
    this.#entries.set(key, value)
    this.#newest = key
  }

  #evict(): void {
    let next = this.#oldest.next()
    if (next.done === true) {
      this.#oldest = this.#entries.entries()
      next = this.#oldest.next()
    }
    if (next.done === true) return
    const [key, value] = next.value
    this.#entries.delete(key)
    this.#onEvict(key, value)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  values(): IterableIterator<V> {
    return this.#entries.values()
  }

  entries(): IterableIterator<[string, V]> {
    return this.#entries.entries()
  }
}
