/** Messages of a stdio server as JSON bodies and as events of a stream. */

import { headerOf, type Exchange } from '../../core/exchange.ts'
import { toLine } from '../../mcp/to-line.ts'

const EVENT_START = Buffer.from('event: message\n')
const DATA_START = Buffer.from('data: ')
const EVENT_END = Buffer.from('\n\n')

/** A message as an event (WHATWG HTML, "Server-sent events"); `id` for streams that can be resumed. */
export function toEvent(message: Buffer, id: string | undefined): Buffer {
  const head = id === undefined ? EVENT_START : Buffer.from(`event: message\nid: ${id}\n`)
  return Buffer.concat([head, DATA_START, toLine(message), EVENT_END])
}

/**
 * The first event of a stream that can be resumed: an id and no data (2025-11-25 Streamable HTTP,
 * "Sending Messages to the Server", 6).
 */
export function primingEvent(id: string): Buffer {
  return Buffer.from(`id: ${id}\nretry: ${RETRY_MS}\ndata: \n\n`)
}

/** How long a client that lost its stream should wait before it comes back. */
const RETRY_MS = 1_000

/** A comment that keeps a silent stream from being cut by whoever cuts silent streams. */
export const KEEP_ALIVE = Buffer.from(': keepalive\n\n')

export const STREAM_HEADERS: readonly string[] = [
  'Content-Type',
  'text/event-stream',
  'Cache-Control',
  'no-cache, no-transform',
  'X-Accel-Buffering',
  'no',
]

/** Headers of a reply without a body. */
export const EMPTY_BODY: string[] = ['Content-Length', '0']

export function jsonHeaders(bytes: number): string[] {
  return ['Content-Type', 'application/json', 'Content-Length', String(bytes)]
}

/** True unless the client says what it accepts and event streams are not among it. */
export function acceptsStream(exchange: Exchange): boolean {
  const accept = headerOf(exchange.headers, 'accept')
  if (accept === undefined || accept.includes('text/event-stream')) return true
  return /text\/event-stream|text\/\*|\*\/\*/i.test(accept)
}
