/** What authorization said of calls, as it stands in records. */

import type { Decision } from '../core/decision.ts'
import type { Call } from '../core/exchange.ts'
import { decisionOf } from './describe-call.ts'
import { membersText } from './json-text.ts'

type Allowed = Extract<Decision, { kind: 'allow' }>

/** Rules whose text is remembered; there are as many as the configuration has. */
const REMEMBERED_MAX = 1_024

const NOTHING: Buffer = Buffer.alloc(0)

export class Decisions {
  /** The last decision by each rule that allows calls, and its text. */
  readonly #known = new Map<string, { readonly decision: Allowed; readonly text: Buffer }>()

  /** A JSON member with a comma before it; nothing when nobody was asked. */
  textOf(call: Call): Buffer {
    const { decision } = call
    if (decision === undefined) return NOTHING
    if (decision.kind !== 'allow') return bytesOf(call)
    const known = this.#known.get(decision.rule)
    if (known !== undefined && isSame(known.decision, decision)) return known.text
    const text = bytesOf(call)
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear()
    this.#known.set(decision.rule, { decision, text })
    return text
  }
}

function isSame(a: Allowed, b: Allowed): boolean {
  return a === b || (a.role === b.role && a.rule === b.rule && a.policy === b.policy)
}

function bytesOf(call: Call): Buffer {
  return Buffer.from(membersText({ decision: decisionOf(call) }))
}
