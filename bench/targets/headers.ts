/** Which headers the comparison proxies pass on. */

import type { IncomingHttpHeaders } from 'node:http'

/** They concern one connection only (RFC 9110, 7.6.1), or name the proxy itself. */
const OWN_HOP = new Set(['connection', 'keep-alive', 'host', 'transfer-encoding'])

export function forwardedHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const forwarded: IncomingHttpHeaders = {}
  for (const name in headers) if (!OWN_HOP.has(name)) forwarded[name] = headers[name]
  return forwarded
}
