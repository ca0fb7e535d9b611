/** Time, as the rest of the code sees it. Tests pass their own. */

export interface Clock {
  /** Milliseconds since the Unix epoch, for records that people and backends read. */
  wallMs(): number
  /** Milliseconds that only ever go forward, for durations, deadlines and order. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}
