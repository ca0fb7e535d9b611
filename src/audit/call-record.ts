/** Follows one call to its end, and records that it goes out and how it ended. */

import type { AuditType } from '../core/audit.ts'
import type { Clock } from '../core/clock.ts'
import type { Call, Exchange } from '../core/exchange.ts'
import type { Answered, CallFollower, Injection } from '../core/observer.ts'
import type { Outcome, Rejection } from '../core/outcome.ts'
import { redactJson, type RedactionRules } from '../core/redact.ts'
import type { RejectReason } from '../core/reject-reasons.ts'
import type { Callers } from './callers.ts'
import type { Decisions } from './decisions.ts'
import { endText } from './describe-call.ts'
import type { HmacKey } from './digests.ts'
import type { Draft, Recordable } from './draft.ts'
import { hashArguments } from './hash-arguments.ts'
import { quote } from './json-text.ts'
import type { Operation, Operations } from './operations.ts'
import type { Person } from './person.ts'

export interface DurableTrail {
  add(entry: Recordable): void
  /** `done` is told once whether they are on the disk, unless what is returned is called before. */
  addDurably(entries: readonly Recordable[], done: (isDurable: boolean) => void): () => void
}

/** What the records of all calls are made with. */
export interface RecordParts {
  readonly trail: DurableTrail
  readonly clock: Clock
  readonly hashesKey: HmacKey
  readonly redaction: RedactionRules
  readonly callers: Callers
  readonly operations: Operations
  readonly decisions: Decisions
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

export class CallRecord implements CallFollower {
  /** A record says that it goes out. */
  attempted = false
  readonly #call: Call
  readonly #parts: RecordParts
  readonly #operation: Operation
  /** What all records of the call begin with; empty until the first. */
  #start = ''
  #person: Person | undefined
  #from = ''
  #trace = ''
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

  attempt(): void {
    if (this.#operation.rule.level === 'none') return
    this.attempted = true
    this.#parts.trail.add(this.attemptDraft())
  }

  attemptDraft(): Draft {
    const { exchange, message } = this.#call
    const { args } = message
    const { decisions, hashesKey } = this.#parts
    const start = this.#startText()
    const rest = `${decisions.textOf(this.#call)}${this.#traceText()}`
    if (args === undefined) return this.#draft('call.attempted', `${start}${rest}`, undefined, 0)
    const text = exchange.body.subarray(args.start, args.end)
    const { hash, form } = hashArguments(hashesKey, text)
    const shown = this.#wants('request') ? redactJson(text, this.#parts.redaction) : undefined
    const said = `${start},"arguments":{"bytes":${text.length},"form":"${form}"${shownText(shown)}}`
    return this.#draft('call.attempted', `${said}${rest}`, hash, shown?.length ?? 0)
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
    const { decisions, redaction, trail } = this.#parts
    const start = this.#startText()
    const decision = type === 'authz.denied' ? decisions.textOf(this.#call) : ''
    const took = elapsed(this.#call.exchange, atMs)
    const facts = `${endText(outcome)}${decision},"durationMs":${took},"attempts":${this.#attempts}`
    const answer = this.#answered
    const shown =
      answer?.result !== undefined && this.#wants('request_response')
        ? redactJson(answer.result, redaction)
        : undefined
    const result =
      answer === undefined ? '' : `,"result":{"bytes":${answer.resultBytes}${shownText(shown)}}`
    const members = `${start}${facts}${result}${this.#traceText()}`
    trail.add(this.#draft(type, members, undefined, shown?.length ?? 0))
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

  #startText(): string {
    if (this.#start === '') {
      const { callers, newId } = this.#parts
      const { exchange } = this.#call
      this.#start = `,"call":${quote(newId())}${this.#operation.members}`
      this.#person = callers.personOf(exchange)
      this.#from = callers.fromOf(exchange)
    }
    return this.#start
  }

  #traceText(): string {
    const { trace } = this.#call
    if (this.#trace === '' && trace !== undefined) {
      this.#trace = `,"trace":{"traceId":${quote(trace.traceId)},"spanId":${quote(trace.spanId)}}`
    }
    return this.#trace
  }

  #draft(
    type: AuditType,
    members: string,
    argumentsHash: string | undefined,
    textBytes: number,
  ): Draft {
    return {
      type,
      atWallMs: this.#parts.clock.wallMs(),
      person: this.#person,
      from: this.#from,
      argumentsHash,
      members,
      textBytes,
    }
  }
}

function shownText(shown: string | undefined): string {
  return shown === undefined ? '' : `,"shown":${quote(shown)}`
}
