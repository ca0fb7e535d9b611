/** Removes segments that have been kept as long as they had to be. */

import type { AuditFs } from './audit-fs.ts'
import { checkpointPath, readFirst, segmentPath, segmentsIn } from './segment.ts'

/** Segments that may go, the oldest first. */
export interface Expired {
  readonly segments: readonly number[]
  /** Number of the last record in them. */
  readonly through: number
}

/** Most segments that go at a time: the files of each are looked at. */
const AT_A_TIME = 64

/**
 * Those whose last record is older than `beforeWallMs`, which the next segment's first record tells. Ends
 * at the first that is not; `open`, the one that is written to, never goes.
 */
export async function findExpired(
  fs: AuditFs,
  directory: string,
  open: number,
  beforeWallMs: number,
): Promise<Expired | undefined> {
  const numbers = segmentsIn(await fs.names(directory)).filter((number) => number <= open)
  const segments: number[] = []
  let through = 0
  for (const [index, number] of numbers.slice(0, AT_A_TIME).entries()) {
    const next = numbers[index + 1]
    if (number === open || next === undefined) break
    // oxlint-disable-next-line no-await-in-loop
    const first = await readFirst(segmentPath(directory, next))
    if (first === undefined || Date.parse(first.time) >= beforeWallMs) break
    segments.push(number)
    through = first.seq - 1
  }
  return segments.length === 0 ? undefined : { segments, through }
}

export async function removeSegments(
  fs: AuditFs,
  directory: string,
  segments: readonly number[],
): Promise<void> {
  for (const segment of segments) {
    // oxlint-disable-next-line no-await-in-loop
    await fs.remove(segmentPath(directory, segment))
    // oxlint-disable-next-line no-await-in-loop
    await fs.remove(checkpointPath(directory, segment)).catch(() => {})
  }
  await fs.syncDirectory(directory)
}
