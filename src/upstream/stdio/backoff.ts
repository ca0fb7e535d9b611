/** How long to wait before a server that ends as soon as it is started is started again. */

const FIRST_WAIT_MS = 250
const WAIT_MS_MAX = 30_000

export class Backoff {
  #failures = 0
  #untilMs = 0

  /** A process ended before it was of use, or could not be started. */
  failed(nowMs: number): void {
    this.#untilMs = nowMs + Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** this.#failures)
    this.#failures += 1
  }

  /** A process was of use: the next failure is a first one again. */
  reset(): void {
    this.#failures = 0
    this.#untilMs = 0
  }

  /** Milliseconds until the next start may be tried; 0 when it may be now. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs)
  }
}
