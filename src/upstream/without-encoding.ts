/** Asks for a reply that is not compressed. */

import type { Outbound } from './transport.ts'

/** What has to be rewritten must not be compressed: the request without its `Accept-Encoding`. */
export function withoutEncoding(outbound: Outbound): Outbound {
  const raw = outbound.exchange.rawHeaders
  const kept = raw.filter((_, index) => {
    const name = raw[index - (index % 2)] ?? ''
    return name.toLowerCase() !== 'accept-encoding'
  })
  return { ...outbound, exchange: { ...outbound.exchange, rawHeaders: kept } }
}
