/** What of a line has to be repeated in the headers of the request that carries it. */

import { member, parseJson } from '../mcp/json-member.ts'
import type { WireMessage } from '../mcp/wire-message.ts'

export interface BridgeFacts {
  readonly method: string
  /** `_meta`'s protocol revision; undefined in the handshake era. */
  readonly revision: string | undefined
  /** The value that `Mcp-Name` repeats; undefined when the message names nothing. */
  readonly name: string | undefined
}

export function readBridgeFacts(line: Buffer, message: WireMessage | undefined): BridgeFacts {
  const method = message?.method ?? ''
  if (message?.claimsModern !== true) return { method, revision: undefined, name: undefined }
  const params = member(parseJson(line), 'params')
  const revision = member(member(params, '_meta'), 'io.modelcontextprotocol/protocolVersion')
  const key = method === 'resources/read' ? 'uri' : method.startsWith('tasks/') ? 'taskId' : 'name'
  const name = member(params, key)
  return {
    method,
    revision: typeof revision === 'string' ? revision : undefined,
    name: typeof name === 'string' ? name : undefined,
  }
}
