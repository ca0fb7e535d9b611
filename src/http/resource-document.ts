/** Serves our metadata as a protected resource (RFC 9728 §3), to everybody: it says where tokens are had. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HeaderRecord } from '../core/exchange.ts'

/** The document at a path, as JSON; undefined when there is none. */
export type DocumentAt = (request: {
  readonly path: string
  readonly headers: HeaderRecord
}) => string | undefined

const PREFIX = '/.well-known/oauth-protected-resource'

/** False when the request is for something else. */
export function serveResourceDocument(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  documentAt: DocumentAt,
): boolean {
  const [path = ''] = (incoming.url ?? '').split('?', 1)
  if (path !== PREFIX && !path.startsWith(`${PREFIX}/`)) return false
  // Clients in browsers read it from anywhere.
  const everywhere = { 'Access-Control-Allow-Origin': '*', 'Content-Type': 'application/json' }
  if (incoming.method === 'OPTIONS') {
    const allowed = { 'Access-Control-Allow-Methods': 'GET', 'Access-Control-Allow-Headers': '*' }
    outgoing.writeHead(204, { ...everywhere, ...allowed }).end()
    return true
  }
  const document = documentAt({ path, headers: incoming.headers })
  const readable = incoming.method === 'GET' || incoming.method === 'HEAD'
  if (document === undefined || !readable) {
    outgoing.writeHead(404, everywhere).end('{"error":"not_found"}\n')
    return true
  }
  outgoing.writeHead(200, { ...everywhere, 'Cache-Control': 'max-age=60' }).end(document)
  return true
}
