/** What browsers ask before they send a request with a credential (Fetch standard, "CORS-preflight"). */

import type { IncomingMessage, ServerResponse } from 'node:http'

const TOKENS = /^[!#$%&'*+.^_`|~0-9A-Za-z, -]{1,2048}$/

/**
 * Answers a preflight; false when the request is none. The Origin has been checked before. It says
 * only what may be asked; the reply itself has to allow its reader.
 */
export function answerPreflight(incoming: IncomingMessage, outgoing: ServerResponse): boolean {
  const { origin } = incoming.headers
  const method = incoming.headers['access-control-request-method']
  if (incoming.method !== 'OPTIONS' || origin === undefined || method === undefined) return false
  const asked = incoming.headers['access-control-request-headers']
  outgoing.writeHead(204, {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Methods': 'GET, POST, DELETE',
    ...(asked !== undefined && TOKENS.test(asked) ? { 'Access-Control-Allow-Headers': asked } : {}),
    'Access-Control-Max-Age': '600',
    Vary: 'Origin',
  })
  outgoing.end()
  return true
}
