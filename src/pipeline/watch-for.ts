/** What watches the reply to an exchange. */

import type { Exchange } from '../core/exchange.ts'
import type { Outcome } from '../core/outcome.ts'
import type { CopyOwner } from './reply-copy.ts'
import type { DeliveryParts } from './delivery-parts.ts'
import type { ReplyWatch, SpeechSink, Stages } from './stages.ts'

/** Undefined when nothing of the reply is an answer. `owner` is told before each. */
export function watchFor(
  { exchange, stages, ledger }: DeliveryParts,
  head: Parameters<Stages['watchReply']>[0],
  speech: SpeechSink,
  owner: CopyOwner,
): ReplyWatch | undefined {
  if (exchange.kind === 'stream') {
    return stages.watchStream(head, stages.resumptions.on(exchange), speech)
  }
  if (exchange.calls.length === 0 || answersElsewhere(exchange, head.status)) return undefined
  return stages.watchReply(
    head,
    exchange.calls.map(({ message }) => message),
    (index, outcome, answered) => {
      owner.copyWatched()
      ledger.replied(index, outcome, answered)
    },
    ledger.wanted(),
    speech,
  )
}

/** HTTP+SSE: what the reply says is only that the message was taken. */
function answersElsewhere({ endpoint }: Exchange, status: number): boolean {
  return endpoint === 'sse_post' && status < 300
}

/** HTTP+SSE: the client was told that its message failed, so nothing is waited for on the stream. */
export function wasNotTaken(exchange: Exchange, status: number, outcome: Outcome): boolean {
  if (exchange.endpoint !== 'sse_post') return false
  return status >= 300 || (status === 0 && outcome.kind === 'upstream_failed')
}
