/** What passes besides calls: the time Sidelight itself takes, streams, sizes, refusals and sessions. */

import type { Exchange, ExchangeKind } from '../core/exchange.ts'
import type {
  AttemptFacts,
  AttemptTarget,
  SessionEnding,
  SessionFacts,
  StreamKind,
} from '../core/observer.ts'
import { reasonOf, type Outcome, type OutcomeKind } from '../core/outcome.ts'
import { boundedBy, HTTP } from './describe-call.ts'
import type { HistogramSeries, SeriesSettings } from './histogram-series.ts'
import { METRICS, OTHER } from './names.ts'
import { CounterFamily, HistogramFamily, type CounterSeries, type MetricFamily } from './series.ts'

export interface TrafficOptions {
  readonly methods: ReadonlySet<string>
  readonly revisions: ReadonlySet<string>
  /** What is known of an upstream; undefined when there is none of that name any more. */
  target(upstream: string): AttemptTarget | undefined
}

/** The series of exchanges that are alike, found once; those of sizes and times when they are first needed. */
interface Alike {
  readonly upstream: string
  readonly kind: ExchangeKind
  readonly method: string
  readonly outcome: OutcomeKind
  readonly reason: string
  readonly exchanges: CounterSeries
  requestSize: HistogramSeries | undefined
  responseSize: HistogramSeries | undefined
  overhead: HistogramSeries | undefined
}

/** Exchanges are alike: the kinds that came last are looked at first. */
const RECENT_MAX = 8

export class Traffic {
  readonly #options: TrafficOptions
  readonly exchanges: CounterFamily
  readonly #recent: Alike[] = []
  #nextRecent = 0
  readonly #overhead: HistogramFamily
  readonly #firstEvent: HistogramFamily
  readonly #streamDuration: HistogramFamily
  readonly #streamEvents: CounterFamily
  readonly #requestSize: HistogramFamily
  readonly #responseSize: HistogramFamily
  readonly #rejections: CounterFamily
  readonly #serverSessions: HistogramFamily
  readonly #clientSessions: HistogramFamily
  readonly families: readonly MetricFamily[]

  constructor(options: TrafficOptions, settings: SeriesSettings) {
    this.#options = options
    this.exchanges = new CounterFamily(METRICS.exchanges, settings)
    this.#overhead = new HistogramFamily(METRICS.overheadDuration, settings)
    this.#firstEvent = new HistogramFamily(METRICS.firstEventDuration, settings)
    this.#streamDuration = new HistogramFamily(METRICS.streamDuration, settings)
    this.#streamEvents = new CounterFamily(METRICS.streamEvents, settings)
    this.#requestSize = new HistogramFamily(METRICS.requestSize, settings)
    this.#responseSize = new HistogramFamily(METRICS.responseSize, settings)
    this.#rejections = new CounterFamily(METRICS.rejections, settings)
    this.#serverSessions = new HistogramFamily(METRICS.serverSessionDuration, settings)
    this.#clientSessions = new HistogramFamily(METRICS.clientSessionDuration, settings)
    this.families = [
      this.#serverSessions,
      this.#clientSessions,
      this.#overhead,
      this.#firstEvent,
      this.#streamDuration,
      this.#streamEvents,
      this.#requestSize,
      this.#responseSize,
      this.#rejections,
    ]
  }

  /** A call was refused, or a request that never became one. */
  rejected(upstream: string, reason: string): void {
    this.#rejections.add([upstream, reason], 1)
  }

  eventsPassed(upstream: string, kind: StreamKind, count: number): void {
    this.#streamEvents.add([upstream, kind], count)
  }

  exchangeEnded(
    upstream: string,
    exchange: Exchange,
    outcome: Outcome,
    attempt: AttemptFacts | undefined,
  ): void {
    const method = this.#methodOf(exchange)
    const alike = this.#alike(upstream, exchange.kind, method, outcome)
    alike.exchanges.add(1)
    if (outcome.kind === 'rejected' && !isOfCalls(exchange)) this.rejected(upstream, outcome.reason)
    if (attempt === undefined || exchange.kind === 'other') return
    const ofMessage = exchange.kind === 'message'
    if (ofMessage) {
      alike.requestSize ??= this.#requestSize.bind([upstream, method])
      alike.requestSize.record(attempt.requestBytes)
    }
    if (attempt.headMs === 0) return
    alike.responseSize ??= this.#responseSize.bind([upstream, method])
    alike.responseSize.record(attempt.responseBytes)
    if (ofMessage) this.#recordTimes(alike, exchange, attempt)
    if (attempt.stream === undefined) return
    const seconds = secondsOf(attempt.headMs, attempt.endedMs)
    this.#streamDuration.record([upstream, attempt.stream], seconds)
  }

