/**
 * What an upstream says on one reply besides answers: it may ask its client something. The answer comes
 * in another exchange of the session.
 */

import { sessionKeyOf, type Exchange } from '../core/exchange.ts'
import type { AttemptTarget, ServerAsk } from '../core/observer.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Ledger } from './ledger.ts'
import type { ServerRequests } from './server-requests.ts'
import type { SpeechSink } from './stages.ts'

export interface ReplySpeechParts {
  readonly exchange: Exchange
  readonly ledger: Ledger
  readonly upstream: { readonly target: AttemptTarget }
  readonly stages: { readonly serverRequests: ServerRequests }
}

export class ReplySpeech implements SpeechSink {
  readonly #parts: ReplySpeechParts
  /** True when the upstream has asked something here. */
  #asks = false

  constructor(parts: ReplySpeechParts) {
    this.#parts = parts
  }

  asked(ask: ServerAsk): void {
    const { exchange, ledger, stages, upstream } = this.#parts
    const sessionKey = sessionKeyOf(exchange)
    if (sessionKey === undefined) return
    this.#asks = true
    stages.serverRequests.begin(sessionKey, ask.id.key, this, (atMs) =>
      ledger.asked({ ...ask, exchange, target: upstream.target }, atMs),
    )
  }

  askTakenBack(idKey: string): void {
    const { exchange, stages } = this.#parts
    stages.serverRequests.takenBack(sessionKeyOf(exchange) ?? '', idKey)
  }

  /** The reply is over: what was asked on it, or in the session that has ended with it, is moot. */
  ended(outcome: Outcome): void {
    const { exchange, ledger, stages } = this.#parts
    const ends = exchange.kind === 'end_session' && outcome.kind === 'ok'
    if (ends || exchange.endpoint === 'sse_stream') {
      stages.serverRequests.endSession(sessionKeyOf(exchange) ?? '')
    } else if (this.#asks && exchange.kind !== 'stream' && !ledger.suspends) {
      stages.serverRequests.streamEnded(this)
    }
  }
}
