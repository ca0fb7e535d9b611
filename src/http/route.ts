/** Where requests go. */

import type { Endpoint } from '../core/exchange.ts'

/** Where a request goes: the upstream, and what of it the path stands for. */
export interface Route {
  readonly upstream: string
  readonly endpoint: Endpoint
}

/** The path of a target as it came. Nearly every request names one as it is configured, and needs no router. */
export function pathAsSent(target: string): string {
  const query = target.indexOf('?')
  return query < 0 ? target : target.slice(0, query)
}
