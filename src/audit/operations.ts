/** What is called, as it stands in records, with the rule for it: made once for each name. */

import type { Call } from '../core/exchange.ts'
import { whatOf } from './describe-call.ts'
import { bytesText, membersText } from './json-text.ts'
import type { AuditRule } from './levels.ts'

export interface Operation {
  readonly rule: AuditRule
  /** JSON members, each with a comma before it; a character for each byte. */
  readonly members: string
}

/** Operations that are remembered, and the longest name of one; names come from clients. */
const REMEMBERED_MAX = 1_024
const NAME_CHARS_MAX = 128

/** What is kept for calls without a tool; no method of another kind is an empty text. */
const NO_TOOL = ''

export class Operations {
  readonly #ruleOf: (upstream: string, tool: string | undefined) => AuditRule
  /** By upstream, method and tool. */
  #known = new Map<string, Map<string, Map<string, Operation>>>()
  #count = 0

  constructor(ruleOf: (upstream: string, tool: string | undefined) => AuditRule) {
    this.#ruleOf = ruleOf
  }

  of(call: Call): Operation {
    const { exchange, message } = call
    const { method, target, resourceUri } = message
    const tool = method === 'tools/call' ? target : undefined
    const found = this.#known
      .get(exchange.upstreamName)
      ?.get(method)
      ?.get(tool ?? NO_TOOL)
    if (found !== undefined && resourceUri === undefined && tool === target) return found
    const rule = this.#ruleOf(exchange.upstreamName, tool)
    const made = { rule, members: bytesText(membersText(whatOf(call))) }
    if (resourceUri === undefined && tool === target) this.#keep(call, made)
    return made
  }

  #keep({ exchange: { upstreamName }, message: { method, target } }: Call, made: Operation): void {
    // A tool without a name is recorded otherwise than one whose name is empty.
    if (target === NO_TOOL || (method === 'tools/call' && target === undefined)) return
    if (upstreamName.length + method.length + (target?.length ?? 0) > NAME_CHARS_MAX) return
    if (this.#count >= REMEMBERED_MAX) {
      this.#known = new Map()
      this.#count = 0
    }
    const methods = this.#known.get(upstreamName) ?? new Map<string, Map<string, Operation>>()
    const tools = methods.get(method) ?? new Map<string, Operation>()
    this.#known.set(upstreamName, methods.set(method, tools.set(target ?? NO_TOOL, made)))
    this.#count += 1
  }
}
