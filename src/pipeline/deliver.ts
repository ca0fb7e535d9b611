/**
 * Passes one reply through to the client, byte for byte, while a copy is watched. It ends once: with
 * its body, with the upstream's failure, or when the client leaves; the permit is held until then.
 */

import { sessionKeyOf, type Exchange } from '../core/exchange.ts'
import { logDefect } from '../core/log.ts'
import { findHeader } from '../core/raw-headers.ts'
import { DRAINING, type Outcome } from '../core/outcome.ts'
import type { Client } from '../core/reply.ts'
import type { Permit } from '../resilience/limiter.ts'
import type { Flight, ReplySink, TransportFailure } from '../upstream/transport.ts'
import type { Stoppable } from './in-flight.ts'
import type { Ledger } from './ledger.ts'
import { logUpstreamFailure } from './log-failure.ts'
import { answerInternal, answerRefusal } from './refuse.ts'
import { afterStream, outcomeOfStatus } from './reply-facts.ts'
import { ANSWERED_ON_STREAM, LEFT_BY_CLIENT } from './resumptions.ts'
import { isSigned } from './signed.ts'
import type { DecodeTee, ReplyWatch, Stages, Upstream } from './stages.ts'

export interface DeliveryParts {
  readonly exchange: Exchange
  readonly client: Client
  readonly stages: Stages
  readonly upstream: Upstream
  readonly permit: Permit
  readonly ledger: Ledger
}

const OK: Outcome = { kind: 'ok' }
const CANCELLED: Outcome = { kind: 'cancelled' }

/** A second try is made at most once, and only when nothing was sent. */
const ATTEMPTS_MAX = 2

export class Delivery implements ReplySink, Stoppable {
  inFlightIndex = -1
  readonly #parts: DeliveryParts
  #flight: Flight | undefined
  #attempt = 0
  #headSent = false
  #over = false
  #status = 0
  #watch: ReplyWatch | undefined
  #tee: DecodeTee | undefined
  #clientBehind = false
  #teeBehind = false

  constructor(parts: DeliveryParts) {
    this.#parts = parts
  }

  get longLived(): boolean {
    const { exchange, stages } = this.#parts
    // What is passed unread may be a stream for all we know.
    if (exchange.kind === 'stream' || exchange.endpoint === 'pass') return true
    return exchange.calls.some((call) => stages.isLongLived(call.message.method))
  }

  start(): void {
    const { client, stages, exchange, ledger } = this.#parts
    stages.inFlight.add(this)
    // HTTP+SSE: answers come on the session's stream, maybe before the reply to this request does.
    if (exchange.endpoint === 'sse_post') ledger.suspendRequests(ANSWERED_ON_STREAM)
    client.onGone(() => this.#clientGone())
    client.onDrain(() => {
      this.#clientBehind = false
      this.#resume()
    })
    try {
      this.#send()
    } catch (error) {
      logDefect(stages.log, 'A call could not be sent on', error)
      client.answer(answerInternal())
      this.#finish({ kind: 'internal' })
    }
  }

  #send(): void {
    const { exchange, stages, upstream, ledger } = this.#parts
    this.#attempt += 1
    const injections = ledger.attemptStarted(upstream.target, this.#attempt)
    const writesBody = upstream.propagate.meta && injections.length > 0 && !isSigned(exchange)
    this.#flight = upstream.transport.send(
      {
        exchange,
        injection: upstream.propagate.headers ? injections[0]?.injection : undefined,
        longLived: this.longLived,
        body: writesBody ? stages.spliceMeta(exchange.body, injections) : exchange.body,
      },
      this,
    )
  }

  head(status: number, statusMessage: string, rawHeaders: string[]): void {
    this.#status = status
    try {
      this.#parts.client.head(status, statusMessage, rawHeaders)
    } catch {
      // The upstream sent a head that cannot be sent on.
      this.#flight?.abort()
      this.failed({ reason: 'bad_message', sent: true, stale: false, detail: 'unsendable head' })
      return
    }
    this.#headSent = true
    this.#parts.upstream.replied(this.#parts.exchange, status, rawHeaders)
    try {
      this.#watchBody(status, rawHeaders)
    } catch (error) {
      this.#watchFailed(error)
    }
  }

  data(chunk: Buffer): boolean {
    if (!this.#parts.client.write(chunk)) this.#clientBehind = true
    if (this.#tee !== undefined) {
      if (!this.#tee.write(chunk)) this.#teeBehind = true
    } else this.#observe(chunk)
    return !this.#clientBehind && !this.#teeBehind
  }

  end(): void {
    this.#parts.client.end()
    if (this.#tee === undefined) {
      this.#observeEnd()
      this.#finish(outcomeOfStatus(this.#status))
      return
    }
    this.#tee.end((readable) => {
      if (readable) this.#observeEnd()
      this.#finish(outcomeOfStatus(this.#status))
    })
  }

