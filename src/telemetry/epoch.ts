/** Turns monotonic instants into times since the epoch, finer than a millisecond. */

import type { HrTime } from '@opentelemetry/api'
import type { Clock } from '../core/clock.ts'

/** How far the wall clock may move against ours before we follow it (a step, or a suspended machine). */
const DRIFT_MS = 20

/** How often the wall clock is looked at. */
const CHECK_INTERVAL_MS = 250

export class Epoch {
  readonly #clock: Clock
  #offsetMs: number
  #checkedMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#checkedMs = clock.monotonicMs()
    this.#offsetMs = clock.wallMs() - this.#checkedMs
  }

  /**
   * What to add to monotonic milliseconds; `nowMs` is monotonic. Take it once per span tree, so that a step of the
   * wall clock cannot put an end before its start.
   */
  offsetMs(nowMs: number): number {
    if (nowMs - this.#checkedMs < CHECK_INTERVAL_MS) return this.#offsetMs
    this.#checkedMs = nowMs
    const offset = this.#clock.wallMs() - this.#clock.monotonicMs()
    if (Math.abs(offset - this.#offsetMs) > DRIFT_MS) this.#offsetMs = offset
    return this.#offsetMs
  }

  now(): HrTime {
    const nowMs = this.#clock.monotonicMs()
    return toHrTime(this.offsetMs(nowMs) + nowMs)
  }
}

export function toHrTime(epochMs: number): HrTime {
  const seconds = Math.floor(epochMs / 1000)
  const nanos = Math.round((epochMs - seconds * 1000) * 1e6)
  return nanos >= 1e9 ? [seconds + 1, 0] : [seconds, nanos]
}
