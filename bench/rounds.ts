/** Rounds of a run: in each, every target gets one window. */

import type { Options } from './options.ts'

/** Two passes over the targets, so that what one leaves behind does not favour the next. */
const WARMUP_PASSES = 2

/** Warms the entries up, whose windows have the round -1, and measures them in turns. */
export async function measureRounds<T>(
  entries: readonly T[],
  { rounds, seconds, warmupSeconds }: Pick<Options, 'rounds' | 'seconds' | 'warmupSeconds'>,
  measure: (entry: T, round: number, seconds: number) => Promise<void>,
): Promise<void> {
  for (let pass = 0; pass < WARMUP_PASSES; pass += 1) {
    for (const entry of entries) await measure(entry, -1, warmupSeconds / WARMUP_PASSES)
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const entry of rotated(entries, round)) await measure(entry, round, seconds)
  }
}

/** Each round starts with another target, so that no target always follows the same one. */
function rotated<T>(entries: readonly T[], round: number): readonly T[] {
  const start = entries.length === 0 ? 0 : round % entries.length
  return [...entries.slice(start), ...entries.slice(0, start)]
}
