/** Writes down what the sidecar says of every call and exchange, for tests to look at. */

import type { LimitName } from '../../src/core/limits.ts'
import type { CallObserver } from '../../src/core/observer.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { SOON, waitFor } from './wait-for.ts'

export interface RecordedCall {
  readonly upstream: string
  readonly method: string
  readonly target: string | undefined
  /** The id's JSON text; undefined for notifications. */
  readonly id: string | undefined
  /** Outcomes of the attempts to reach the upstream, in order. */
  readonly attempts: readonly Outcome[]
  /** Undefined while the call is under way. */
  readonly outcome: Outcome | undefined
  /** How often `ended` was told; anything but 1 is a defect of the sidecar. */
  readonly endings: number
}

export interface RecordedExchange {
  readonly kind: string
  readonly upstream: string
  readonly outcome: Outcome
}

interface MutableCall extends RecordedCall {
  attempts: Outcome[]
  outcome: Outcome | undefined
  endings: number
}

export class OutcomeRecorder implements CallObserver {
  readonly #calls: MutableCall[] = []
  readonly #exchanges: RecordedExchange[] = []
  readonly #limits: LimitName[] = []

  get calls(): readonly RecordedCall[] {
    return this.#calls
  }

  get exchanges(): readonly RecordedExchange[] {
    return this.#exchanges
  }

  get limits(): readonly LimitName[] {
    return this.#limits
  }

  begin: CallObserver['begin'] = ({ exchange, message }) => {
    const call: MutableCall = {
      upstream: exchange.upstreamName,
      method: message.method,
      target: message.target,
      id: message.id?.raw,
      attempts: [],
      outcome: undefined,
      endings: 0,
    }
    this.#calls.push(call)
    return {
      attemptStarted: () => undefined,
      attemptEnded: (outcome) => void call.attempts.push(outcome),
      ended: (outcome) => {
        call.outcome = outcome
        call.endings += 1
      },
    }
  }

  exchangeEnded: CallObserver['exchangeEnded'] = (exchange, outcome) => {
    this.#exchanges.push({ kind: exchange.kind, upstream: exchange.upstreamName, outcome })
  }

  limitHit: CallObserver['limitHit'] = (limit) => {
    this.#limits.push(limit)
  }

  /** The calls of one method so far. */
  of(method: string): readonly RecordedCall[] {
    return this.#calls.filter((call) => call.method === method)
  }

  /** The outcome of the newest call of a method (and target), once it has one. */
  async outcomeOf(method: string, target?: string): Promise<Outcome> {
    const matches = (call: RecordedCall): boolean =>
      call.method === method && (target === undefined || call.target === target)
    return waitFor(() => this.#calls.findLast(matches)?.outcome, {
      within: SOON,
      what: `the outcome of ${method}${target === undefined ? '' : ` ${target}`}`,
    })
  }

  /** The outcome of the newest exchange of a kind, once there are `count` of them. */
  async exchangeOutcome(kind: string, count = 1): Promise<Outcome> {
    return waitFor(
      () => {
        const ended = this.#exchanges.filter((exchange) => exchange.kind === kind)
        return ended.length >= count ? ended.at(-1)?.outcome : undefined
      },
      { within: SOON, what: `the end of ${count} exchange(s) of kind ${kind}` },
    )
  }

  /** Calls that have begun and not ended. */
  get open(): readonly RecordedCall[] {
    return this.#calls.filter((call) => call.outcome === undefined)
  }
}
