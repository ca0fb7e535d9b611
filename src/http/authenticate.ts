/**
 * Finds out who sends a request before anything of its body is read, so that strangers cost a head
 * and no memory.
 */

import type { Authenticated, Authenticator, PendingAuthentication } from '../core/authentication.ts'
import { logDefect } from '../core/log.ts'
import { DRAINING, reject, type Rejection } from '../core/outcome.ts'
import type { Stoppable } from '../pipeline/in-flight.ts'
import type { Arrival, EarlyEnd } from './arrival.ts'

/** For keys and signatures together; each of their steps has a limit of its own. */
const WAIT_MS = 10_000

export function authenticate(arrival: Arrival, authenticator: Authenticator): void {
  const found = authenticator.authenticate(arrival.facts())
  if (found.kind === 'authenticated') return arrival.identified(found.principal)
  if (found.kind === 'rejected') return arrival.ended(found)
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
    this.upstreamName = arrival.route.upstream
    this.#startedMs = arrival.stages.clock.monotonicMs()
  }

  start(): void {
    const { client, stages } = this.#arrival
    stages.inFlight.add(this)
    client.onGone(() => this.#end({ kind: 'cancelled' }))
    this.#pending.start((result) => this.#came(result))
  }

  stop(): void {
    this.#end(DRAINING)
  }

  abort(): void {
    this.#arrival.client.abort()
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
    const { stages } = this.#arrival
    this.#over = true
    try {
      this.#arrival.identified(result.principal)
    } catch (error) {
      logDefect(stages.log, 'A request could not go on after its sender was known', error)
      this.#arrival.ended({ kind: 'internal' })
    } finally {
      // Only now, or a shutdown would believe for a moment that nothing is under way.
      stages.inFlight.remove(this)
    }
  }

  #end(outcome: EarlyEnd): void {
    if (this.#over) return
    this.#over = true
    this.#pending.leave()
    this.#arrival.ended(outcome)
    this.#arrival.stages.inFlight.remove(this)
  }
}
