/** What is needed to pass one reply on. */

import type { Exchange } from '../core/exchange.ts'
import type { Client } from '../core/reply.ts'
import type { Permit } from '../resilience/permit.ts'
import type { Ledger } from './ledger.ts'
import type { Stages, Upstream } from './stages.ts'

export interface DeliveryParts {
  readonly exchange: Exchange
  readonly client: Client
  readonly stages: Stages
  readonly upstream: Upstream
  readonly permit: Permit
  readonly ledger: Ledger
  /** The reply has to be read on its way, so it is not to be compressed. */
  readonly plain: boolean
}

/** What is passed unread may be a stream for all we know. */
export function staysOpen({ exchange, stages }: DeliveryParts): boolean {
  if (exchange.kind === 'stream' || exchange.endpoint === 'pass') return true
  for (const { message } of exchange.calls) if (stages.isLongLived(message.method)) return true
  return false
}
