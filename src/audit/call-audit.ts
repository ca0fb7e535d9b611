/** Records what happens to calls: an observer of them, and the stage that records them before they go out. */

import type { AuditEntry, AuditTrail, AuditType, AuditValue, AuditWho } from '../core/audit.ts'
import type { Clock } from '../core/clock.ts'
import type { Call, Exchange } from '../core/exchange.ts'
import type { Answered, CallFollower, CallObserver, Injection } from '../core/observer.ts'
import type { Outcome, Rejection } from '../core/outcome.ts'
import type { Principal } from '../core/principal.ts'
import { redactJson, type RedactionRules } from '../core/redact.ts'
import type { RejectReason } from '../core/reject-reasons.ts'
import {
  decisionOf,
  endOf,
  exchangeOf,
  traceOf,
  whatOf,
  whoOf,
  type AddressRule,
} from './describe-call.ts'
import { hashArguments } from './hash-arguments.ts'
import type { AuditRule } from './levels.ts'

export interface DurableTrail extends AuditTrail {
  /** `done` is told once whether they are on the disk, unless what is returned is called before. */
  addDurably(entries: readonly AuditEntry[], done: (isDurable: boolean) => void): () => void
}

export interface CallAuditOptions {
  readonly trail: DurableTrail
  readonly clock: Clock
  readonly ruleOf: (upstream: string, tool: string | undefined) => AuditRule
  readonly hashesKey: Buffer
  readonly addresses: AddressRule
  readonly redaction: RedactionRules
  /** Ids that join the records of one call; unique in the whole log. */
  readonly newId: () => string
}

/** The attempt is being recorded; whoever asked waits. */
export interface AttemptWait {
  start(done: (isDurable: boolean) => void): void
  leave(): void
}

const AUTH_REASONS: ReadonlySet<RejectReason> = new Set([
  'unauthenticated',
  'invalid_token',
  'malformed_authorization',
  'auth_unavailable',
])

export class CallAudit implements CallObserver {
  readonly #options: CallAuditOptions
  /** Whose authentication has been recorded; verified again, they are others. */
  readonly #seen = new WeakSet<Principal>()
  readonly #records = new WeakMap<Call, CallRecord>()

  constructor(options: CallAuditOptions) {
    this.#options = options
  }

  begin(call: Call): CallFollower {
    this.#authenticated(call.exchange)
    const record = new CallRecord(call, this.#options)
    this.#records.set(call, record)
    return record
  }

  /** Records that the calls of an exchange go out; undefined when nobody has to wait for that. */
  attempt({ calls }: Exchange): AttemptWait | undefined {
    const strict: CallRecord[] = []
    for (const call of calls) {
      const record = this.#records.get(call)
      if (record?.mustBeDurable === true) strict.push(record)
      else record?.attempt()
    }
    if (strict.length === 0) return undefined
    const { trail } = this.#options
    let leave: (() => void) | undefined
    return {
      start: (done) => {
        const entries = strict.map((record) => record.attemptEntry())
        leave = trail.addDurably(entries, (isDurable) => {
          if (isDurable) for (const record of strict) record.attempted = true
          done(isDurable)
        })
      },
      leave: () => leave?.(),
    }
  }

  exchangeEnded(exchange: Exchange, outcome: Outcome): void {
    this.#authenticated(exchange)
    if (exchange.calls.length > 0) return
    const refused = outcome.kind === 'rejected'
    const { level } = this.#options.ruleOf(exchange.upstreamName, undefined)
    if (level === 'none' && !refused) return
    this.#add(refused ? typeOfRefusal(outcome) : 'exchange.ended', exchange, {
      ...exchangeOf(exchange),
      ...endOf(outcome),
      durationMs: elapsed(exchange, this.#options.clock.monotonicMs()),
    })
  }

  /** Said of it by `sidelight.limit.hits`. */
  limitHit(): void {}

  #authenticated(exchange: Exchange): void {
    const { principal } = exchange
    if (principal === undefined || this.#seen.has(principal)) return
    this.#seen.add(principal)
    const { roles, expiresAtMs } = principal
    this.#add('auth.succeeded', exchange, {
      upstream: exchange.upstreamName.slice(0, 256),
      roles: roles.slice(0, ROLES_MAX),
      expires: isFiniteTime(expiresAtMs) ? new Date(expiresAtMs).toISOString() : undefined,
    })
  }

  #add(type: AuditType, exchange: Exchange, body: AuditEntry['body']): void {
    const { trail, clock, hashesKey, addresses } = this.#options
    const who = whoOf(exchange, hashesKey, addresses)
    trail.add({ type, atWallMs: clock.wallMs(), who, body })
  }
}

