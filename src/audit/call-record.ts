/** Follows one call to its end, and records that it goes out and how it ended. */

import type { AuditType } from '../core/audit.ts'
import type { Clock } from '../core/clock.ts'
import type { Call, Exchange } from '../core/exchange.ts'
import type { Answered, CallFollower, Injection } from '../core/observer.ts'
import type { Outcome, Rejection } from '../core/outcome.ts'
import { redactJson, type RedactionRules } from '../core/redact.ts'
import type { RejectReason } from '../core/reject-reasons.ts'
import type { Callers, Sender } from './callers.ts'
import type { Decisions } from './decisions.ts'
import { endText } from './describe-call.ts'
import type { Draft, Drafts, Recordable } from './draft.ts'
import { hashArguments, type HashedArguments } from './hash-arguments.ts'
import type { Pending } from './held.ts'
import { quote } from './json-text.ts'
import type { Operation, Operations } from './operations.ts'

export interface DurableTrail {
  add(entry: Recordable): void
  /** `done` is told once whether they are on the disk, unless what is returned is called before. */
  addDurably(entries: readonly Recordable[], done: (isDurable: boolean) => void): () => void
  /** Records it as soon as it has waited for as long as entries may wait, unless it is taken back. */
  hold(pending: Pending): void
  /** True when it was held, and will not be recorded. */
  takeBack(pending: Pending): boolean
}

/** What the records of all calls are made with. */
export interface RecordParts {
  readonly trail: DurableTrail
  readonly clock: Clock
  readonly redaction: RedactionRules
  readonly callers: Callers
  readonly operations: Operations
  readonly decisions: Decisions
  readonly drafts: Drafts
  readonly newId: () => string
}

const AUTH_REASONS: ReadonlySet<RejectReason> = new Set([
  'unauthenticated',
  'invalid_token',
  'malformed_authorization',
  'auth_unavailable',
])

export function typeOfRefusal({ reason }: Rejection): AuditType {
  return AUTH_REASONS.has(reason) ? 'auth.failed' : 'call.refused'
}

export function elapsed({ receivedAtMs }: Exchange, nowMs: number): number {
  return Math.round((nowMs - receivedAtMs) * 1_000) / 1_000
}

export class CallRecord implements CallFollower, Pending {
  /** It goes out, and a record says so or will. */
  attempted = false
  sinceMs = 0
  place = -1
  readonly #call: Call
  readonly #parts: RecordParts
  readonly #operation: Operation
  /** Joins its records; empty until the first. */
  #id = ''
  #arguments: HashedArguments | undefined
  #argumentsShown: string | undefined
  #attempts = 0
  #answered: Answered | undefined

  constructor(call: Call, parts: RecordParts) {
    this.#call = call
    this.#parts = parts
    this.#operation = parts.operations.of(call)
  }

  get resultBytesWanted(): number {
    const { level } = this.#operation.rule
    return level === 'request_response' ? this.#parts.redaction.bytesMax : 0
  }

  /** The call waits until the record of its attempt is on the disk. */
  get mustBeDurable(): boolean {
    const { mode, level } = this.#operation.rule
    return mode === 'strict' && level !== 'none'
  }

