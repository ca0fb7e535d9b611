/** Something to be done later. Tests pass their own. */
export interface Timers {
  /** Calls `run` after so long; returns what takes it back. */
  after(delayMs: number, run: () => void): () => void
}

/** Timers that keep no process alive. */
export const systemTimers: Timers = {
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** One timer that is always set for the next instant at which something is due. */
export class Alarm {
  readonly #timers: Timers
  readonly #ring: () => void
  #atMs = Infinity
  #cancel: (() => void) | undefined
  #closed = false

  constructor(timers: Timers, ring: () => void) {
    this.#timers = timers
    this.#ring = ring
  }

  /** Rings at `atMs` or earlier. One that is set for earlier stays: whoever hears it sets it again. */
  set(atMs: number, nowMs: number): void {
    if (this.#closed || this.#atMs <= atMs || atMs === Infinity) return
    this.#cancel?.()
    this.#atMs = atMs
    this.#cancel = this.#timers.after(Math.max(1, Math.ceil(atMs - nowMs)), () => {
      this.#atMs = Infinity
      this.#cancel = undefined
      this.#ring()
    })
  }

  close(): void {
    this.#closed = true
    this.#cancel?.()
  }
}
