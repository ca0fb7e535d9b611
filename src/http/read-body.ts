/** Reads a request body whole, up to a limit. */

import type { IncomingMessage } from 'node:http'

export type BodyEnd =
  | { readonly kind: 'body'; readonly body: Buffer }
  | { readonly kind: 'too_large' }
  /** The client left before its request was complete. */
  | { readonly kind: 'gone' }

const EMPTY = Buffer.alloc(0)

/**
 * Calls `done` once. After `too_large` the rest of the body is discarded, so that the client can
 * read its answer; past as much again the connection is broken.
 */
export function readBody(
  incoming: IncomingMessage,
  bytesMax: number,
  done: (end: BodyEnd) => void,
): void {
  const declared = Number(incoming.headers['content-length'] ?? 0)
  let first: Buffer = EMPTY
  let rest: Buffer[] | undefined
  let bytes = 0
  let finished = false
  const finish = (end: BodyEnd): void => {
    if (finished) return
    finished = true
    first = EMPTY
    rest = undefined
    done(end)
  }
  if (declared > bytesMax) finish({ kind: 'too_large' })
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > bytesMax) finish({ kind: 'too_large' })
    if (bytes > 2 * bytesMax) incoming.destroy()
    if (finished) return
    if (bytes === chunk.length) first = chunk
    else (rest ??= [first]).push(chunk)
  })
  incoming.on('end', () =>
    finish({ kind: 'body', body: rest === undefined ? first : Buffer.concat(rest, bytes) }),
  )
  incoming.on('error', () => finish({ kind: 'gone' }))
  incoming.on('close', () => finish({ kind: 'gone' }))
}
