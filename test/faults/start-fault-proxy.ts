/** A fault proxy that is closed when the test is over. */

import { closeAfterTest } from '../support/scope.ts'
import { FaultProxy, type FaultProxyOptions } from './fault-proxy.ts'

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = await FaultProxy.open(options)
  closeAfterTest(() => proxy.close())
  return proxy
}