const ROLES_MAX = 32

/** What a Date can hold. */
function isFiniteTime(atMs: number): boolean {
  return Math.abs(atMs) <= 8.64e15
}

function typeOfRefusal({ reason }: Rejection): AuditType {
  return AUTH_REASONS.has(reason) ? 'auth.failed' : 'call.refused'
}

function elapsed({ receivedAtMs }: Exchange, nowMs: number): number {
  return Math.round((nowMs - receivedAtMs) * 1_000) / 1_000
}

/** Follows one call to its end. */
class CallRecord implements CallFollower {
  readonly rule: AuditRule
  /** A record says that it goes out. */
  attempted = false
  readonly #call: Call
  readonly #options: CallAuditOptions
  #id: string | undefined
  #who: AuditWho | undefined
  #attempts = 0
  #answered: Answered | undefined

  constructor(call: Call, options: CallAuditOptions) {
    this.#call = call
    this.#options = options
    const { method, target } = call.message
    const tool = method === 'tools/call' ? target : undefined
    this.rule = options.ruleOf(call.exchange.upstreamName, tool)
  }

  get resultBytesWanted(): number {
    return this.rule.level === 'request_response' ? this.#options.redaction.bytesMax : 0
  }

  /** The call waits until the record of its attempt is on the disk. */
  get mustBeDurable(): boolean {
    return this.rule.mode === 'strict' && this.rule.level !== 'none'
  }

  attempt(): void {
    if (this.rule.level === 'none') return
    this.attempted = true
    this.#options.trail.add(this.attemptEntry())
  }

  attemptEntry(): AuditEntry {
    const { exchange, message } = this.#call
    const { args } = message
    const text = args === undefined ? undefined : exchange.body.subarray(args.start, args.end)
    const hashed = text === undefined ? undefined : hashArguments(this.#options.hashesKey, text)
    const shown = this.#wants('request') ? this.#redacted(text) : undefined
    return this.#entry(
      'call.attempted',
      {
        arguments:
          text === undefined ? undefined : { bytes: text.length, form: hashed?.form, shown },
        decision: decisionOf(this.#call),
        trace: traceOf(this.#call),
      },
      { argumentsHash: hashed?.hash, textBytes: shown?.length ?? 0 },
    )
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
    if (this.rule.level === 'none' && type !== 'authz.denied' && type !== 'auth.failed') return
    const answer = this.#answered
    const shown = this.#wants('request_response') ? this.#redacted(answer?.result) : undefined
    this.#options.trail.add(
      this.#entry(
        type,
        {
          ...endOf(outcome),
          decision: type === 'authz.denied' ? decisionOf(this.#call) : undefined,
          durationMs: elapsed(this.#call.exchange, atMs),
          attempts: this.#attempts,
          result: answer === undefined ? undefined : { bytes: answer.resultBytes, shown },
          trace: traceOf(this.#call),
        },
        { textBytes: shown?.length ?? 0 },
      ),
    )
  }

  #typeOf(outcome: Outcome): AuditType {
    if (this.attempted || outcome.kind !== 'rejected') return 'call.ended'
    const { decision } = this.#call
    if (decision?.kind === 'deny' && !decision.dryRun) return 'authz.denied'
    return typeOfRefusal(outcome)
  }

  #wants(level: 'request' | 'request_response'): boolean {
    const own = this.rule.level
    return own === 'request_response' || own === level
  }

  #redacted(text: Buffer | undefined): string | undefined {
    return text === undefined ? undefined : redactJson(text, this.#options.redaction)
  }

  #entry(
    type: AuditType,
    body: Readonly<Record<string, AuditValue>>,
    rest: Pick<AuditEntry, 'argumentsHash' | 'textBytes'>,
  ): AuditEntry {
    const { clock, hashesKey, addresses, newId } = this.#options
    this.#id ??= newId()
    this.#who ??= whoOf(this.#call.exchange, hashesKey, addresses)
    return {
      type,
      atWallMs: clock.wallMs(),
      who: this.#who,
      body: { call: this.#id, ...whatOf(this.#call), ...body },
      ...rest,
    }
  }
}
