/** Where requests go. */

import type { Endpoint } from '../core/exchange.ts'

/** Where a request goes: the upstream, and what of it the path stands for. */
export interface Route {
  readonly upstream: string
  readonly endpoint: Endpoint
}
