/** What authorization said of calls, as it stands in records. */

import type { Decision } from '../core/decision.ts'
import type { Call } from '../core/exchange.ts'
import { decisionOf } from './describe-call.ts'
import { bytesText, membersText } from './json-text.ts'

type Allowed = Extract<Decision, { kind: 'allow' }>

/** Rules whose text is remembered; there are as many as the configuration has. */
const REMEMBERED_MAX = 1_024

export class Decisions {
  /** The last decision by each rule that allows calls, and its text. */
  readonly #known = new Map<string, { readonly decision: Allowed; readonly text: string }>()

  /** A JSON member with a comma before it, a character for each byte; nothing when nobody was asked. */
  textOf(call: Call): string {
    const { decision } = call
    if (decision === undefined) return ''
    if (decision.kind !== 'allow') return textOf(call)
    const known = this.#known.get(decision.rule)
    if (known !== undefined && isSame(known.decision, decision)) return known.text
    const text = textOf(call)
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear()
    this.#known.set(decision.rule, { decision, text })
    return text
  }
}

function isSame(a: Allowed, b: Allowed): boolean {
  return a === b || (a.role === b.role && a.rule === b.rule && a.policy === b.policy)
}

function textOf(call: Call): string {
  return bytesText(membersText({ decision: decisionOf(call) }))
}
