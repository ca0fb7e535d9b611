/**
 * What has been shown to one audience of an upstream's tools, and what of a new list is drift.
 *
 * Servers show different tools to different users, and sessions may switch sets of tools on and off, so
 * two lists that differ are no drift by themselves. The rule: everybody who claims the same identity is
 * one audience (all who claim none are one too); its first whole list is the baseline; drift is what it
 * has *never been shown before*: a new name, a new definition of a known name, or the first absence of a
 * tool that stood in every list since it came. So lists that alternate are told once and not again.
 */

import { TOOL_MEMBERS, TOOLS_MAX, type ToolDefinition, type ToolMember } from './tool-list.ts'

export type DriftKind = 'added' | 'removed' | 'changed'

export const DRIFT_KINDS: readonly DriftKind[] = ['added', 'removed', 'changed']

export interface Drift {
  readonly kind: DriftKind
  readonly tool: string
  /** Which members differ from what was shown last; empty for tools that came or went. */
  readonly members: readonly ToolMember[]
}

/** Definitions of one tool that are remembered; the one that came first is forgotten first. */
export const VARIANTS_MAX = 8

/** Names that are remembered per audience, those that are listed no more included. */
const NAMES_MAX = 2 * TOOLS_MAX

/** A tool in a list. */
export interface ListedTool {
  readonly tool: ToolDefinition
  /** The name may have stood in the same list before. */
  readonly again: boolean
}

interface KnownTool {
  readonly digests: Set<string>
  last: ToolDefinition
  /** What the same list said of it before `last`, when that was something else. */
  others: readonly ToolDefinition[]
  /** It stood in every list since it was first shown. */
  always: boolean
  /** It stood in the list that was shown last. */
  present: boolean
}

export class Audience {
  readonly #tools = new Map<string, KnownTool>()
  readonly #onFull: () => void
  #lists = 0

  constructor(onFull: () => void) {
    this.#onFull = onFull
  }

  /** The definitions in the list that it was shown last; a list may name a tool twice. */
  *definitions(): Iterable<ToolDefinition> {
    for (const { last, others, present } of this.#tools.values()) {
      if (!present) continue
      yield* others
      yield last
    }
  }

  /** One page of a list; returns what of it is drift. Nothing is before the first whole list. */
  page(tools: readonly ListedTool[]): readonly Drift[] {
    const drifts = tools.flatMap(({ tool, again }) => this.#learn(tool, again) ?? [])
    return this.#lists === 0 ? [] : drifts
  }

  /** A whole list has been shown, and these are all the names in it; returns what is missing. */
  complete(names: ReadonlySet<string>): readonly Drift[] {
    this.#lists += 1
    const drifts: Drift[] = []
    for (const [name, known] of this.#tools) {
      known.present = names.has(name)
      if (!known.always || names.has(name)) continue
      known.always = false
      drifts.push({ kind: 'removed', tool: name, members: [] })
    }
    return drifts
  }

  #learn(tool: ToolDefinition, again: boolean): Drift | undefined {
    const known = this.#tools.get(tool.name)
    if (known === undefined) {
      if (this.#tools.size >= NAMES_MAX) {
        // What cannot be remembered would be told with every list.
        this.#onFull()
        return undefined
      }
      const digests = new Set([tool.digest])
      this.#tools.set(tool.name, { digests, last: tool, others: [], always: true, present: true })
      return { kind: 'added', tool: tool.name, members: [] }
    }
    const members = changedMembers(known.last, tool)
    known.others = again ? withOther(known, tool) : []
    known.last = tool
    known.present = true
    if (known.digests.has(tool.digest)) return undefined
    const [oldest] = known.digests
    if (known.digests.size >= VARIANTS_MAX && oldest !== undefined) known.digests.delete(oldest)
    known.digests.add(tool.digest)
    return { kind: 'changed', tool: tool.name, members }
  }
}

/** All that the list has said of a tool before `next`, as far as it differs from that. */
function withOther({ others, last }: KnownTool, next: ToolDefinition): readonly ToolDefinition[] {
  const isNew = others.every(({ digest }) => digest !== last.digest)
  const all = isNew && others.length < VARIANTS_MAX ? [...others, last] : others
  return all.filter(({ digest }) => digest !== next.digest)
}

/** The members whose values differ, or that only one of them has. */
export function changedMembers(
  before: ToolDefinition,
  after: ToolDefinition,
): readonly ToolMember[] {
  return TOOL_MEMBERS.filter((member) => before.members.get(member) !== after.members.get(member))
}
