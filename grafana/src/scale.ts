/**
 * Durations of rules. A test that lives through an outage cannot wait for half an hour: from the same
 * source it makes rules whose windows and waits are all divided by one number.
 */

export interface Scale {
  /** A duration such as `5m`, as Prometheus writes it, divided. */
  time(duration: string): string
  /** The same in seconds. */
  seconds(duration: string): number
}

const UNITS_MS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
]

/** Rules as they are shipped. */
export const REAL_TIME: Scale = scaleBy(1)

export function scaleBy(divisor: number): Scale {
  const ms = (duration: string): number => Math.round(durationMs(duration) / divisor)
  return {
    time: (duration) => durationText(ms(duration)),
    seconds: (duration) => ms(duration) / 1000,
  }
}

/** Such as `30m`, in milliseconds. Another form is a mistake in the source, and thrown. */
export function durationMs(duration: string): number {
  const [, count = '', unit = ''] = /^(\d+)(d|h|ms|m|s)$/.exec(duration) ?? []
  const found = UNITS_MS.find(([name]) => name === unit)
  if (found === undefined) throw new Error(`${duration} is no duration`)
  return Number(count) * found[1]
}

/** In the largest unit that leaves no rest. */
export function durationText(ms: number): string {
  for (const [unit, size] of UNITS_MS) {
    if (ms % size === 0 && ms >= size) return `${ms / size}${unit}`
  }
  return '0s'
}
