/** Ids and tokens of several clients before one process: each is replaced, and put back as it was. */

import { applyEdits, replaceText, type Edit } from '../../mcp/edit-bytes.ts'
import type { Token, WireMessage } from '../../mcp/wire-message.ts'

/** What a client wrote. */
export interface Originals {
  readonly id: Token
  readonly progressToken: Token | undefined
}

/** What a notification of the server says it belongs to. */
export function namedBy({
  method,
  subscription,
  progressOf,
  cancels,
}: WireMessage): Token | undefined {
  if (subscription !== undefined) return subscription
  if (method === 'notifications/progress') return progressOf
  return method === 'notifications/cancelled' ? cancels : undefined
}

export function replaceTokens(body: Buffer, message: WireMessage, ours: number): Buffer {
  const text = String(ours)
  const { id, progressToken } = message
  if (id !== undefined && progressToken === undefined) {
    return replaceText(body, id.start, id.end, text)
  }
  const edits: Edit[] = []
  for (const token of [id, progressToken]) {
    if (token !== undefined) edits.push({ start: token.start, end: token.end, text })
  }
  return applyEdits(body, edits)
}

export function restoreTokens(bytes: Buffer, message: WireMessage, entry: Originals): Buffer {
  const { id, start, subscription } = message
  if (message.kind === 'response' && id !== undefined && subscription === undefined) {
    return replaceText(bytes, id.start - start, id.end - start, entry.id.raw)
  }
  const edits: Edit[] = []
  const put = (token: Token | undefined, original: Token | undefined): void => {
    if (token === undefined || original === undefined) return
    edits.push({ start: token.start - start, end: token.end - start, text: original.raw })
  }
  if (message.kind === 'response') put(id, entry.id)
  put(subscription, entry.id)
  if (message.method === 'notifications/progress') put(message.progressOf, entry.progressToken)
  return applyEdits(bytes, edits)
}
