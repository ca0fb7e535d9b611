/** Whether something grows: the slope of samples that scatter. */

export interface Sample {
  readonly seconds: number
  readonly rssMb: number
  /** Heap, null where nothing was collected before. */
  readonly liveMb: number | null
  /** Outside of the heap, likewise. */
  readonly buffersMb: number | null
}

interface Point {
  readonly seconds: number
  readonly mb: number
}

export interface Trend {
  /** Medians of the first and the last third of what came after the warm-up. */
  readonly firstMb: number
  readonly lastMb: number
  readonly mostMb: number
  /** Median of the slopes between all pairs of samples (Theil and Sen): a few that are far off do not count. */
  readonly slopeMbPerHour: number
}

/** Share of the time in which caches fill and code is optimised. */
const WARM_UP = 0.3

export function trendOf(points: readonly Point[]): Trend {
  const end = points.at(-1)?.seconds ?? 0
  const after = points.filter(({ seconds }) => seconds >= end * WARM_UP)
  const third = Math.max(1, Math.floor(after.length / 3))
  const slopes = after.flatMap((one, at) =>
    after.slice(at + 1).map((other) => (other.mb - one.mb) / (other.seconds - one.seconds)),
  )
  return {
    firstMb: medianOf(after.slice(0, third).map(({ mb }) => mb)),
    lastMb: medianOf(after.slice(-third).map(({ mb }) => mb)),
    mostMb: Math.max(...after.map(({ mb }) => mb)),
    slopeMbPerHour: Number((medianOf(slopes) * 3_600).toFixed(1)),
  }
}

/** 0 of nothing. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const last = sorted.length - 1
  const median = ((sorted[Math.floor(last / 2)] ?? 0) + (sorted[Math.ceil(last / 2)] ?? 0)) / 2
  return Number(median.toFixed(2))
}
