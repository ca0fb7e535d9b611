/**
 * Passes one reply through to the client, byte for byte, while a copy is watched. It ends once: with
 * its body, with the upstream's failure, or when the client leaves; the permit is held until then.
 */

import { sessionKeyOf } from '../core/exchange.ts'
import { logDefect } from '../core/log.ts'
import { findHeader } from '../core/raw-headers.ts'
import { DRAINING, type Outcome, type UpstreamFailed } from '../core/outcome.ts'
import type { Flight, ReplySink, TransportFailure } from '../upstream/transport.ts'
import { endOfSubscription, lastEvent, takeBackCalls } from './deadline.ts'
import { staysOpen, type DeliveryParts } from './delivery-parts.ts'
import type { Stoppable } from './in-flight.ts'
import { beginAttempt } from './begin-attempt.ts'
import { logUpstreamFailure } from './log-failure.ts'
import { mayRace, Race } from './race.ts'
import { answerInternal, answerRefusal } from './refuse.ts'
import { ReplyCopy, type CopyOwner } from './reply-copy.ts'
import { afterStream, mayComeBack, outcomeOfStatus, streamKindOf } from './reply-facts.ts'
import { ReplySpeech } from './reply-speech.ts'
import { ReplyTimes } from './reply-times.ts'
import { ANSWERED_ON_STREAM, LEFT_BY_CLIENT } from './resumptions.ts'
import { Retrying } from './retrying.ts'
import { wasNotTaken, watchFor } from './watch-for.ts'

const CANCELLED: Outcome = { kind: 'cancelled' }

/** What a connection lost before it was sent is sent again at once, but only once. */
const SENDS_MAX = 2

export class Delivery implements ReplySink, Stoppable, CopyOwner {
  inFlightIndex = -1
  readonly longLived: boolean
  readonly #parts: DeliveryParts
  #flight: Flight | undefined
  readonly #times: ReplyTimes
  #headSent = false
  /** An attempt may have reached the upstream, whatever becomes of later ones. */
  #sent = false
  /** Made when an attempt has failed. */
  #retrying: Retrying | undefined
  #over = false
  #status = 0
  readonly #copy: ReplyCopy
  #clientBehind = false
  readonly #speech: ReplySpeech

  constructor(parts: DeliveryParts) {
    this.#parts = parts
    this.longLived = staysOpen(parts)
    this.#times = new ReplyTimes(parts.stages.clock)
    this.#speech = new ReplySpeech(parts)
    this.#copy = new ReplyCopy(parts.stages, this)
  }

  get upstreamName(): string {
    return this.#parts.upstream.name
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
    this.#send()
  }

