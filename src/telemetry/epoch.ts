/** Turns monotonic instants into times since the epoch, finer than a millisecond. */

import type { HrTime } from '@opentelemetry/api'
import type { Clock } from '../core/clock.ts'

/** How far the wall clock may move against ours before we follow it (a step, or a suspended machine). */
const DRIFT_MS = 20

export class Epoch {
  readonly #clock: Clock
  #offsetMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#offsetMs = clock.wallMs() - clock.monotonicMs()
  }

  /**
   * What to add to monotonic milliseconds now. Take it once per span tree, so that a step of the
   * wall clock cannot put an end before its start.
   */
  offsetMs(): number {
    const offset = this.#clock.wallMs() - this.#clock.monotonicMs()
    if (Math.abs(offset - this.#offsetMs) > DRIFT_MS) this.#offsetMs = offset
    return this.#offsetMs
  }

  now(): HrTime {
    return toHrTime(this.offsetMs() + this.#clock.monotonicMs())
  }
}

export function toHrTime(epochMs: number): HrTime {
  const seconds = Math.floor(epochMs / 1000)
  const nanos = Math.round((epochMs - seconds * 1000) * 1e6)
  return nanos >= 1e9 ? [seconds + 1, 0] : [seconds, nanos]
}
