/**
 * Bounds the values that clients can put into metric attributes.
 *
 * A tool's name becomes a label with the first answer that shows the tool to exist, so that names a
 * model made up do not use up the room; beyond the limit every new name counts as `_OTHER`.
 */

import type { Outcome, OutcomeKind } from '../core/outcome.ts'
import { OTHER } from './names.ts'

/** Names per upstream, of tools and of prompts alike. */
export const NAMES_MAX = 256

/** Longest name that becomes a label or part of a span's name. */
export const NAME_CHARS_MAX = 128

/** JSON-RPC codes by which servers say that they know no such name, or did not look at it. */
const SAYS_NOTHING: ReadonlySet<number> = new Set([
  -32700, -32600, -32601, -32602, -32020, -32021, -32022,
])

export class LabelGuard {
  readonly #names = new Map<string, Set<string>>()
  readonly #onFull: () => void

  constructor(onFull: () => void) {
    this.#onFull = onFull
  }

  /** The label for a name, given how the call about it ended. */
  admit(upstream: string, name: string, outcome: Outcome): string {
    let known = this.#names.get(upstream)
    if (known?.has(name) === true) return name
    if (!provesName(outcome) || !isPlain(name)) return OTHER
    if (known === undefined) {
      known = new Set()
      this.#names.set(upstream, known)
    }
    if (known.size >= NAMES_MAX) {
      this.#onFull()
      return OTHER
    }
    known.add(name)
    return name
  }
}

/** Endings that say nothing about whether the name exists. */
const PROVES_NOTHING: ReadonlySet<OutcomeKind> = new Set([
  'rejected',
  'upstream_status',
  'upstream_failed',
  'cancelled',
  'internal',
])

function provesName(outcome: Outcome): boolean {
  if (outcome.kind === 'rpc_error') return !SAYS_NOTHING.has(outcome.code)
  return !PROVES_NOTHING.has(outcome.kind)
}

/** Fit for a label and a span's name: short, and without control characters. */
export function isPlain(name: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return name.length > 0 && name.length <= NAME_CHARS_MAX && !/[\u0000-\u001f\u007f]/.test(name)
}
