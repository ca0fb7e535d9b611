/** The wait for another attempt of a call that failed. */

import { headerOf } from '../core/exchange.ts'
import type { UpstreamFailed } from '../core/outcome.ts'
import type { DeliveryParts } from './delivery-parts.ts'
import type { ReplyTimes } from './reply-times.ts'
import { isSigned } from './signed.ts'

export class Retrying {
  readonly #parts: DeliveryParts
  #cancel: (() => void) | undefined

  constructor(parts: DeliveryParts) {
    this.#parts = parts
  }

  get waits(): boolean {
    return this.#cancel !== undefined
  }

  /** False when there is no other attempt; otherwise `again` follows, unless it is stopped. */
  begin(outcome: UpstreamFailed, times: ReplyTimes, again: (mayGo: boolean) => void): boolean {
    const { permit, ledger, exchange, upstream } = this.#parts
    const { attempt } = times
    if (attempt === undefined || !ledger.waits || !canRepeat(this.#parts, outcome.sent))
      return false
    const leftMs = times.leftMs(upstream.timeouts, exchange.readAtMs)
    this.#cancel = permit.retry({ outcome, number: ledger.attempts, leftMs }, (mayGo) => {
      this.#cancel = undefined
      again(mayGo)
    })
    if (this.#cancel === undefined) return false
    times.end()
    ledger.attemptFailed(outcome)
    return true
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}

/**
 * Whether the same bytes can be sent again: a session whose process has ended is over, the answers of
 * HTTP+SSE come elsewhere, and a proof that is for one use (DPoP, RFC 9449) is refused the second time
 * that it arrives.
 */
export function canRepeat({ exchange, upstream }: DeliveryParts, sent: boolean): boolean {
  if (exchange.kind !== 'message' || exchange.endpoint !== 'mcp') return false
  if (upstream.target.carrier !== 'tcp') return false
  return !sent || (!isSigned(exchange) && headerOf(exchange.headers, 'dpop') === undefined)
}
