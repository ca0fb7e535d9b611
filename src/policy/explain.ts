/** Says of one operation which rules spoke, and which did not, for people who write policies. */

import type { Decision } from '../core/decision.ts'
import { matchesGlob } from '../core/glob.ts'
import type { Operation } from '../core/operation.ts'
import type { Principal } from '../core/principal.ts'
import type { Rule } from './compile.ts'
import type { Policy, ReadArguments } from './policy.ts'
import { allows, denies } from './rule.ts'
import { contextOf } from './upstream-rules.ts'

export interface Explanation {
  readonly decision: Decision
  readonly held: readonly string[]
  /** Roles that the token names and that are for other organisations. */
  readonly kept: readonly string[]
  /** Every rule of those roles, in the order of the configuration. */
  readonly rules: readonly ExplainedRule[]
}

export interface ExplainedRule {
  readonly role: string
  readonly effect: 'allow' | 'deny'
  readonly text: string
  /** `other_upstream` and `other_name`: it is not about this operation. */
  readonly match: 'matches' | 'other_upstream' | 'other_name'
  /** Undefined when it has no condition, or does not match. */
  readonly condition: { readonly text: string; readonly value: boolean | string } | undefined
}

export function explain(
  policy: Policy,
  principal: Principal | undefined,
  upstream: string,
  operation: Operation,
  readArguments: ReadArguments,
): Explanation {
  const { held, kept } = policy.rolesOf(principal)
  const explainRule = (rule: Rule): ExplainedRule => {
    const { role, effect, text, condition } = rule
    const match = matchOf(rule, upstream, operation)
    if (condition === undefined || match !== 'matches') {
      return { role, effect, text, match, condition: undefined }
    }
    const value = condition.holds(contextOf({ principal, upstream, operation, readArguments }))
    const shown = typeof value === 'boolean' ? value : value.error
    return { role, effect, text, match, condition: { text: condition.text, value: shown } }
  }
  return {
    decision: policy.decide(principal, upstream, operation, readArguments),
    held: held.map(({ name }) => name),
    kept: kept.map(({ name }) => name),
    rules: [...held, ...kept].flatMap((role) => [...role.deny, ...role.allow]).map(explainRule),
  }
}

function matchOf(rule: Rule, upstream: string, operation: Operation): ExplainedRule['match'] {
  if (!matchesGlob(rule.upstream, upstream)) return 'other_upstream'
  const matches = rule.effect === 'allow' ? allows(rule, operation) : denies(rule, operation)
  return matches ? 'matches' : 'other_name'
}