  /** The call goes out. The record of its end says so too, if that comes soon enough. */
  attempt(): void {
    if (this.#operation.rule.level === 'none') return
    this.attempted = true
    this.#attempt()
    this.#parts.trail.hold(this)
  }

  /** The record that the call goes out now. */
  attemptNow(): Draft {
    this.#attempt()
    return this.draft()
  }

  /** Arguments are read at once: later they may not be there any more. */
  #attempt(): void {
    this.sinceMs = this.#parts.clock.monotonicMs()
    const { exchange, message } = this.#call
    const { args } = message
    if (args === undefined) return
    const text = exchange.body.subarray(args.start, args.end)
    this.#arguments = hashArguments(text)
    if (this.#wants('request')) this.#argumentsShown = redactJson(text, this.#parts.redaction)
  }

  /** The record that it goes out, dated to when that was. */
  draft(): Draft {
    const { clock, drafts } = this.#parts
    const atWallMs = clock.wallMs() - (clock.monotonicMs() - this.sinceMs)
    const sender = this.#begin()
    this.#writeArguments()
    drafts.text.ascii(this.#parts.decisions.textOf(this.#call))
    this.#writeTrace()
    const argumentsHash = this.#arguments?.hash
    const textBytes = this.#argumentsShown?.length ?? 0
    const { person } = sender
    // No other record tells of them, and the call may last.
    this.#arguments = undefined
    this.#argumentsShown = undefined
    return drafts.end({ type: 'call.attempted', atWallMs, person, argumentsHash, textBytes })
  }

  attemptStarted(_target: unknown, attempt: number): Injection | undefined {
    this.#attempts = attempt
    return undefined
  }

  attemptEnded(): void {}

  answered(answer: Answered): void {
    this.#answered = answer
  }

  ended(outcome: Outcome, atMs: number): void {
    const type = this.#typeOf(outcome)
    const { level } = this.#operation.rule
    if (level === 'none' && type !== 'authz.denied' && type !== 'auth.failed') return
    const { clock, decisions, drafts, trail } = this.#parts
    const tellsAttempt = trail.takeBack(this)
    const { text } = drafts
    const { person } = this.#begin()
    this.#writeArguments()
    text.ascii(endText(outcome))
    if (tellsAttempt || type === 'authz.denied') text.ascii(decisions.textOf(this.#call))
    text.ascii(',"durationMs":')
    text.thousandths(atMs - this.#call.exchange.receivedAtMs)
    text.ascii(',"attempts":')
    text.whole(this.#attempts)
    const textBytes = this.#writeResult() + (this.#argumentsShown?.length ?? 0)
    this.#writeTrace()
    const argumentsHash = this.#arguments?.hash
    trail.add(drafts.end({ type, atWallMs: clock.wallMs(), person, argumentsHash, textBytes }))
  }

  #typeOf(outcome: Outcome): AuditType {
    if (this.attempted || outcome.kind !== 'rejected') return 'call.ended'
    const { decision } = this.#call
    if (decision?.kind === 'deny' && !decision.dryRun) return 'authz.denied'
    return typeOfRefusal(outcome)
  }

  #wants(level: 'request' | 'request_response'): boolean {
    const own = this.#operation.rule.level
    return own === 'request_response' || own === level
  }

  /** Begins a record: who, from where, which call, and what was called. */
  #begin(): Sender {
    const { callers, drafts, newId } = this.#parts
    const { text } = drafts
    const { exchange } = this.#call
    if (this.#id === '') this.#id = newId()
    const sender = callers.senderOf(exchange)
    drafts.begin()
    callers.writeFrom(exchange, sender, text)
    text.ascii(',"call":"')
    text.ascii(this.#id)
    text.ascii('"')
    text.ascii(this.#operation.members)
    return sender
  }

  #writeArguments(): void {
    const { args } = this.#call.message
    if (args === undefined || this.#arguments === undefined) return
    const { text } = this.#parts.drafts
    text.ascii(',"arguments":{"bytes":')
    text.whole(args.end - args.start)
    text.ascii(',"form":"')
    text.ascii(this.#arguments.form)
    text.ascii('"')
    this.#writeShown(this.#argumentsShown)
    text.ascii('}')
  }

  /** Returns how much of the result itself is shown. */
  #writeResult(): number {
    const answer = this.#answered
    if (answer === undefined) return 0
    const { drafts, redaction } = this.#parts
    const shown =
      answer.result !== undefined && this.#wants('request_response')
        ? redactJson(answer.result, redaction)
        : undefined
    drafts.text.ascii(',"result":{"bytes":')
    drafts.text.whole(answer.resultBytes)
    this.#writeShown(shown)
    drafts.text.ascii('}')
    return shown?.length ?? 0
  }

  #writeShown(shown: string | undefined): void {
    if (shown === undefined) return
    const { text } = this.#parts.drafts
    text.ascii(',"shown":')
    text.text(quote(shown))
  }

  #writeTrace(): void {
    const { trace } = this.#call
    if (trace === undefined) return
    const { text } = this.#parts.drafts
    text.ascii(',"trace":{"traceId":"')
    text.ascii(trace.traceId)
    text.ascii('","spanId":"')
    text.ascii(trace.spanId)
    text.ascii('"}')
  }
}
