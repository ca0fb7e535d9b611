/**
 * What shows that an agent is stuck: the same call again and again, and calls of a tool that has just
 * been refused. Counted per client, which is a session, else the identity that is claimed, else an address.
 *
 * Clients, tools and arguments are compared by a digest that never leaves the process.
 */

import type { Call } from '../core/exchange.ts'
import type { Outcome } from '../core/outcome.ts'
import { BoundedMap } from '../core/bounded-map.ts'
import { Fingerprint } from './fingerprint.ts'

/** Calls are compared with those of so long ago at most. */
export const REPEAT_WINDOW_MS = 5 * 60_000

/** Different calls that are remembered, all clients together; the oldest is forgotten first. */
export const CALLS_MAX = 10_000

/** Refused tools that are remembered. */
export const REFUSALS_MAX = 10_000

/** Of longer arguments the beginning and the length are compared. */
export const ARGUMENT_BYTES_MAX = 8 * 1024

interface Repeated {
  /** How often the call came again within the window of the one before. */
  repeats: number
  lastMs: number
}

export interface AgentSignalsOptions {
  /** How long a client is told to wait after this outcome; undefined when waiting does not help. */
  readonly retryAfterMs: (outcome: Outcome) => number | undefined
  /** Something was forgotten that was still in the window. */
  readonly onForgotten: () => void
}

/** What was found of one tool call as it began. */
export interface CallSignals {
  /** How many calls just like it came before it, each within the window of the one before. */
  readonly repeats: number
  /** The tool was refused to this client, which was asked to wait longer than it did. */
  readonly afterRefusal: boolean
}

const NOTHING: CallSignals = { repeats: 0, afterRefusal: false }

export class AgentSignals {
  readonly #options: AgentSignalsOptions
  readonly #calls: BoundedMap<Repeated, number>
  /** Until when each refused tool should not be called, by client and tool. */
  readonly #refusals: BoundedMap<number, number>
  readonly #fingerprint = new Fingerprint()
  #nowMs = 0

  constructor(options: AgentSignalsOptions) {
    this.#options = options
    this.#calls = new BoundedMap(CALLS_MAX, (_key, { lastMs }) => {
      if (this.#nowMs - lastMs < REPEAT_WINDOW_MS) options.onForgotten()
    })
    this.#refusals = new BoundedMap(REFUSALS_MAX, (_key, untilMs) => {
      if (this.#nowMs < untilMs) options.onForgotten()
    })
  }

  /** A call begins. */
  begin(call: Call): CallSignals {
    const { exchange, message } = call
    if (message.method !== 'tools/call') return NOTHING
    const nowMs = exchange.receivedAtMs
    this.#nowMs = nowMs
    const untilMs = this.#refusals.size === 0 ? undefined : this.#refusals.get(this.#toolOf(call))
    const afterRefusal = untilMs !== undefined && nowMs < untilMs
    const key = this.#digestOf(call)
    const known = this.#calls.get(key)
    if (known === undefined) {
      this.#calls.set(key, { repeats: 0, lastMs: nowMs })
      return afterRefusal ? { repeats: 0, afterRefusal } : NOTHING
    }
    known.repeats = nowMs - known.lastMs < REPEAT_WINDOW_MS ? known.repeats + 1 : 0
    known.lastMs = nowMs
    return { repeats: known.repeats, afterRefusal }
  }

  /** A call has ended. */
  ended(call: Call, outcome: Outcome, atMs: number): void {
    if (outcome.kind !== 'rejected' || call.message.method !== 'tools/call') return
    this.#nowMs = atMs
    const waitMs = this.#options.retryAfterMs(outcome) ?? REPEAT_WINDOW_MS
    this.#refusals.set(this.#toolOf(call), atMs + waitMs)
  }

  /** Of the client and the tool. */
  #toolOf(call: Call): number {
    return this.#start(call).end()
  }

  /** Equal for equal bytes of arguments; spelled differently they count as different. */
  #digestOf(call: Call): number {
    const { exchange, message } = call
    const digest = this.#start(call)
    const { args } = message
    if (args === undefined) return digest.end()
    const bytes = args.end - args.start
    const end = args.start + Math.min(bytes, ARGUMENT_BYTES_MAX)
    return digest.number(bytes).bytes(exchange.body, args.start, end).end()
  }

  #start({ exchange, message }: Call): Fingerprint {
    const { upstreamName, sessionId, ownerKey, clientAddress } = exchange
    const client = sessionId ?? (exchange.carrier === 'pipe' ? '|' : (ownerKey ?? clientAddress))
    return this.#fingerprint
      .start()
      .text(client ?? '')
      .text(upstreamName)
      .text(message.target ?? '')
  }
}
