/**
 * Finds out who sends a request before anything of its body is read, so that strangers cost a head
 * and no memory.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type {
  Authenticated,
  Authenticator,
  PendingAuthentication,
  RequestFacts,
} from '../core/authentication.ts'
import { logDefect } from '../core/log.ts'
import { DRAINING, reject, type Outcome, type Rejection } from '../core/outcome.ts'
import type { Principal } from '../core/principal.ts'
import type { Stoppable } from '../pipeline/in-flight.ts'
import type { Stages } from '../pipeline/stages.ts'
import { answerPreflight } from './preflight.ts'

export interface Arrival {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  readonly facts: RequestFacts
  readonly stages: Stages
  /** It is from this sender; the request goes on. */
  readonly onPrincipal: (principal: Principal) => void
  /** It ends here, with this outcome, which a rejection or a defect still has to be answered with. */
  readonly onEnd: (
    outcome: Rejection | Extract<Outcome, { kind: 'internal' | 'cancelled' }>,
  ) => void
  /** A browser's question was answered. */
  readonly onPreflight: () => void
}

/** For keys and signatures together; each of their steps has a limit of its own. */
const WAIT_MS = 10_000

export function authenticate(arrival: Arrival, authenticator: Authenticator): void {
  const { incoming, outgoing, facts } = arrival
  // Browsers ask without credentials, so nothing that they ask may reach an upstream.
  if (answerPreflight(incoming, outgoing)) return arrival.onPreflight()
  const found = authenticator.authenticate(facts)
  if (found.kind === 'authenticated') return arrival.onPrincipal(found.principal)
  if (found.kind === 'rejected') return arrival.onEnd(found)
  new Wait(arrival, found).start()
}

/** A request whose sender is not known yet. It ends once. */
class Wait implements Stoppable {
  readonly upstreamName: string
  inFlightIndex = -1
  // A shutdown does not wait for strangers.
  readonly longLived = true
  readonly waits = true
  readonly #arrival: Arrival
  readonly #pending: PendingAuthentication
  readonly #startedMs: number
  #over = false

  constructor(arrival: Arrival, pending: PendingAuthentication) {
    this.#arrival = arrival
    this.#pending = pending
    this.upstreamName = arrival.facts.upstreamName
    this.#startedMs = arrival.stages.clock.monotonicMs()
  }

  start(): void {
    const { outgoing, stages } = this.#arrival
    stages.inFlight.add(this)
    outgoing.once('close', () => this.#end({ kind: 'cancelled' }))
    this.#pending.start((result) => this.#came(result))
  }

  stop(): void {
    this.#end(DRAINING)
  }

  abort(): void {
    this.#arrival.outgoing.destroy()
    this.#end({ kind: 'cancelled' })
  }

  cancelCall(): void {}

  tick(nowMs: number): void {
    if (nowMs - this.#startedMs < WAIT_MS) return
    this.#end(reject('auth_unavailable', 'it took too long to find out whether the token is valid'))
  }

  #came(result: Authenticated | Rejection): void {
    if (this.#over) return
    if (result.kind === 'rejected') return this.#end(result)
    const { onPrincipal, onEnd, stages } = this.#arrival
    this.#over = true
    try {
      onPrincipal(result.principal)
    } catch (error) {
      logDefect(stages.log, 'A request could not go on after its sender was known', error)
      onEnd({ kind: 'internal' })
    } finally {
      // Only now, or a shutdown would believe for a moment that nothing is under way.
      stages.inFlight.remove(this)
    }
  }

  #end(outcome: Parameters<Arrival['onEnd']>[0]): void {
    if (this.#over) return
    this.#over = true
    this.#pending.leave()
    this.#arrival.onEnd(outcome)
    this.#arrival.stages.inFlight.remove(this)
  }
}
