/** Hears the reply to one request of a health check. */

import type { Message } from '../../core/message.ts'
import type { Outcome } from '../../core/outcome.ts'
import { findHeader } from '../../core/raw-headers.ts'
import type { ReplyWatch } from '../../mcp/reply-body.ts'
import { watchReply } from '../../mcp/reply-watch.ts'
import type { Flight, ReplySink, TransportFailure } from '../transport.ts'
import type { ProbeAnswer } from './probe-link.ts'

/** What is kept of an answer, to read the revision that a handshake agreed on. */
const KEPT_BYTES_MAX = 64 * 1024

/** More than this is no answer to a health check. */
const REPLY_BYTES_MAX = 16 * 1024 * 1024

/**
 * Sends with `send` and resolves with the reply; with a timeout when `signal` is aborted first. `message`
 * is undefined when no JSON-RPC answer is to come: for a notification, or a DELETE.
 */
export function hearProbe(
  message: Message | undefined,
  signal: AbortSignal,
  send: (sink: ReplySink) => Flight,
): Promise<ProbeReply> {
  return new Promise((resolve) => {
    const abort = (): void => sink.abort()
    const sink = new ProbeSink(message, (reply) => {
      signal.removeEventListener('abort', abort)
      resolve(reply)
    })
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort)
    sink.started(send(sink))
  })
}

/** The reply as far as it is of interest. */
export interface ProbeReply {
  readonly answer: ProbeAnswer
  readonly sessionId: string | undefined
  /** `protocolVersion` of the result of `initialize`. */
  readonly revision: string | undefined
}

class ProbeSink implements ReplySink {
  readonly #message: Message | undefined
  readonly #done: (reply: ProbeReply) => void
  #flight: Flight | undefined
  #watch: ReplyWatch | undefined
  #status = 0
  #sessionId: string | undefined
  #kept = ''
  #received = 0
  #answer: ProbeAnswer | undefined
  #told = false

  constructor(message: Message | undefined, done: (reply: ProbeReply) => void) {
    this.#message = message
    this.#done = done
  }

  /** To be called with what `send` returned, unless the reply has come already. */
  started(flight: Flight): void {
    this.#flight = flight
    if (this.#told) flight.abort()
  }

  /** Gives up. */
  abort(): void {
    if (!this.#told) this.#tell({ kind: 'failed', reason: 'timeout' })
  }

  head(status: number, _statusMessage: string, rawHeaders: readonly string[]): void {
    this.#status = status
    this.#sessionId = findHeader(rawHeaders, 'mcp-session-id')
    if (this.#message === undefined) return
    const head = { status, contentType: findHeader(rawHeaders, 'content-type') }
    this.#watch = watchReply(head, [this.#message], (_, outcome) => {
      this.#answer = answerOf(outcome)
    })
  }

  data(chunk: Buffer): boolean {
    if (this.#told) return true
    this.#received += chunk.length
    if (this.#received > REPLY_BYTES_MAX) {
      this.#tell({ kind: 'failed', reason: 'bad_message' })
      return true
    }
    if (this.#kept.length < KEPT_BYTES_MAX) this.#kept += chunk.toString('latin1')
    this.#watch?.write(chunk)
    // A stream may stay open after the answer.
    if (this.#answer !== undefined) this.#tell(this.#answer)
    return true
  }

  end(): void {
    this.#watch?.end()
    this.#tell(this.#answer ?? { kind: 'status', status: this.#status })
  }

  failed({ reason }: TransportFailure): void {
    this.#tell({ kind: 'failed', reason })
  }

  cancelled(): void {
    this.#tell({ kind: 'failed', reason: 'closed' })
  }

  #tell(answer: ProbeAnswer): void {
    if (this.#told) return
    this.#told = true
    this.#flight?.abort()
    // A member name inside a text is escaped and does not match.
    const revision = /"protocolVersion"\s*:\s*"(\d{4}-\d{2}-\d{2})"/.exec(this.#kept)?.[1]
    this.#done({ answer, sessionId: this.#sessionId, revision })
  }
}

function answerOf(outcome: Outcome | 'suspended'): ProbeAnswer {
  if (outcome === 'suspended') return { kind: 'failed', reason: 'closed' }
  if (outcome.kind === 'rpc_error') return { kind: 'rpc_error' }
  if (outcome.kind === 'upstream_status') return { kind: 'status', status: outcome.status }
  if (outcome.kind !== 'upstream_failed') return { kind: 'result' }
  const { status, reason } = outcome
  return status === undefined ? { kind: 'failed', reason } : { kind: 'status', status }
}
