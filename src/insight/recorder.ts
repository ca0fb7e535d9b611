/** Counts every request that passes, as a view of its outcome. */

import type { Clock } from '../core/clock.ts'
import type { Call } from '../core/exchange.ts'
import type { Answered, AttemptFacts, CallFollower, CallObserver } from '../core/observer.ts'
import type { Outcome } from '../core/outcome.ts'
import { endingOf } from './endings.ts'
import type { EndedCall, RecentCallLog } from './recent-calls.ts'
import type { Statistics, ToolSeries, UpstreamSeries } from './statistics.ts'
import type { CallRecord } from './tally.ts'

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
  const record: Mutable<CallRecord> = { ...NOTHING_RECORDED }
  return {
    begin: (call) => {
      const { kind, method } = call.message
      if (kind !== 'request' || options.isLongLived(method)) return undefined
      return new CallRecorder(call, options, record)
    },
    exchangeEnded: () => {},
    limitHit: () => {},
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const NOTHING_RECORDED: CallRecord = {
  ending: 0,
  timing: 'none',
  us: 0,
  firstEventUs: -1,
  requestBytes: 0,
  responseBytes: 0,
  resultTokens: 0,
}

class CallRecorder implements CallFollower, EndedCall {
  readonly call: Call
  /** One for all calls: it is filled when a call ends, and read at once. */
  readonly record: Mutable<CallRecord>
  attempt: AttemptFacts | undefined = undefined
  /** Known when the call ends, like what follows. */
  target: string | undefined = undefined
  method = ''
  endedMs = 0
  endedWallMs = 0
  readonly #options: RecorderOptions
  readonly #series: UpstreamSeries
  /** Known as soon as the call comes only when the tool has been called before. */
  readonly #tool: ToolSeries | undefined
  #resultBytes = 0

  constructor(call: Call, options: RecorderOptions, record: Mutable<CallRecord>) {
    this.call = call
    this.record = record
    this.#options = options
    this.#series = options.statistics.seriesOf(call.exchange.upstreamName)
    this.#series.inFlight += 1
    const { method, target } = call.message
    const tool = method === 'tools/call' && target !== undefined ? target : ''
    this.#tool = this.#series.tools.get(tool)
    if (this.#tool !== undefined) this.#tool.inFlight += 1
  }

  get upstream(): string {
    return this.#series.upstream
  }

  attemptStarted(): undefined {
    return undefined
  }

  answered(answer: Answered): void {
    this.#resultBytes = answer.resultBytes
  }

  attemptEnded(_outcome: Outcome, _atMs: number, attempt?: AttemptFacts): void {
    this.attempt = attempt
  }

  ended(outcome: Outcome, atMs: number): void {
    this.#series.inFlight -= 1
    if (this.#tool !== undefined) this.#tool.inFlight -= 1
    const { statistics, recent, clock, admitName, admitMethod } = this.#options
    const { message } = this.call
    const isTool = message.method === 'tools/call'
    const named = isTool || message.method === 'prompts/get' ? message.target : undefined
    this.target = named === undefined ? undefined : admitName(this.upstream, named, outcome)
    this.method = admitMethod(message.method)
    this.endedMs = atMs
    this.endedWallMs = clock.wallMs()
    this.#record(outcome)
    statistics.record(this.#series, isTool ? this.target : undefined, this.record, atMs)
    recent.add(this, outcome)
  }

  #record(outcome: Outcome): void {
    const { attempt, record } = this
    const durationMs = Math.max(0, this.endedMs - this.call.exchange.receivedAtMs)
    record.ending = endingOf(outcome)
    record.timing = timingOf(outcome)
    record.us = Math.round(durationMs * 1_000)
    record.firstEventUs = firstEventUs(attempt)
    record.requestBytes = attempt?.requestBytes ?? 0
    record.responseBytes = attempt?.responseBytes ?? 0
    record.resultTokens = this.#options.tokensOf(this.#resultBytes)
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
