/**
 * Bounds the values that clients can put into metric attributes.
 *
 * A tool's name becomes a label when its upstream lists it, or with the first answer that shows the tool
 * to exist, so that names a model made up do not use up the room; beyond the limit every new name counts
 * as `_OTHER`.
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

/**
 * Names that only ever failed, per upstream. Some servers answer a call of a tool that they do not
 * have as a failed tool, or with a code of their own, so a failure proves little; but a tool that always fails should be seen.
 */
export const DOUBTFUL_NAMES_MAX = 32

/** JSON-RPC error codes per upstream that become labels. */
export const CODES_MAX = 32

export class LabelGuard {
  readonly #names = new Map<string, Set<string>>()
  readonly #doubtful = new Map<string, Set<string>>()
  readonly #codes = new Map<string, Set<string>>()
  readonly #onFull: () => void

  constructor(onFull: () => void) {
    this.#onFull = onFull
  }

  /** The upstream lists a tool or prompt of this name, so there is one. */
  learn(upstream: string, name: string): void {
    if (this.#names.get(upstream)?.has(name) === true || !isPlain(name)) return
    this.#add(this.#names, upstream, name, NAMES_MAX)
  }

  /** The label for a name, given how the call about it ended. */
  admit(upstream: string, name: string, outcome: Outcome): string {
    if (this.#names.get(upstream)?.has(name) === true) return name
    const fails = outcome.kind === 'tool_error' || outcome.kind === 'rpc_error'
    if (!provesName(outcome) || !isPlain(name)) return OTHER
    if (fails && this.#doubtful.get(upstream)?.has(name) === true) return name
    return fails
      ? this.#add(this.#doubtful, upstream, name, DOUBTFUL_NAMES_MAX)
      : this.#add(this.#names, upstream, name, NAMES_MAX)
  }

  /** The label for a JSON-RPC error code that an upstream answered with. */
  admitCode(upstream: string, code: string): string {
    return this.#codes.get(upstream)?.has(code) === true
      ? code
      : this.#add(this.#codes, upstream, code, CODES_MAX)
  }

  #add(table: Map<string, Set<string>>, upstream: string, value: string, max: number): string {
    let known = table.get(upstream)
    if (known === undefined) {
      known = new Set()
      table.set(upstream, known)
    }
    if (known.size >= max) {
      this.#onFull()
      return OTHER
    }
    known.add(value)
    return value
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

/** Fit for a label and a span's name: short, well formed, and without invisible characters. */
export function isPlain(name: string): boolean {
  return (
    name.length > 0 &&
    name.length <= NAME_CHARS_MAX &&
    name.isWellFormed() &&
    !/[\p{C}\u2028\u2029]/u.test(name)
  )
}