  failed(failure: TransportFailure): void {
    if (this.#over) return
    const { exchange, client, ledger, stages } = this.#parts
    const outcome: Outcome = {
      kind: 'upstream_failed',
      reason: failure.reason,
      sent: failure.sent,
    }
    if (!this.#headSent && failure.stale && !failure.sent && this.#attempt < ATTEMPTS_MAX) {
      ledger.attemptFailed(outcome)
      this.#send()
      return
    }
    logUpstreamFailure(stages.log, exchange, failure)
    this.#tee?.drop()
    if (this.#headSent) client.abort()
    else client.answer(answerRefusal(exchange, outcome, stages.rejections))
    this.#finish(outcome)
  }

  cancelled(): void {
    if (this.#over) return
    const { client } = this.#parts
    this.#tee?.drop()
    if (!this.#headSent) client.head(202, 'Accepted', ['Content-Length', '0'])
    if (this.#clientBehind) client.abort()
    else client.end()
    this.#finish(CANCELLED)
  }

  stop(): void {
    const { client, exchange, stages } = this.#parts
    this.#flight?.abort()
    this.#tee?.drop()
    if (this.#headSent) {
      client.end()
      this.#finish(OK)
      return
    }
    client.answer(answerRefusal(exchange, DRAINING, stages.rejections))
    this.#finish(DRAINING)
  }

  abort(): void {
    this.#flight?.abort()
    this.#tee?.drop()
    this.#parts.client.abort()
    this.#finish({ kind: 'internal' })
  }

  cancelCall(sessionKey: string, idKey: string): void {
    const { exchange, ledger } = this.#parts
    if (sessionKeyOf(exchange) !== sessionKey) return
    const index = exchange.calls.findIndex(
      ({ message }) => message.kind === 'request' && message.id?.key === idKey,
    )
    if (index >= 0) ledger.endCall(index, CANCELLED)
  }

  #watchBody(status: number, rawHeaders: readonly string[]): void {
    const { exchange, stages, ledger } = this.#parts
    const head = { status, contentType: findHeader(rawHeaders, 'content-type') }
    if (exchange.kind === 'stream') {
      const { resumptions } = stages
      // Only where answers may come: a stream for notifications is not worth reading.
      if (exchange.endpoint !== 'sse_stream' && !resumptions.waitsFor(exchange)) return
      this.#watch = stages.watchStream(head, resumptions.on(exchange))
    } else {
      if (exchange.calls.length === 0 || this.#answersElsewhere) return
      this.#watch = stages.watchReply(
        head,
        exchange.calls.map(({ message }) => message),
        (index, outcome, answered) => ledger.replied(index, outcome, answered),
        ledger.wanted(),
      )
    }
    this.#decode(findHeader(rawHeaders, 'content-encoding'))
  }

  /** HTTP+SSE: what the reply says is only that the message was taken. */
  get #answersElsewhere(): boolean {
    return this.#parts.exchange.endpoint === 'sse_post' && this.#status < 300
  }

  #decode(contentEncoding: string | undefined): void {
    const tee = this.#parts.stages.decodeTee(contentEncoding, (chunk) => this.#observe(chunk))
    if (tee === 'unreadable') this.#watch = undefined
    else if (tee !== undefined) {
      this.#tee = tee
      tee.onDrain(() => {
        this.#teeBehind = false
        this.#resume()
      })
    }
  }

  /** A defect in watching must not harm the reply that is watched. */
  #observe(chunk: Buffer): void {
    try {
      this.#watch?.write(chunk)
    } catch (error) {
      this.#watchFailed(error)
    }
  }

  #observeEnd(): void {
    try {
      this.#watch?.end()
    } catch (error) {
      this.#watchFailed(error)
    }
  }

  #watchFailed(error: unknown): void {
    this.#watch?.drop()
    this.#watch = undefined
    this.#tee?.drop()
    this.#tee = undefined
    logDefect(this.#parts.stages.log, 'A reply could not be watched', error)
  }

  #resume(): void {
    if (!this.#clientBehind && !this.#teeBehind && !this.#over) this.#flight?.resume()
  }

  #clientGone(): void {
    if (this.#over) return
    this.#flight?.abort()
    this.#tee?.drop()
    if (this.#watch?.resumable === true) this.#suspendOpenCalls()
    this.#finish(CANCELLED)
  }

  /** In a session a client may come back for an answer whose stream it lost. */
  #suspendOpenCalls(): void {
    const { exchange, ledger } = this.#parts
    if (exchange.kind !== 'message' || exchange.sessionId === undefined) return
    if (exchange.calls.every(({ message }) => !message.claimsModern)) {
      ledger.suspendRequests(LEFT_BY_CLIENT)
    }
  }

  #finish(outcome: Outcome): void {
    if (this.#over) return
    this.#over = true
    const { ledger, permit, stages, exchange } = this.#parts
    stages.inFlight.remove(this)
    this.#watch?.drop()
    try {
      if (exchange.endpoint === 'sse_post' && !this.#answersElsewhere) ledger.unsuspendAll()
      ledger.endAll(outcome)
      if (exchange.endpoint === 'sse_stream') {
        stages.resumptions.endSession(sessionKeyOf(exchange) ?? '', afterStream(outcome))
      }
    } finally {
      permit.settle(ledger.outcome(outcome))
    }
  }
}
