/** Counts every request that passes, as a view of its outcome. */

import type { Clock } from '../core/clock.ts'
import type { Call } from '../core/exchange.ts'
import { indicatorOf } from '../core/indicator.ts'
import type { Answered, AttemptFacts, CallFollower, CallObserver } from '../core/observer.ts'
import { factsOf, reasonOf, type Outcome } from '../core/outcome.ts'
import { endingOf } from './endings.ts'
import type { RecentCallLog } from './recent-calls.ts'
import type { Statistics, ToolSeries, UpstreamSeries } from './statistics.ts'
import type { CallRecord } from './tally.ts'
import type { CallPhases } from './views.ts'

export interface RecorderOptions {
  readonly clock: Clock
  readonly statistics: Statistics
  readonly recent: RecentCallLog
  /** The label for the name of a tool or prompt, given how the call about it ended. */
  readonly admitName: (upstream: string, name: string, outcome: Outcome) => string
  /** The method itself when MCP knows it, or what stands for all others. */
  readonly admitMethod: (method: string) => string
  /** What so many bytes of a result cost in a model's context. */
  readonly tokensOf: (bytes: number) => number
  readonly isLongLived: (method: string) => boolean
}

/** Requests alone: notifications take no time, and streams as long as somebody listens. */
export function createRecorder(options: RecorderOptions): CallObserver {
  return {
    begin: (call) => {
      const { kind, method } = call.message
      if (kind !== 'request' || options.isLongLived(method)) return undefined
      return new CallRecorder(call, options)
    },
    exchangeEnded: () => {},
    limitHit: () => {},
  }
}

class CallRecorder implements CallFollower {
  readonly #options: RecorderOptions
  readonly #call: Call
  readonly #series: UpstreamSeries
  /** Known as soon as the call comes only when the tool has been called before. */
  readonly #tool: ToolSeries | undefined
  #attempt: AttemptFacts | undefined
  #resultBytes = 0

  constructor(call: Call, options: RecorderOptions) {
    this.#options = options
    this.#call = call
    this.#series = options.statistics.seriesOf(call.exchange.upstreamName)
    this.#series.inFlight += 1
    const { method, target } = call.message
    const tool = method === 'tools/call' && target !== undefined ? target : ''
    this.#tool = this.#series.tools.get(tool)
    if (this.#tool !== undefined) this.#tool.inFlight += 1
  }

  attemptStarted(): undefined {
    return undefined
  }

  answered(answer: Answered): void {
    this.#resultBytes = answer.resultBytes
  }

  attemptEnded(_outcome: Outcome, _atMs: number, attempt?: AttemptFacts): void {
    this.#attempt = attempt
  }

  ended(outcome: Outcome, atMs: number): void {
    this.#series.inFlight -= 1
    if (this.#tool !== undefined) this.#tool.inFlight -= 1
    const { statistics, admitName, tokensOf } = this.#options
    const { exchange, message } = this.#call
    const isTool = message.method === 'tools/call'
    const named = isTool || message.method === 'prompts/get' ? message.target : undefined
    const { upstream } = this.#series
    const label = named === undefined ? undefined : admitName(upstream, named, outcome)
    const attempt = this.#attempt
    const durationMs = Math.max(0, atMs - exchange.receivedAtMs)
    const record: CallRecord = {
      ending: endingOf(outcome),
      timing: timingOf(outcome),
      us: Math.round(durationMs * 1_000),
      firstEventUs: firstEventUs(attempt),
      requestBytes: attempt?.requestBytes ?? 0,
      responseBytes: attempt?.responseBytes ?? 0,
      resultTokens: tokensOf(this.#resultBytes),
    }
    statistics.record(this.#series, isTool ? label : undefined, record, atMs)
    this.#remember(outcome, label, record, atMs)
  }

  #remember(outcome: Outcome, target: string | undefined, record: CallRecord, atMs: number): void {
    const { recent, clock, admitMethod } = this.#options
    const { exchange, message, trace } = this.#call
    const durationMs = record.us / 1_000
    recent.add({
      seq: recent.nextSeq(),
      startedAtMs: clock.wallMs() - durationMs,
      durationMs,
      upstream: this.#series.upstream,
      method: admitMethod(message.method),
      target,
      outcome: outcome.kind,
      reason: reasonOf(outcome),
      errorType: factsOf(outcome).clientErrorType,
      counts: indicatorOf(outcome),
      traceId: trace?.traceId,
      sampled: ((trace?.traceFlags ?? 0) & 1) === 1,
      attempts: this.#attempt?.number ?? 0,
      phases: phasesOf(exchange, this.#attempt, atMs),
      requestBytes: record.requestBytes,
      responseBytes: record.responseBytes,
      resultTokens: record.resultTokens,
    })
  }
}

/** Nobody worked on a call that was refused here. One that was cancelled took at least so long. */
function timingOf({ kind }: Outcome): CallRecord['timing'] {
  if (kind === 'rejected') return 'none'
  return kind === 'ok' || kind === 'input_required' || kind === 'task' ? 'answered' : 'failed'
}

function firstEventUs(attempt: AttemptFacts | undefined): number {
  if (attempt === undefined || attempt.firstEventMs === 0 || attempt.stream === undefined) return -1
  return Math.max(0, Math.round((attempt.firstEventMs - attempt.startedMs) * 1_000))
}

/** Where the time went; what the phases of the last attempt do not explain is `otherMs`. */
export function phasesOf(
  exchange: Pick<Call['exchange'], 'receivedAtMs' | 'authMs' | 'readAtMs' | 'turnMs'>,
  attempt: AttemptFacts | undefined,
  endedMs: number,
): CallPhases {
  const { receivedAtMs, authMs = 0, readAtMs, turnMs } = exchange
  const readMs = Math.max(0, readAtMs - receivedAtMs - authMs)
  const queueMs = turnMs + (attempt?.queuedMs ?? 0)
  const connectMs = Math.max(0, attempt?.connectMs ?? 0)
  const { waitMs, bodyMs } = replyPhases(attempt, endedMs)
  const known = readMs + authMs + queueMs + connectMs + waitMs + bodyMs
  const otherMs = Math.max(0, endedMs - receivedAtMs - known)
  return { readMs, authMs, queueMs, connectMs, waitMs, bodyMs, otherMs }
}

/** From when the request was handed over; nothing before that. */
function replyPhases(
  attempt: AttemptFacts | undefined,
  endedMs: number,
): Pick<CallPhases, 'waitMs' | 'bodyMs'> {
  if (attempt === undefined || attempt.handedMs === 0) return { waitMs: 0, bodyMs: 0 }
  const heardMs = Math.min(endedMs, attempt.firstEventMs || attempt.headMs || endedMs)
  return { waitMs: Math.max(0, heardMs - attempt.handedMs), bodyMs: endedMs - heardMs }
}
