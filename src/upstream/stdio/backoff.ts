/** How long to wait before a server that keeps ending is started again. */

const FIRST_WAIT_MS = 250
const WAIT_MS_MAX = 30_000

/** A process that ran for so long was sound: its end is no reason to wait. */
export const SUSTAINED_UPTIME_MS = 10_000

export class Backoff {
  #failures = 0
  #untilMs = 0

  /** A process crashed, or could not be started (`uptimeMs` 0). */
  failed(uptimeMs: number, nowMs: number): void {
    if (uptimeMs >= SUSTAINED_UPTIME_MS) {
      this.#failures = 0
      return
    }
    this.#untilMs = nowMs + Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** this.#failures)
    this.#failures += 1
  }

  /** Milliseconds until the next start may be tried; 0 when it may be now. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs)
  }
}
