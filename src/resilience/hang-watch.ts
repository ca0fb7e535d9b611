/**
 * Finds out sooner than by the timeouts of calls that an upstream hangs. When calls wait because every
 * place is taken, and nothing has ended well for a while, the upstream is asked whether it lives; when
 * it does not answer twice in a row, and no call ends well meanwhile, it hangs.
 */

import type { Probe } from './breaker-state.ts'

/** Nothing has ended well for so long. */
const QUIET_MS = 1_000

/** An upstream that lives is asked again after so long. */
const AGAIN_MS = 5_000

/** Questions in a row that were not answered. */
const UNANSWERED_MAX = 2

export class HangWatch {
  readonly #probe: Probe
  readonly #onHang: (nowMs: number) => void
  #wellMs: number
  #askMs = 0
  #asking = false
  #unanswered = 0

  constructor(probe: Probe, onHang: (nowMs: number) => void, nowMs: number) {
    this.#probe = probe
    this.#onHang = onHang
    this.#wellMs = nowMs
  }

  /** A call ended, and not by a fault of the upstream. */
  endedWell(nowMs: number): void {
    this.#wellMs = nowMs
    this.#unanswered = 0
  }

  /** To be called often while calls wait for a place. */
  look(nowMs: number): void {
    if (this.#asking || nowMs < this.#askMs || nowMs - this.#wellMs < QUIET_MS) return
    this.#asking = true
    this.#probe((result, atMs) => {
      this.#asking = false
      this.#askMs = result === 'dead' ? atMs : atMs + AGAIN_MS
      if (result !== 'dead' || this.#wellMs >= nowMs) this.#unanswered = 0
      else this.#unanswered += 1
      if (this.#unanswered < UNANSWERED_MAX) return
      this.#unanswered = 0
      this.#onHang(atMs)
    })
  }
}
