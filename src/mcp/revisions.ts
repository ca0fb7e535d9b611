/** The protocol revisions of MCP and what they imply. */

/** The first stateless revision; every later one belongs to the same era. */
export const FIRST_MODERN_REVISION = '2026-07-28'

export const KNOWN_REVISIONS: readonly string[] = [
  '2024-11-05',
  '2025-03-26',
  '2025-06-18',
  '2025-11-25',
  FIRST_MODERN_REVISION,
]

/** Revisions are dates, so text order is time order. Anything that is no date is legacy. */
export function isModern(revision: string | undefined): boolean {
  return (
    revision !== undefined &&
    revision >= FIRST_MODERN_REVISION &&
    /^\d{4}-\d\d-\d\d$/.test(revision)
  )
}
