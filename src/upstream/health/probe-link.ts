/** What a health check needs of an upstream: to ask something, and to hear what comes of it. */

import type { UpstreamFailure } from '../../core/outcome.ts'
import { FIRST_MODERN_REVISION } from '../../mcp/revisions.ts'

export interface ProbeRequest {
  readonly method: string
  readonly era: 'modern' | 'legacy'
}

export type ProbeAnswer =
  | { readonly kind: 'result' }
  | { readonly kind: 'rpc_error' }
  /** An HTTP status without a JSON-RPC answer. */
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'failed'; readonly reason: UpstreamFailure }

export interface ProbeLink {
  request(request: ProbeRequest): Promise<ProbeAnswer>
  notify(method: string): Promise<void>
  /** Ends the session that was begun, if one was; never fails. */
  end(): Promise<void>
}

/** What a handshake asks for. */
export const LEGACY_REVISION = '2025-11-25'

/** The JSON text of a request of ours. */
export function requestBody(id: number, { method, era }: ProbeRequest, version: string): Buffer {
  const clientInfo = { name: 'sidelight-health', version }
  const params =
    era === 'modern'
      ? {
          _meta: {
            'io.modelcontextprotocol/protocolVersion': FIRST_MODERN_REVISION,
            'io.modelcontextprotocol/clientInfo': clientInfo,
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        }
      : method === 'initialize'
        ? { protocolVersion: LEGACY_REVISION, capabilities: {}, clientInfo }
        : undefined
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
}

export function notificationBody(method: string): Buffer {
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', method }))
}
