/**
 * How many calls at a time an upstream can take, judged by how long they take: the limit shrinks
 * when calls become slower than they usually are, and grows while they do not (Netflix's "Gradient2").
 */

export interface GradientSettings {
  readonly min: number
  readonly max: number
}

/** Calls that the usual duration is an average of. */
const LONG_WINDOW = 600

/** How much slower than usual is still fine. */
const TOLERANCE = 1.5

const SMOOTHING = 0.2

/** Calls that may be waiting in the upstream without harm; also how fast the limit grows. */
const SLACK = 4

const FIRST_LIMIT = 20

export class GradientLimit {
  readonly #settings: GradientSettings
  #limit: number
  #usualMs = 0
  #calls = 0

  constructor(settings: GradientSettings) {
    this.#settings = settings
    this.#limit = Math.min(settings.max, Math.max(settings.min, FIRST_LIMIT))
  }

  get limit(): number {
    return Math.floor(this.#limit)
  }

  /** A call ended well, or by a timeout; `inFlight` counts it too. */
  record(durationMs: number, inFlight: number): void {
    this.#calls += 1
    const weight = 1 / Math.min(this.#calls, LONG_WINDOW)
    this.#usualMs += (durationMs - this.#usualMs) * weight
    // The average remembers a bad time for long; it must not excuse the next one.
    if (this.#usualMs > 2 * durationMs) this.#usualMs *= 0.95
    // With few calls under way their duration says nothing about the limit.
    if (inFlight < this.#limit / 2) return
    const gradient = Math.max(
      0.5,
      Math.min(1, (TOLERANCE * this.#usualMs) / Math.max(durationMs, 0.001)),
    )
    const wanted = this.#limit * gradient + SLACK
    const { min, max } = this.#settings
    this.#limit = Math.max(min, Math.min(max, this.#limit * (1 - SMOOTHING) + wanted * SMOOTHING))
  }
}
