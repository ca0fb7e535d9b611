/** What the spans of a call say of where it went, what it took and how it ended. */

import type { AttemptFacts, AttemptTarget } from '../core/observer.ts'
import { reasonOf, type Outcome } from '../core/outcome.ts'
import { redactMessage } from '../core/redact.ts'
import { UPSTREAM_HTTP_VERSION } from './describe-call.ts'
import { ATTR } from './names.ts'
import type { Span } from './span.ts'

export function setTarget(span: Span, { carrier, address, port }: AttemptTarget): void {
  if (carrier === 'pipe') return
  span.set(ATTR.networkProtocolVersion, UPSTREAM_HTTP_VERSION)
  if (address !== undefined) span.set(ATTR.serverAddress, address)
  if (port !== undefined) span.set(ATTR.serverPort, port)
}

/** What the attempt took, as far as it explains a slow call. */
export function setFacts(span: Span, attempt: AttemptFacts): void {
  const { queuedMs, connectMs, firstEventMs, startedMs } = attempt
  if (queuedMs > 0) span.set(ATTR.queueDuration, queuedMs / 1000)
  if (connectMs >= 0) span.set(ATTR.connectDuration, connectMs / 1000)
  if (firstEventMs > 0) span.set(ATTR.firstEventDuration, (firstEventMs - startedMs) / 1000)
  span.set(ATTR.requestSize, attempt.requestBytes)
  if (attempt.headMs > 0) span.set(ATTR.responseSize, attempt.responseBytes)
}

/** The outcome, and the end. `errorType` is that of the span's own side. */
export function endSpan(
  span: Span,
  outcome: Outcome,
  errorType: string | undefined,
  epochMs: number,
): void {
  span.set(ATTR.outcome, outcome.kind)
  const reason = reasonOf(outcome)
  if (reason !== undefined) span.set(ATTR.outcomeReason, reason)
  if (outcome.kind === 'rpc_error') span.set(ATTR.rpcStatusCode, String(outcome.code))
  if (errorType !== undefined) {
    span.set(ATTR.errorType, errorType)
    span.fail(outcome.kind === 'rpc_error' ? redactMessage(outcome.message) : undefined)
  }
  span.end(epochMs)
}
