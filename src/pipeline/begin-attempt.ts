/** Begins an attempt at an exchange: what goes out, with trace context of its own. */

import type { Outbound } from '../upstream/transport.ts'
import type { DeliveryParts } from './delivery-parts.ts'
import { isSigned } from './signed.ts'

export function beginAttempt(parts: DeliveryParts, longLived: boolean): Outbound {
  const { exchange, stages, upstream, ledger } = parts
  const { attempt, injections } = ledger.attemptStarted(upstream.target)
  const writesBody = upstream.propagate.meta && injections.length > 0 && !isSigned(exchange)
  const body = writesBody ? stages.spliceMeta(exchange.body, injections) : exchange.body
  attempt.requestBytes = body.length
  const injection = upstream.propagate.headers ? injections[0]?.injection : undefined
  return { exchange, injection, longLived, plain: parts.plain, body, attempt }
}
