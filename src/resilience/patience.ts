/**
 * Asks agents that keep calling what was refused to wait longer: `Retry-After` doubles with each call
 * that comes before it was over.
 */

/** The agents and tools that are remembered; the least recent goes first. */
const REFUSALS_MAX = 1_024

const RETRY_AFTER_MS_MAX = 300_000

/** Nobody is asked to wait more than so many times what would do. */
const FACTOR_MAX = 16

interface Refusal {
  factor: number
  notBeforeMs: number
}

export class Patience {
  readonly #refusals = new Map<string, Refusal>()

  /** How long to ask for, where `baseMs` would do. `key` says who called what. */
  retryAfterMs(key: string, baseMs: number, nowMs: number): number {
    const before = this.#refusals.get(key)
    this.#refusals.delete(key)
    const tooSoon = before !== undefined && nowMs < before.notBeforeMs
    const factor = tooSoon ? Math.min(FACTOR_MAX, before.factor * 2) : 1
    const waitMs = Math.ceil(Math.min(Math.max(RETRY_AFTER_MS_MAX, baseMs), baseMs * factor))
    const oldest = this.#refusals.keys().next().value
    if (this.#refusals.size >= REFUSALS_MAX && oldest !== undefined) this.#refusals.delete(oldest)
    this.#refusals.set(key, { factor, notBeforeMs: nowMs + waitMs })
    return waitMs
  }

  /** How many are remembered. */
  get size(): number {
    return this.#refusals.size
  }
}
