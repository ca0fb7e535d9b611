/** By how much a count has grown lately. */

/** Samples that are kept; they lie a part of the window apart. */
const SAMPLES = 60

export class Increase {
  /** Oldest first. */
  readonly #samples: { readonly atMs: number; readonly total: number }[] = []

  /**
   * The growth over the window, given the count now. Counts begin at 0, so what there is at the first look has
   * come since the start.
   */
  over(windowMs: number, total: number, nowMs: number): number {
    const samples = this.#samples
    if (samples.length === 0) samples.push({ atMs: nowMs, total: 0 })
    while ((samples[1]?.atMs ?? nowMs) <= nowMs - windowMs && samples.length > 1) samples.shift()
    const last = samples.at(-1)
    if (last === undefined || nowMs - last.atMs >= windowMs / SAMPLES) {
      samples.push({ atMs: nowMs, total })
    }
    return Math.max(0, total - (samples[0]?.total ?? 0))
  }
}
