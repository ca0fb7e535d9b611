/** A clock that stands still until a test moves it. */

import type { Clock } from '../../src/core/clock.ts'

export class FakeClock implements Clock {
  nowMs = 1_000_000

  wallMs(): number {
    return this.nowMs
  }

  monotonicMs(): number {
    return this.nowMs
  }

  advance(ms: number): void {
    this.nowMs += ms
  }
}
