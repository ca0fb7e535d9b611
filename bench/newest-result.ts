/** Results are named by their day and what they are of: `2026-11-30-gate.json`. */

import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'

const DIR = 'bench/results'

/** The newest recorded result of this kind, as a path from the root; undefined when there is none. */
export function newestResult(kind: string): string | undefined {
  const pattern = new RegExp(`^\\d{4}-\\d{2}-\\d{2}-${kind}\\.json$`)
  if (!existsSync(DIR)) return undefined
  const last = readdirSync(DIR)
    .filter((name) => pattern.test(name))
    .toSorted()
    .at(-1)
  return last === undefined ? undefined : path.posix.join(DIR, last)
}
