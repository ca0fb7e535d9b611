/** What the gate makes of its ratios: a median, how sure it is of it, and the verdict. */

export interface Estimate {
  readonly median: number
  /** The true median lies between these with a probability of at least nine in ten. */
  readonly low: number
  readonly high: number
}

export type Verdict = 'pass' | 'fail' | 'unclear'

const CONFIDENCE = 0.9

/** Fewer say nothing of how far they scatter. */
export const RATIOS_MIN = 5

/**
 * The bounds are two of the ratios themselves, counted from both ends of their order: how often the
 * true median lies outside of them is a matter of tossing coins, whatever the noise looks like.
 * Undefined for fewer than `RATIOS_MIN` ratios.
 */
export function estimate(ratios: readonly number[]): Estimate | undefined {
  if (ratios.length < RATIOS_MIN) return undefined
  const sorted = ratios.toSorted((a, b) => a - b)
  const at = (index: number): number => sorted[index] ?? 0
  const skipped = skippedAtEachEnd(sorted.length)
  const last = sorted.length - 1
  return {
    median: (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2,
    low: at(skipped),
    high: at(last - skipped),
  }
}

/** One pair of processes, measured in turns. */
export interface PairFigures {
  /** CPU per call of Sidelight in relation to the raw pipe's. */
  readonly ratio: number
  /** Cores that other programs kept busy meanwhile. */
  readonly foreignCores: number
}

/** More than that of a core for others makes caches cold, which costs the larger program more. */
export const FOREIGN_CORES_MAX = 0.25

/**
 * Others on the machine make the ratio worse and never better. So all pairs can show that it is within the
 * limit, and only those that were left alone that it is not. Everything else is unclear, and no failure: a
 * machine that is too noisy to tell is no regression.
 */
export function judge(pairs: readonly PairFigures[], limit: number): Verdict {
  const all = estimate(pairs.map(({ ratio }) => ratio))
  if (all !== undefined && all.high <= limit) return 'pass'
  const alone = pairs.filter(({ foreignCores }) => foreignCores <= FOREIGN_CORES_MAX)
  const certain = estimate(alone.map(({ ratio }) => ratio))
  if (certain === undefined) return 'unclear'
  if (certain.high <= limit) return 'pass'
  return certain.low > limit ? 'fail' : 'unclear'
}

/** How many may be left out at each end so that the rest still holds the median with `CONFIDENCE`. */
function skippedAtEachEnd(count: number): number {
  let ways = 1
  let outside = 1
  let skipped = 0
  for (;;) {
    // Ways in which at most `skipped + 1` of `count` lie on one side, of 2^count in all.
    ways = (ways * (count - skipped)) / (skipped + 1)
    outside += ways
    if (1 - (2 * outside) / 2 ** count < CONFIDENCE) return skipped
    skipped += 1
  }
}
