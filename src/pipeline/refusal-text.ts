/** The words of a refusal: for the model that called a tool, and for the developer of a client. */

import type { Rejection, UpstreamFailed, UpstreamFailure } from '../core/outcome.ts'
import type { RejectReason } from '../core/reject-reasons.ts'

export interface Refusal {
  readonly outcome: Rejection | UpstreamFailed
  readonly upstream: string
  readonly retryAfterMs: number | undefined
}

const FAILURE_TEXT: Readonly<Record<UpstreamFailure, string>> = {
  connect: 'cannot be reached',
  timeout: 'did not answer in time',
  reset: 'broke the connection before it answered',
  closed: 'closed the connection before it answered',
  http_5xx: 'failed internally',
  bad_message: 'sent something that is not a valid answer',
  process_exit: 'stopped before it answered',
}

/** What happened, whose fault it is not, and what to do next. */
export function messageFor(refusal: Refusal, reader: 'model' | 'developer'): string {
  const { outcome } = refusal
  if (outcome.kind === 'upstream_failed') return failureMessage(outcome, refusal, reader)
  const text = sentence(outcome.message)
  if (reader === 'developer') return text
  if (outcome.reason === 'forbidden_arguments') {
    return `The MCP server "${refusal.upstream}" was not called: ${text} Do not repeat the call with the same arguments. Go on without it, or tell the user what is not allowed.`
  }
  return `The MCP server "${refusal.upstream}" was not called: ${text} Your arguments are not at fault. ${next(refusal)}`
}

function failureMessage(
  outcome: UpstreamFailed,
  refusal: Refusal,
  reader: 'model' | 'developer',
): string {
  const what = `The MCP server "${refusal.upstream}" ${FAILURE_TEXT[outcome.reason]}.`
  if (reader === 'developer') return what
  return outcome.sent
    ? `${what} It is not known whether the tool ran: before you repeat a call that changes something, check with one that only reads. Your arguments are not at fault. ${next(refusal)}`
    : `${what} The tool did not run. Your arguments are not at fault. ${next(refusal)}`
}

/** Refusals that every call meets until their time is over. */
const PAUSED: ReadonlySet<RejectReason> = new Set(['breaker_open', 'throttled'])

function next(refusal: Refusal): string {
  if (refusal.retryAfterMs === undefined) {
    return 'Do not repeat the call: waiting does not help. Go on without this tool and tell the user.'
  }
  const seconds = Math.max(1, Math.ceil(refusal.retryAfterMs / 1000))
  if (refusal.outcome.kind === 'rejected' && PAUSED.has(refusal.outcome.reason)) {
    return `Do not call it before ${seconds} s have passed, with these or other arguments: it would be refused again. Go on with what does not need it, or tell the user; you may try once more after that.`
  }
  return `You may try once more in ${seconds} s; if that fails too, go on without this tool and tell the user.`
}

function sentence(text: string): string {
  const first = text.slice(0, 1).toUpperCase()
  return /[.!?]$/.test(text) ? first + text.slice(1) : `${first}${text.slice(1)}.`
}
