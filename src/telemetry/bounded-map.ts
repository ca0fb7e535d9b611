/** A map that holds so many entries at most; the one that was not used for longest goes first. */
export class BoundedMap<V> {
  readonly #max: number
  readonly #onEvict: (key: string, value: V) => void
  /** In order of use, so the first is the oldest. */
  readonly #entries = new Map<string, V>()

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
    if (value === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, value)
    return value
  }

  set(key: string, value: V): void {
    this.#entries.delete(key)
    if (this.#entries.size >= this.#max) {
      const oldest = this.#entries.entries().next().value
      if (oldest !== undefined) {
        this.#entries.delete(oldest[0])
        this.#onEvict(...oldest)
      }
    }
    this.#entries.set(key, value)
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
