/** What the run of the fault benchmark and its helper processes tell each other. */

import type { Fault } from '../test/faults/faults.ts'

/** Load at a rate that does not slow down with its target, over several upstreams in turn. */
export interface RateOrder {
  readonly kind: 'rate'
  /** Where the calls go: the first, the second, and so on, again and again. */
  readonly lanes: readonly { readonly port: number; readonly path: string }[]
  readonly callsPerSecond: number
  readonly phases: readonly { readonly name: string; readonly ms: number }[]
  /** After the last phase calls under way get so long. */
  readonly graceMs: number
}

export interface PhaseBegun {
  readonly kind: 'phase'
  readonly name: string
}

/** What became of the calls that were due in a phase, for one lane. */
export interface LaneFigures {
  readonly calls: number
  /** The answer of the upstream's tool. */
  readonly answered: number
  /** Sidelight answered instead, by reason. */
  readonly refused: Readonly<Record<string, number>>
  /** A broken connection, a status, or an answer that is none. */
  readonly failed: number
  /** No answer when the load was over. */
  readonly open: number
  /** From the instant a call was due to its end, open ones with what they had waited by then. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** From the beginning of the phase to the last call that was due without getting an answer; 0 without one. */
  readonly lastBadMs: number
}

export interface RateResult {
  readonly kind: 'rate_result'
  /** By phase, then by lane. */
  readonly phases: Readonly<Record<string, readonly LaneFigures[]>>
  /** Of all lanes but the first together, by phase. */
  readonly othersP99Ms: Readonly<Record<string, number>>
}

/** Sets the faults of the upstream with this index. */
export interface FaultOrder {
  readonly kind: 'faults'
  readonly index: number
  readonly faults: readonly Fault[]
  /** In turns with no fault, when given. */
  readonly flapMs?: number
}

/** How many requests have come to each upstream so far, whatever became of them. */
export interface Reached {
  readonly kind: 'reached'
  readonly ports: readonly number[]
  readonly requests: readonly number[]
}

type Message = RateOrder | PhaseBegun | RateResult | FaultOrder | Reached

/** Tells a message of the run by its kind. */
export function isMessage<K extends Message['kind']>(
  message: unknown,
  kind: K,
): message is Extract<Message, { readonly kind: K }> {
  return (
    typeof message === 'object' && message !== null && 'kind' in message && message.kind === kind
  )
}
