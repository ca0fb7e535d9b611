/** Parts and variants of messages as bytes. */

import type { Exchange } from '../../core/exchange.ts'
import type { JsonRpcId } from '../../core/message.ts'
import { applyEdits } from '../../mcp/edit-bytes.ts'
import type { Token, WireMessage } from '../../mcp/wire-message.ts'

const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** The id of the request that all of the body is, when it has no progress token; undefined otherwise. */
export function loneRequest({ batch, calls }: Exchange, body: Buffer): JsonRpcId | undefined {
  const message = batch ? undefined : calls[0]?.message
  if (message?.kind !== 'request' || message.progressToken !== undefined) return undefined
  const bare = body[0] === OPEN_BRACE && body[body.length - 1] === CLOSE_BRACE
  return bare ? message.id : undefined
}

/** The message alone, of a line that may hold several. */
export function bytesOf(body: Buffer, { start, end }: WireMessage): Buffer {
  return start === 0 && end === body.length ? body : body.subarray(start, end)
}

/** True when the id and the progress token of a message stand in `to`, which was made of `from`, where they stood. */
export function keepsTokens({ id, progressToken }: WireMessage, from: Buffer, to: Buffer): boolean {
  if (from === to) return true
  const until = Math.max(id?.end ?? 0, progressToken?.end ?? 0)
  return until <= to.length && from.compare(to, 0, until, 0, until) === 0
}

/** A message with other tokens; `bytes` are those of the message alone. */
export function replaced(
  bytes: Buffer,
  { start }: WireMessage,
  tokens: readonly (Token | undefined)[],
  text: string,
): Buffer {
  const edits = tokens.flatMap((token) =>
    token === undefined ? [] : [{ start: token.start - start, end: token.end - start, text }],
  )
  return applyEdits(bytes, edits)
}

/** What a server of an earlier revision says of `server/discover`, or would if it did not end of it. */
export function noDiscover(idRaw: string): Buffer {
  const error = `{"code":-32601,"message":"The server knows no server/discover: it ended when it was asked."}`
  return Buffer.from(`{"jsonrpc":"2.0","id":${idRaw},"error":${error}}`)
}
