/** What the head and the end of a reply say by themselves. */

import { isEventStream } from '../core/content-type.ts'
import type { Exchange } from '../core/exchange.ts'
import type { StreamKind } from '../core/observer.ts'
import type { Outcome } from '../core/outcome.ts'

/** What the end of the only stream that answers come on means for the calls that wait for one. */
export function afterStream(outcome: Outcome): Outcome {
  return outcome.kind === 'ok' ? { kind: 'upstream_failed', reason: 'closed', sent: true } : outcome
}

/** What the status says of an exchange without calls, or whose body could not be read. */
export function outcomeOfStatus(status: number): Outcome {
  if (status >= 500) return { kind: 'upstream_failed', reason: 'http_5xx', sent: true, status }
  return status >= 300 ? { kind: 'upstream_status', status } : OK
}

const OK: Outcome = { kind: 'ok' }

/** What the reply is for, when it is an event stream or, on pipes, the lines of a program. */
export function streamKindOf(
  exchange: Exchange,
  status: number,
  contentType: string | undefined,
  longLived: boolean,
): StreamKind | undefined {
  if (status >= 300 || exchange.kind === 'other') return undefined
  if (exchange.endpoint === 'sse_stream') return 'sse'
  if (exchange.kind === 'stream') return 'session'
  if (!isEventStream(contentType)) return undefined
  return longLived ? 'subscription' : 'reply'
}

/** In a session a client may come back for an answer whose stream it lost. */
export function mayComeBack({ kind, sessionId, calls }: Exchange): boolean {
  if (kind !== 'message' || sessionId === undefined) return false
  return calls.every(({ message }) => !message.claimsModern)
}
