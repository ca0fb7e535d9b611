/** The log record of an upstream that did not answer as it should. */

import type { Exchange } from '../core/exchange.ts'
import type { Log } from '../core/log.ts'
import type { TransportFailure } from '../upstream/transport.ts'

export function logUpstreamFailure(log: Log, exchange: Exchange, failure: TransportFailure): void {
  if (!log.enabled('warn')) return
  log.write(
    'warn',
    'sidelight.upstream.failed',
    'An upstream did not answer as it should',
    {
      'sidelight.upstream.name': exchange.upstreamName,
      'error.type': failure.reason,
      'sidelight.detail': failure.detail,
      'sidelight.call.sent': failure.sent,
    },
    exchange.calls[0]?.trace,
  )
}
