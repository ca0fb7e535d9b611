/** What waits for something to come on another stream: calls, and requests of servers. */

import type { Config } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import type { CallObserver } from '../core/observer.ts'
import { Resumptions } from '../pipeline/resumptions.ts'
import { ServerRequests } from '../pipeline/server-requests.ts'
import { durationOf } from './units.ts'

export interface Pending {
  readonly resumptions: Resumptions
  readonly serverRequests: ServerRequests
  sweep(): void
  endAll(): void
}

export function createPending(
  { config, clock }: { readonly config: Config; readonly clock: Clock },
  observer: CallObserver,
): Pending {
  const resumptions = new Resumptions(clock, {
    callsMax: config.limits.suspendedCalls,
    waitMs: durationOf(config.limits.suspendedWait),
    onOverflow: () => observer.limitHit('suspended_calls'),
  })
  const serverRequests = new ServerRequests({
    clock,
    onOverflow: () => observer.limitHit('server_requests'),
  })
  return {
    resumptions,
    serverRequests,
    sweep: () => {
      resumptions.sweep()
      serverRequests.sweep()
    },
    endAll: () => {
      resumptions.endAll()
      serverRequests.endAll()
    },
  }
}
