/**
 * Keeps the books of one exchange: every call gets exactly one outcome, every follower hears it
 * once, and the exchange ends once.
 */

import type { Call, Exchange } from '../core/exchange.ts'
import type { AttemptTarget, CallFollower, Injection } from '../core/observer.ts'
import { factsOf, reasonOf, type Outcome } from '../core/outcome.ts'
import type { Stages } from './stages.ts'

export interface CallInjection {
  readonly message: Call['message']
  readonly injection: Injection
}

export class Ledger {
  readonly #exchange: Exchange
  readonly #stages: Stages
  readonly #followers: (CallFollower | undefined)[] = []
  #open = 0
  readonly #suspended = new Set<number>()
  #ended = false
  #batch = false
  #worst: Outcome | undefined

  constructor(exchange: Exchange, stages: Stages) {
    this.#exchange = exchange
    this.#stages = stages
  }

  get batch(): boolean {
    return this.#batch
  }

  /** The calls have been read. */
  begin(batch: boolean): void {
    this.#batch = batch
    for (const call of this.#exchange.calls) {
      this.#open += 1
      const follows = call.message.kind !== 'response'
      this.#followers.push(follows ? this.#stages.observer.begin(call) : undefined)
    }
  }

  /** An attempt starts for every call; returns what to write into each. */
  attemptStarted(target: AttemptTarget, attempt: number): readonly CallInjection[] {
    const atMs = this.#stages.clock.monotonicMs()
    const injections: CallInjection[] = []
    for (const [index, follower] of this.#followers.entries()) {
      const call = this.#exchange.calls[index]
      const injection = follower?.attemptStarted(target, attempt, atMs)
      if (injection !== undefined && call !== undefined) {
        injections.push({ message: call.message, injection })
      }
    }
    return injections
  }

  /** The attempt failed and another follows. */
  attemptFailed(outcome: Outcome): void {
    const atMs = this.#stages.clock.monotonicMs()
    for (const follower of this.#followers) follower?.attemptEnded(outcome, atMs)
  }

  /** The answer to one call has passed, or it will never come. */
  endCall(index: number, outcome: Outcome): void {
    const call = this.#exchange.calls[index]
    if (call === undefined || call.outcome !== undefined) return
    call.outcome = outcome
    this.#open -= 1
    if (factsOf(outcome).breakerSignal === 'fault') this.#worst = outcome
    this.#worst ??= outcome
    const atMs = this.#stages.clock.monotonicMs()
    const follower = this.#followers[index]
    follower?.attemptEnded(outcome, atMs)
    follower?.ended(outcome, atMs)
    if (this.#stages.log.enabled(levelOf(outcome))) this.#logCall(call, outcome, atMs)
  }

  /** The call's answer will come on another stream; its outcome is settled there. */
  suspendCall(index: number): void {
    this.#suspended.add(index)
    this.#stages.resumptions.suspend(this.#exchange, index, (outcome) => {
      this.#suspended.delete(index)
      this.endCall(index, outcome)
    })
  }

  /** True when every call has an outcome. */
  get settled(): boolean {
    return this.#open === 0
  }

  /** The exchange is over: what is still open and not suspended ends with `outcome`. */
  endAll(outcome: Outcome): void {
    if (this.#ended) return
    this.#ended = true
    for (let index = 0; index < this.#exchange.calls.length; index += 1) {
      if (!this.#suspended.has(index)) this.endCall(index, outcome)
    }
    this.#stages.observer.exchangeEnded(this.#exchange, this.outcome(outcome))
  }

  /** The exchange's own outcome: its call's, the worst of a batch, or `otherwise`. */
  outcome(otherwise: Outcome): Outcome {
    return this.#worst ?? otherwise
  }

  #logCall(call: Call, outcome: Outcome, atMs: number): void {
    this.#stages.log.write(levelOf(outcome), 'call.ended', 'A call ended', {
      upstream: this.#exchange.upstreamName,
      method: call.message.method,
      target: call.message.target,
      outcome: outcome.kind,
      reason: reasonOf(outcome),
      duration_ms: Math.round((atMs - this.#exchange.receivedAtMs) * 1000) / 1000,
    })
  }
}

/** What a call's end is worth in the log: only faults of upstreams and ours are for everyone. */
function levelOf(outcome: Outcome): 'debug' | 'warn' {
  const domain = factsOf(outcome).faultDomain
  return domain === 'upstream' || domain === 'sidecar' ? 'warn' : 'debug'
}