  #send(): void {
    const { client, stages } = this.#parts
    try {
      this.#attempt()
    } catch (error) {
      logDefect(stages.log, 'A call could not be sent on', error)
      client.answer(answerInternal())
      this.#finish({ kind: 'internal' })
    }
  }

  #attempt(): void {
    const outbound = beginAttempt(this.#parts, this.longLived)
    this.#times.begin(outbound.attempt)
    this.#flight = mayRace(this.#parts, outbound)
      ? new Race(this.#parts, this.#times, this).start(outbound)
      : this.#parts.upstream.transport.send(outbound, this)
  }

  head(status: number, statusMessage: string, rawHeaders: readonly string[]): void {
    this.#status = status
    this.#times.head()
    this.#parts.permit.head(status, rawHeaders)
    if (status >= 502 && status <= 504 && this.#retriesStatus(status)) return
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
      this.#copy.failed(error)
    }
    this.#times.handedOn()
  }

  data(chunk: Buffer): boolean {
    this.#times.bytes(chunk.length)
    if (!this.#parts.client.write(chunk)) this.#clientBehind = true
    this.#copy.write(chunk)
    this.#giveBack()
    this.#times.handedOn()
    return !this.#clientBehind && !this.#copy.behind
  }

  end(): void {
    this.#times.comes()
    this.#parts.client.end()
    this.#copy.end()
    this.#times.handedOn()
  }

  failed(failure: TransportFailure): void {
    if (this.#over) return
    const { reason, sent, stale } = failure
    this.#sent ||= sent
    const outcome: UpstreamFailed = { kind: 'upstream_failed', reason, sent: this.#sent }
    if (stale && !sent && this.#mayResend) {
      this.#parts.ledger.attemptFailed(outcome)
      this.#send()
    } else if (!this.#retries(outcome, failure)) this.#fail(outcome, failure)
  }

  tick(nowMs: number): void {
    const { exchange, upstream, ledger } = this.#parts
    if (this.#times.attempt === undefined || this.longLived || this.#waits) return
    // What a server still says after the answer is not the call's time.
    if (this.#headSent && !ledger.mayHang) return
    if (!this.#times.isLate(upstream.timeouts, exchange.readAtMs, nowMs)) return
    this.#flight?.abort('late')
    const sent = this.#sent || this.#times.handed
    if (sent) takeBackCalls(exchange, upstream, nowMs)
    // Nobody reads it, or nobody wants it any more, which is no fault of the upstream.
    if (this.#clientBehind || ledger.takenBack) return this.cancelled()
    this.failed({ reason: 'timeout', sent, stale: false, detail: 'timeout' })
  }

  cancelled(): void {
    if (this.#over) return
    const { client } = this.#parts
    this.#copy.drop()
    if (!this.#headSent) client.head(202, 'Accepted', ['Content-Length', '0'])
    if (this.#clientBehind) client.abort()
    else client.end()
    this.#finish(CANCELLED)
  }

  stop(): void {
    const { client, exchange, stages } = this.#parts
    const mayAdd = this.#copy.betweenEvents && !this.#clientBehind
    this.#flight?.abort()
    this.#copy.drop()
    if (this.#headSent) {
      const ends = this.#times.attempt?.stream === 'subscription'
      if (ends && mayAdd) client.write(endOfSubscription(exchange))
      client.end()
      this.#finish({ kind: 'ok' })
      return
    }
    client.answer(answerRefusal(exchange, DRAINING, stages.rejections))
    this.#finish(DRAINING)
  }

  abort(): void {
    this.#flight?.abort()
    this.#copy.drop()
    this.#parts.client.abort()
    this.#finish({ kind: 'internal' })
  }

  cancelCall(sessionKey: string, idKey: string): void {
    const { exchange, ledger } = this.#parts
    if (sessionKeyOf(exchange) !== sessionKey) return
    ledger.endRequest(idKey, CANCELLED)
    if (this.#waits && !ledger.waits) this.cancelled()
  }

  #watchBody(status: number, rawHeaders: readonly string[]): void {
    const contentType = findHeader(rawHeaders, 'content-type')
    const { attempt } = this.#times
    if (attempt !== undefined) {
      const { exchange } = this.#parts
      attempt.stream = streamKindOf(exchange, status, contentType, this.longLived)
    }
    const watch = watchFor(this.#parts, { status, contentType }, this.#speech, this)
    const encoding = findHeader(rawHeaders, 'content-encoding')
    if (watch !== undefined) this.#copy.begin(watch, encoding, attempt?.stream !== undefined)
  }

  copyWatched(): void {
    const { attempt } = this.#times
    const fresh = this.#times.passed(this.#copy.events)
    if (attempt !== undefined && fresh > 0) this.#parts.ledger.eventsPassed(attempt, fresh)
  }

  copyEnded(): void {
    this.#finish(outcomeOfStatus(this.#status))
  }

  /** True while it waits to be tried again. */
  get #waits(): boolean {
    return this.#retrying?.waits === true
  }

  get #mayResend(): boolean {
    return !this.#headSent && (this.#times.attempt?.number ?? 0) < SENDS_MAX
  }

  #retries(outcome: UpstreamFailed, failure: TransportFailure): boolean {
    if (this.#headSent || this.longLived) return false
    this.#retrying ??= new Retrying(this.#parts)
    return this.#retrying.begin(outcome, this.#times, (mayGo) => {
      if (mayGo) this.#send()
      else this.#fail(outcome, failure)
    })
  }

  /** The head is kept from the client, and the reply given up, when there is another attempt. */
  #retriesStatus(status: number): boolean {
    this.#sent = true
    const outcome = { kind: 'upstream_failed', reason: 'http_5xx', sent: true, status } as const
    const follows = this.#retries(outcome, { ...outcome, stale: false, detail: String(status) })
    if (follows) this.#flight?.abort()
    return follows
  }

  #fail(outcome: UpstreamFailed, failure: TransportFailure): void {
    const { exchange, client, stages, permit } = this.#parts
    logUpstreamFailure(stages.log, exchange, failure)
    this.#copy.drop()
    if (failure.incident !== undefined) permit.failedIn(failure.incident)
    if (!this.#headSent) client.answer(answerRefusal(exchange, outcome, stages.rejections))
    else if (failure.reason === 'timeout' && this.#copy.betweenEvents && !this.#clientBehind) {
      client.write(lastEvent(exchange, outcome))
      client.end()
    } else client.abort()
    this.#finish(outcome)
  }

  #giveBack(): void {
    const spent = this.#copy.takeSpent(this.#parts.client)
    if (spent !== undefined) this.#flight?.spent?.(spent)
  }

  copyDrained(): void {
    this.#resume()
  }

  #resume(): void {
    this.#giveBack()
    if (!this.#clientBehind && !this.#copy.behind && !this.#over) this.#flight?.resume()
  }

  #clientGone(): void {
    if (this.#over) return
    this.#flight?.abort()
    this.#copy.drop()
    const { exchange, ledger } = this.#parts
    if (this.#copy.resumable && mayComeBack(exchange)) ledger.suspendRequests(LEFT_BY_CLIENT)
    this.#finish(CANCELLED)
  }

  #finish(outcome: Outcome): void {
    if (this.#over) return
    this.#over = true
    const { ledger, permit, stages, exchange } = this.#parts
    stages.inFlight.remove(this)
    this.#retrying?.stop()
    this.#copy.drop()
    this.#times.end()
    try {
      if (wasNotTaken(exchange, this.#status, outcome)) ledger.unsuspendAll()
      ledger.endAll(outcome)
      if (exchange.endpoint === 'sse_stream') {
        stages.resumptions.endSession(sessionKeyOf(exchange) ?? '', afterStream(outcome))
      }
      this.#speech.ended(outcome)
    } finally {
      permit.settle(ledger.outcome(outcome))
    }
  }
}
