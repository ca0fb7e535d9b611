/** What telemetry shows of decisions of the policy. */

import type { Decision } from '../core/decision.ts'
import type { Instruments } from './instruments.ts'
import { ATTR } from './names.ts'
import type { Span } from './span.ts'

/** `would_deny`: a dry run let it pass. */
export function policyOutcome(decision: Decision): 'allow' | 'deny' | 'would_deny' {
  if (decision.kind === 'allow') return 'allow'
  return decision.dryRun ? 'would_deny' : 'deny'
}

/** Counts a decision and shows it on the span of its call. */
export function showDecision(
  decision: Decision | undefined,
  upstream: string,
  span: Span,
  instruments: Instruments,
): void {
  if (decision === undefined) return
  const outcome = policyOutcome(decision)
  const reason = decision.kind === 'deny' ? decision.reason : ''
  instruments.policyDecisions.add([upstream, outcome, reason], 1)
  if (!span.recording) return
  span.set(ATTR.policyOutcome, outcome)
  if (reason !== '') span.set(ATTR.policyReason, reason)
  if (decision.role !== undefined) span.set(ATTR.policyRole, decision.role)
  if (decision.rule !== undefined) span.set(ATTR.policyRule, decision.rule)
}
