/** A transport to an upstream of a test, closed when the test is over. */

import { systemClock } from '../../src/core/clock.ts'
import { HttpTransport, type HttpTransportOptions } from '../../src/upstream/http-transport.ts'
import { PoolLog } from './pool-log.ts'
import { closeAfterTest } from './scope.ts'
import { SOON } from './wait-for.ts'

export function openTransport(
  url: string,
  options: Partial<HttpTransportOptions> = {},
): HttpTransport {
  const transport = new HttpTransport({
    name: 'up',
    url: new URL(url),
    headers: { preserveHost: false, set: new Map() },
    connectTimeoutMs: SOON,
    connectionsMax: 10,
    idleMs: 4_000,
    lifetimeMs: Infinity,
    prewarm: 0,
    headerBytesMax: 16_384,
    clock: systemClock,
    random: () => 0,
    pools: new PoolLog(),
    publicOriginOf: undefined,
    onTick: () => {},
    ...options,
  })
  closeAfterTest(() => transport.close())
  return transport
}