  #recordTimes(alike: Alike, exchange: Exchange, attempt: AttemptFacts): void {
    const { upstream, method } = alike
    const { stream, startedMs, firstEventMs } = attempt
    const overheadMs = stream === 'subscription' ? undefined : overheadOf(exchange, attempt)
    if (overheadMs !== undefined) {
      alike.overhead ??= this.#overhead.bind([upstream])
      alike.overhead.record(overheadMs / 1000)
    }
    if (stream === undefined || firstEventMs === 0) return
    this.#firstEvent.record([upstream, method], secondsOf(startedMs, firstEventMs))
  }

  /** All that tells them apart comes from closed lists or is bounded. */
  #alike(upstream: string, kind: ExchangeKind, method: string, outcome: Outcome): Alike {
    const reason = reasonOf(outcome) ?? ''
    const recent = this.#recent
    for (let i = 0; i < recent.length; i += 1) {
      const one = recent[i]
      if (
        one?.outcome === outcome.kind &&
        one.kind === kind &&
        one.reason === reason &&
        one.method === method &&
        one.upstream === upstream
      ) {
        return one
      }
    }
    const made: Alike = {
      upstream,
      kind,
      method,
      outcome: outcome.kind,
      reason,
      exchanges: this.exchanges.bind([upstream, kind, outcome.kind, reason]),
      requestSize: undefined,
      responseSize: undefined,
      overhead: undefined,
    }
    recent[this.#nextRecent] = made
    this.#nextRecent = (this.#nextRecent + 1) % RECENT_MAX
    return made
  }

  sessionEnded(upstream: string, why: SessionEnding, session: SessionFacts): void {
    const target = this.#options.target(upstream)
    const version =
      session.protocolVersion === undefined
        ? ''
        : boundedBy(this.#options.revisions, session.protocolVersion)
    const piped = target?.carrier === 'pipe'
    const errorType = why !== 'lost' ? '' : piped ? 'process_exit' : 'closed'
    const seconds = Math.max(0, session.durationMs / 1000)
    this.#serverSessions.record(
      [version, session.carrier === 'pipe' ? '' : HTTP, errorType, upstream],
      seconds,
    )
    this.#clientSessions.record(
      [
        version,
        piped ? '' : HTTP,
        errorType,
        upstream,
        target?.address ?? '',
        String(target?.port ?? ''),
      ],
      seconds,
    )
  }

  /** The method of the only call; empty when there is none, `_OTHER` for a batch. */
  #methodOf({ calls }: Exchange): string {
    const only = calls[0]
    if (only === undefined || only.message.kind === 'response') return ''
    return calls.length > 1 ? OTHER : boundedBy(this.#options.methods, only.message.method)
  }
}

/** True when refusals are counted call by call. */
function isOfCalls({ calls }: Exchange): boolean {
  return calls.some(({ message }) => message.kind !== 'response')
}

/**
 * The time that an exchange spent in Sidelight itself, in milliseconds: from the last byte of the
 * request to the moment at which it was handed to the upstream, without the waits for a turn or a connection,
 * and what handing the reply on took. Of a request that was sent twice, the second attempt counts.
 * Undefined when it was never handed on.
 */
export function overheadOf(exchange: Exchange, attempt: AttemptFacts): number | undefined {
  if (attempt.handedMs === 0) return undefined
  const fromMs = attempt.number === 1 ? exchange.readAtMs + exchange.turnMs : attempt.startedMs
  const waitedMs = attempt.queuedMs + Math.max(0, attempt.connectMs)
  return Math.max(0, attempt.handedMs - fromMs - waitedMs) + attempt.replyMs
}

function secondsOf(fromMs: number, toMs: number): number {
  return Math.max(0, (toMs - fromMs) / 1000)
}
