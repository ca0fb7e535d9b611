/** What telemetry shows of decisions of the policy. */

import type { Decision } from '../core/decision.ts'
import { ATTR } from './names.ts'
import type { Span } from './span.ts'

/** `would_deny`: a dry run let it pass. */
export function policyOutcome(decision: Decision): 'allow' | 'deny' | 'would_deny' {
  if (decision.kind === 'allow') return 'allow'
  return decision.dryRun ? 'would_deny' : 'deny'
}

/** Shows a decision on the span of its call. */
export function showDecision(decision: Decision, span: Span): void {
  span.set(ATTR.policyOutcome, policyOutcome(decision))
  if (decision.kind === 'deny') span.set(ATTR.policyReason, decision.reason)
  if (decision.role !== undefined) span.set(ATTR.policyRole, decision.role)
  if (decision.rule !== undefined) span.set(ATTR.policyRule, decision.rule)
}
