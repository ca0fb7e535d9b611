/** How much is recorded of whose calls, and whether they wait for it. */

import { matchesGlob } from '../core/glob.ts'

export type AuditLevel =
  /** Refusals by the policy alone. */
  | 'none'
  /** Who, what, when, how it ended; arguments as a keyed hash. */
  | 'metadata'
  /** The arguments too, without what looks like a secret. */
  | 'request'
  /** And the result. */
  | 'request_response'

/** `strict`: a call goes out only when the record of it is on the disk. */
export type AuditMode = 'batch' | 'strict'

export interface AuditRule {
  readonly level: AuditLevel
  readonly mode: AuditMode
}

export interface AuditRuleEntry {
  readonly level?: AuditLevel | undefined
  readonly mode?: AuditMode | undefined
  /** Names, with `*` for any number of characters. */
  readonly upstream: string
  readonly tool: string
}

/** Rules that are remembered by upstream and tool, whose names come from clients. */
const REMEMBERED_MAX = 1_024

/** The rule for calls of a tool, or of no tool; the first entry that fits counts. */
export function createAuditRules(
  entries: readonly AuditRuleEntry[],
  otherwise: AuditRule,
): (upstream: string, tool: string | undefined) => AuditRule {
  const remembered = new Map<string, AuditRule>()
  return (upstream, tool = '') => {
    const key = `${upstream.length} ${upstream}${tool}`
    const known = remembered.get(key)
    if (known !== undefined) return known
    const found = entries.find(
      (entry) => matchesGlob(entry.upstream, upstream) && matchesGlob(entry.tool, tool),
    )
    const rule = { level: found?.level ?? otherwise.level, mode: found?.mode ?? otherwise.mode }
    if (remembered.size >= REMEMBERED_MAX) remembered.clear()
    remembered.set(key, rule)
    return rule
  }
}
