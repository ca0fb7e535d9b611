/** Rounds of a run: in each, every target gets one window. */

/** Measures the entries in turns. */
export async function measureRounds<T>(
  entries: readonly T[],
  rounds: number,
  measure: (entry: T, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    for (const entry of rotated(entries, round)) await measure(entry, round)
  }
}

/** Each round starts with another target, so that no target always follows the same one. */
function rotated<T>(entries: readonly T[], round: number): readonly T[] {
  const start = entries.length === 0 ? 0 : round % entries.length
  return [...entries.slice(start), ...entries.slice(0, start)]
}
