/** How long an upstream may take, and what is done when it takes longer. */

import type { Exchange } from '../core/exchange.ts'
import { newAttempt } from '../core/observer.ts'
import type { UpstreamFailed } from '../core/outcome.ts'
import type { ReplySink } from '../upstream/transport.ts'
import { answerRefusal } from './refuse.ts'
import type { Upstream } from './stages.ts'

/** Limits on a call, in milliseconds; `Infinity` for none. */
export interface Timeouts {
  /** From the call's arrival, or from its last progress, to the end of its answer. */
  readonly callMs: number
  /** The same, whatever progress there is. */
  readonly callMaxMs: number
  /** From the attempt's start to the reply's head. */
  readonly firstByteMs: number
  /** Between two pieces of the reply. */
  readonly idleMs: number
}

/** Instants of a call, in monotonic milliseconds; 0 for what has not come. */
export interface Progress {
  readonly beganMs: number
  readonly attemptMs: number
  /** The last event that came before the answer. */
  readonly movedMs: number
  /** The last piece of the reply. */
  readonly heardMs: number
}

/** True when one of the limits has been passed. */
export function isLate(limits: Timeouts, call: Progress, nowMs: number): boolean {
  const { beganMs, attemptMs, movedMs, heardMs } = call
  if (nowMs - Math.max(beganMs, movedMs) >= limits.callMs) return true
  if (nowMs - beganMs >= limits.callMaxMs) return true
  return heardMs === 0 ? nowMs - attemptMs >= limits.firstByteMs : nowMs - heardMs >= limits.idleMs
}

/** How long a notification of ours may take. */
const NOTICE_MS = 5_000

/**
 * Tells an upstream of the session era that nobody waits for these calls any more. There a connection
 * that closes cancels nothing (2025-11-25 "Cancellation"); later it does. `initialize` must not be
 * cancelled.
 */
export function takeBackCalls(exchange: Exchange, upstream: Upstream, nowMs: number): void {
  if (exchange.sessionId === undefined) return
  for (const { message, outcome } of exchange.calls) {
    const { id, claimsModern, method } = message
    if (id === undefined || outcome !== undefined || claimsModern) continue
    if (message.kind !== 'request' || method === 'initialize') continue
    const params = `{"requestId":${id.raw},"reason":"The call took too long."}`
    const body = Buffer.from(
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`,
    )
    const flight = upstream.transport.send(
      {
        exchange: { ...exchange, body, calls: [], batch: false },
        injection: undefined,
        // It must not wait behind the calls that it makes room for.
        longLived: true,
        body,
        attempt: newAttempt(1, nowMs),
      },
      NOBODY,
    )
    setTimeout(() => flight.abort(), NOTICE_MS).unref()
  }
}

const NOBODY: ReplySink = {
  head: () => {},
  data: () => true,
  end: () => {},
  failed: () => {},
  cancelled: () => {},
}

/** The answer as the last event of a stream that has begun already. */
export function lastEvent(exchange: Exchange, outcome: UpstreamFailed): Buffer {
  return Buffer.from(`event: message\ndata: ${answerRefusal(exchange, outcome, 'mcp').body}\n\n`)
}

/** Names the stream that a result ends: the id of the request that opened it (2026-07-28). */
const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId'

/**
 * What a server says that ends a subscription in good order: the empty result of the request that opened
 * it (2026-07-28 "Subscriptions"). Without it the client takes the end for a lost connection.
 */
export function endOfSubscription({ calls }: Exchange): Buffer {
  const events = calls.flatMap(({ message: { id } }) => {
    if (id === undefined) return []
    const result = `{"resultType":"complete","_meta":{"${SUBSCRIPTION_ID}":${id.raw}}}`
    return `event: message\ndata: {"jsonrpc":"2.0","id":${id.raw},"result":${result}}\n\n`
  })
  return Buffer.from(events.join(''))
}
