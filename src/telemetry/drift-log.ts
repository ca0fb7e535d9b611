/** The last changes of tools, for people who look later. */

import type { Drift, DriftKind } from './catalogue-drift.ts'

export interface DriftEntry {
  /** Milliseconds since the epoch. */
  readonly atMs: number
  readonly upstream: string
  /** Cut to 128 characters. */
  readonly tool: string
  readonly kind: DriftKind
  /** Which members of the definition changed. */
  readonly members: readonly string[]
  /** True when it differs from its pin. */
  readonly pinned: boolean
}

const ENTRIES_MAX = 100
const NAME_CHARS_MAX = 128

export class DriftLog {
  readonly #wallMs: () => number
  readonly #entries: DriftEntry[] = []

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs
  }

  add(upstream: string, { kind, tool, members }: Drift, pinned: boolean): void {
    if (this.#entries.length === ENTRIES_MAX) this.#entries.shift()
    const name = tool.slice(0, NAME_CHARS_MAX)
    this.#entries.push({ atMs: this.#wallMs(), upstream, tool: name, kind, members, pinned })
  }

  /** Newest first. */
  entries(): readonly DriftEntry[] {
    return this.#entries.toReversed()
  }
}
