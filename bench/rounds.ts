/** Rounds of a run: in each, every target gets one window. */

/** Measures the entries in turns, in the rounds with these numbers. */
export async function measureRounds<T>(
  entries: readonly T[],
  rounds: readonly number[],
  measure: (entry: T, round: number) => Promise<void>,
): Promise<void> {
  for (const round of rounds) {
    for (const entry of rotated(entries, round)) await measure(entry, round)
  }
}

/** The rounds of each start of the targets: at least two, when there are as many. */
export function roundsOfStarts(rounds: number, starts: number): readonly (readonly number[])[] {
  const count = Math.max(1, Math.min(starts, Math.floor(rounds / 2)))
  const all = Array.from({ length: rounds }, (_, round) => round)
  return Array.from({ length: count }, (_, start) => all.filter((at) => at % count === start))
}

/** Each round starts with another target, so that no target always follows the same one. */
function rotated<T>(entries: readonly T[], round: number): readonly T[] {
  const start = entries.length === 0 ? 0 : round % entries.length
  return [...entries.slice(start), ...entries.slice(0, start)]
}
