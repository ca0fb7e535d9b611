/** What the head and the end of a reply say by themselves. */

import type { Outcome } from '../core/outcome.ts'

/** What the end of the only stream that answers come on means for the calls that wait for one. */
export function afterStream(outcome: Outcome): Outcome {
  return outcome.kind === 'ok' ? { kind: 'upstream_failed', reason: 'closed', sent: true } : outcome
}

/** What the status says of an exchange without calls, or whose body could not be read. */
export function outcomeOfStatus(status: number): Outcome {
  if (status >= 500) return { kind: 'upstream_failed', reason: 'http_5xx', sent: true, status }
  return status >= 300 ? { kind: 'upstream_status', status } : { kind: 'ok' }
}
