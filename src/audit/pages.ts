/**
 * Where the texts of records stand until they are written. As strings of their own they would live just
 * long enough to be moved by each collection of garbage, and each page that is not used again costs one.
 */

/** About a hundred records. */
const PAGE_BYTES = 64 * 1024
/** Pages that are kept for later; there are more of them only while the disk is slow. */
const FREE_MAX = 16

export class Page {
  readonly bytes: Buffer
  /** How much of it is taken. */
  used = 0
  /** How many texts stand in it. */
  texts = 0

  constructor(length: number) {
    this.bytes = Buffer.allocUnsafeSlow(length)
  }
}

export class Pages {
  #current = new Page(PAGE_BYTES)
  readonly #free: Page[] = []

  /** Where so many bytes are to be put, from `used` on. Each such place is let go of once, by `letGo`. */
  take(length: number): Page {
    const { used, bytes } = this.#current
    if (used + length > bytes.length) this.#current = this.#next(length)
    this.#current.texts += 1
    return this.#current
  }

  letGo(page: Page): void {
    page.texts -= 1
    if (page.texts > 0) return
    page.used = 0
    const isKept = page.bytes.length === PAGE_BYTES && this.#free.length < FREE_MAX
    if (isKept && page !== this.#current) this.#free.push(page)
  }

  #next(length: number): Page {
    if (length > PAGE_BYTES) return new Page(length)
    return this.#free.pop() ?? new Page(PAGE_BYTES)
  }
}
