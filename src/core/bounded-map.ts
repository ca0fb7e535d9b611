/**
 * A map that holds so many entries at most; the one that was not used for longest goes first. Entries are
 * chained in order of use: moving one in a Map, by deleting and setting it, makes the Map rebuild itself again
 * and again.
 */
export class BoundedMap<V, K extends string | number = string> {
  readonly #max: number
  readonly #onEvict: (key: K, value: V) => void
  readonly #entries = new Map<K, Entry<K, V>>()
  #oldest: Entry<K, V> | undefined
  #newest: Entry<K, V> | undefined

  constructor(max: number, onEvict: (key: K, value: V) => void = () => {}) {
    this.#max = max
    this.#onEvict = onEvict
  }

  get size(): number {
    return this.#entries.size
  }

  /** Also counts as use. */
  get(key: K): V | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (entry !== this.#newest) {
      this.#unchain(entry)
      this.#append(entry)
    }
    return entry.value
  }

  /** Does not count as use. */
  peek(key: K): V | undefined {
    return this.#entries.get(key)?.value
  }

  set(key: K, value: V): void {
    const known = this.#entries.get(key)
    if (known !== undefined) {
      known.value = value
      this.#unchain(known)
      this.#append(known)
      return
    }
    if (this.#entries.size >= this.#max) this.#evict()
    const entry: Entry<K, V> = { key, value, older: undefined, newer: undefined }
    this.#entries.set(key, entry)
    this.#append(entry)
  }

  delete(key: K): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#unchain(entry)
  }

  /** In order of use, so the first is the oldest. */
  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value
  }

  *entries(): IterableIterator<[K, V]> {
    for (let entry = this.#oldest; entry !== undefined; entry = entry.newer) {
      yield [entry.key, entry.value]
    }
  }

  #evict(): void {
    const oldest = this.#oldest
    if (oldest === undefined) return
    this.delete(oldest.key)
    this.#onEvict(oldest.key, oldest.value)
  }

  #append(entry: Entry<K, V>): void {
    const last = this.#newest
    entry.older = last
    entry.newer = undefined
    if (last === undefined) this.#oldest = entry
    else last.newer = entry
    this.#newest = entry
  }

  #unchain({ older, newer }: Entry<K, V>): void {
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }
}

interface Entry<K, V> {
  readonly key: K
  value: V
  older: Entry<K, V> | undefined
  newer: Entry<K, V> | undefined
}
