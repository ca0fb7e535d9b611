/**
 * The last calls, in rings: one of all calls, and a small one of the errors of each upstream.
 *
 * Every call leaves an entry, and few are ever looked at. So the numbers of an entry stand in one array for all
 * of them, and it becomes an object when somebody asks for it.
 */

import type { Call } from '../core/exchange.ts'
import { indicatorOf } from '../core/indicator.ts'
import type { AttemptFacts } from '../core/observer.ts'
import { factsOf, reasonOf, type Outcome } from '../core/outcome.ts'
import { PHASES, readPhases, writePhases } from './phases.ts'
import type { CallRecord } from './tally.ts'
import type { RecentCall, RecentCalls, RecentQuery } from './views.ts'

/** Errors of an upstream that are remembered however many calls come after them. */
export const ERRORS_MAX = 20

/** What of a call is remembered, as it is known when the call ends. */
export interface EndedCall {
  readonly call: Call
  /** The last; undefined when nothing went to an upstream. */
  readonly attempt: AttemptFacts | undefined
  /** Labels, which are bounded, and not what clients sent. */
  readonly upstream: string
  readonly method: string
  readonly target: string | undefined
  readonly record: CallRecord
  /** Monotonic. */
  readonly endedMs: number
  readonly endedWallMs: number
}

/** The numbers of an entry, in their order; the phases follow. */
const STARTED = 0
const US = 1
const SAMPLED = 2
const ATTEMPTS = 3
const REQUEST = 4
const RESPONSE = 5
const TOKENS = 6
const FIRST_PHASE = 7
const WIDTH = FIRST_PHASE + PHASES

/** The rest of an entry; one object for each place, used again and again. */
interface Entry {
  seq: number
  upstream: string
  method: string
  target: string | undefined
  outcome: Outcome
  traceId: string | undefined
}

/** The last so many calls. */
export class CallRing {
  readonly #max: number
  readonly #numbers: Float64Array
  readonly #entries: Entry[] = []
  #next = 0

  constructor(max: number) {
    this.#max = max
    this.#numbers = new Float64Array(max * WIDTH)
  }

  get size(): number {
    return this.#entries.length
  }

  add(seq: number, ended: EndedCall, outcome: Outcome): void {
    if (this.#max === 0) return
    const { upstream, method, target } = ended
    const traceId = ended.call.trace?.traceId
    const entry = this.#entries[this.#next]
    if (entry === undefined) {
      this.#entries.push({ seq, upstream, method, target, outcome, traceId })
    } else {
      entry.seq = seq
      entry.upstream = upstream
      entry.method = method
      entry.target = target
      entry.outcome = outcome
      entry.traceId = traceId
    }
    this.#write(this.#next * WIDTH, ended)
    this.#next = (this.#next + 1) % this.#max
  }

  #write(at: number, { call, attempt, record, endedMs, endedWallMs }: EndedCall): void {
    const { exchange, trace } = call
    const numbers = this.#numbers
    numbers[at + STARTED] = endedWallMs - record.us / 1_000
    numbers[at + US] = record.us
    numbers[at + SAMPLED] = (trace?.traceFlags ?? 0) & 1
    numbers[at + ATTEMPTS] = attempt?.number ?? 0
    numbers[at + REQUEST] = record.requestBytes
    numbers[at + RESPONSE] = record.responseBytes
    numbers[at + TOKENS] = record.resultTokens
    writePhases(numbers, at + FIRST_PHASE, exchange, attempt, endedMs)
  }

  *newestFirst(): Iterable<RecentCall> {
    const { length } = this.#entries
    for (let back = 1; back <= length; back += 1) {
      const place = (this.#next - back + length) % length
      const entry = this.#entries[place]
      if (entry !== undefined) yield this.#show(entry, place * WIDTH)
    }
  }

  #show({ outcome, ...entry }: Entry, at: number): RecentCall {
    const number = (column: number): number => this.#numbers[at + column] ?? 0
    return {
      ...entry,
      startedAtMs: number(STARTED),
      durationMs: number(US) / 1_000,
      outcome: outcome.kind,
      reason: reasonOf(outcome),
      errorType: factsOf(outcome).clientErrorType,
      counts: indicatorOf(outcome),
      sampled: number(SAMPLED) === 1,
      attempts: number(ATTEMPTS),
      phases: readPhases(this.#numbers, at + FIRST_PHASE),
      requestBytes: number(REQUEST),
      responseBytes: number(RESPONSE),
      resultTokens: number(TOKENS),
    }
  }
}

export class RecentCallLog {
  readonly #calls: CallRing
  readonly #errors = new Map<string, CallRing>()
  #lastSeq = 0

  constructor(max: number) {
    this.#calls = new CallRing(max)
  }

  get lastSeq(): number {
    return this.#lastSeq
  }

  /** `ended` is read at once, and not kept. */
  add(ended: EndedCall, outcome: Outcome): void {
    this.#lastSeq += 1
    this.#calls.add(this.#lastSeq, ended, outcome)
    const counts = indicatorOf(outcome)
    if (counts !== 'error' && counts !== 'unavailable') return
    let errors = this.#errors.get(ended.upstream)
    if (errors === undefined) {
      errors = new CallRing(ERRORS_MAX)
      this.#errors.set(ended.upstream, errors)
    }
    errors.add(this.#lastSeq, ended, outcome)
  }

  /** Errors of upstreams that are not among these are forgotten. */
  keepOnly(upstreams: ReadonlySet<string>): void {
    for (const name of this.#errors.keys()) if (!upstreams.has(name)) this.#errors.delete(name)
  }

  lastErrors(upstream: string): readonly RecentCall[] {
    return [...(this.#errors.get(upstream)?.newestFirst() ?? [])]
  }

  query({ after, limit, ...wanted }: RecentQuery): RecentCalls {
    const calls: RecentCall[] = []
    for (const call of this.#calls.newestFirst()) {
      if (calls.length >= limit || (after !== undefined && call.seq <= after)) break
      if (matches(call, wanted)) calls.push(call)
    }
    const oldest = this.#lastSeq - this.#calls.size
    return { calls, lastSeq: this.#lastSeq, missed: after !== undefined && after < oldest }
  }

  ofTrace(traceId: string): readonly RecentCall[] {
    const found = new Map<number, RecentCall>()
    const rings = [this.#calls, ...this.#errors.values()]
    for (const ring of rings) {
      for (const call of ring.newestFirst()) {
        if (call.traceId === traceId) found.set(call.seq, call)
      }
    }
    return [...found.values()].toSorted((a, b) => b.seq - a.seq)
  }
}

function matches(call: RecentCall, wanted: Omit<RecentQuery, 'after' | 'limit'>): boolean {
  if (wanted.upstream !== undefined && call.upstream !== wanted.upstream) return false
  if (wanted.tool !== undefined && !isOfTool(call, wanted.tool)) return false
  if (wanted.outcome !== undefined && call.outcome !== wanted.outcome) return false
  return wanted.errorsOnly !== true || call.counts === 'error' || call.counts === 'unavailable'
}

function isOfTool({ method, target }: RecentCall, tool: string): boolean {
  return method === 'tools/call' && target === tool
}
