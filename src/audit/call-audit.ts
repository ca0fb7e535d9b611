/** Records what happens to calls: an observer of them, and the stage that records them before they go out. */

import type { AuditType } from '../core/audit.ts'
import type { Clock } from '../core/clock.ts'
import type { Call, Exchange } from '../core/exchange.ts'
import type { CallFollower, CallObserver } from '../core/observer.ts'
import type { Outcome } from '../core/outcome.ts'
import type { RedactionRules } from '../core/redact.ts'
import {
  CallRecord,
  elapsed,
  typeOfRefusal,
  type DurableTrail,
  type RecordParts,
} from './call-record.ts'
import { Callers } from './callers.ts'
import { Decisions } from './decisions.ts'
import { endOf, exchangeOf, type AddressRule } from './describe-call.ts'
import { HmacKey } from './digests.ts'
import { Drafts } from './draft.ts'
import { membersText } from './json-text.ts'
import type { AuditRule } from './levels.ts'
import { Operations } from './operations.ts'

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

export class CallAudit implements CallObserver {
  readonly #ruleOf: CallAuditOptions['ruleOf']
  readonly #parts: RecordParts

  constructor({ ruleOf, addresses, hashesKey, ...rest }: CallAuditOptions) {
    this.#ruleOf = ruleOf
    this.#parts = {
      ...rest,
      drafts: new Drafts(),
      callers: new Callers(new HmacKey(hashesKey), addresses),
      operations: new Operations(ruleOf),
      decisions: new Decisions(),
    }
  }

  begin(call: Call): CallFollower {
    this.#authenticated(call.exchange)
    const record = new CallRecord(call, this.#parts)
    call.record = record
    return record
  }

  /** Records that the calls of an exchange go out; undefined when nobody has to wait for that. */
  attempt({ calls }: Exchange): AttemptWait | undefined {
    let strict: CallRecord[] | undefined
    for (const { record } of calls) {
      if (record instanceof CallRecord && record.mustBeDurable) (strict ??= []).push(record)
    }
    if (strict !== undefined) return this.#wait(strict, calls)
    attemptOthers(calls)
    return undefined
  }

  exchangeEnded(exchange: Exchange, outcome: Outcome): void {
    this.#authenticated(exchange)
    if (exchange.calls.length > 0) return
    const refused = outcome.kind === 'rejected'
    const { level } = this.#ruleOf(exchange.upstreamName, undefined)
    if (level === 'none' && !refused) return
    this.#add(refused ? typeOfRefusal(outcome) : 'exchange.ended', exchange, {
      ...exchangeOf(exchange),
      ...endOf(outcome),
      durationMs: elapsed(exchange, this.#parts.clock.monotonicMs()),
    })
  }

  /** Said of it by `sidelight.limit.hits`. */
  limitHit(): void {}

  /** The other calls of a batch go out with those that wait, or not at all. */
  #wait(strict: readonly CallRecord[], calls: readonly Call[]): AttemptWait {
    let leave: (() => void) | undefined
    return {
      start: (done) => {
        const drafts = strict.map((record) => record.attemptNow())
        leave = this.#parts.trail.addDurably(drafts, (isDurable) => {
          if (isDurable) {
            for (const record of strict) record.attempted = true
            attemptOthers(calls)
          }
          done(isDurable)
        })
      },
      leave: () => leave?.(),
    }
  }

  /** Once for each time that a token was verified. */
  #authenticated(exchange: Exchange): void {
    const { principal } = exchange
    if (principal === undefined || this.#parts.callers.knows(principal)) return
    const { roles, expiresAtMs } = principal
    this.#add('auth.succeeded', exchange, {
      upstream: exchange.upstreamName.slice(0, 256),
      roles: roles.slice(0, ROLES_MAX),
      expires: isFiniteTime(expiresAtMs) ? new Date(expiresAtMs).toISOString() : undefined,
    })
  }

  #add(type: AuditType, exchange: Exchange, body: Parameters<typeof membersText>[0]): void {
    const { trail, clock, callers, drafts } = this.#parts
    const sender = callers.senderOf(exchange)
    drafts.begin()
    callers.writeFrom(exchange, sender, drafts.text)
    drafts.text.text(membersText(body))
    const { person } = sender
    const atWallMs = clock.wallMs()
    trail.add(drafts.end({ type, atWallMs, person, argumentsHash: undefined, textBytes: 0 }))
  }
}

function attemptOthers(calls: readonly Call[]): void {
  for (const { record } of calls) {
    if (record instanceof CallRecord && !record.mustBeDurable) record.attempt()
  }
}

const ROLES_MAX = 32

/** What a Date can hold. */
function isFiniteTime(atMs: number): boolean {
  return Math.abs(atMs) <= 8.64e15
}
