/** What is answered to what is no request. */

import type { Duplex } from 'node:stream'
import type { LimitName } from '../core/limits.ts'

/**
 * What could not be accepted as a request is answered in plain HTTP, and the connection closed. `code`
 * is that of Node's parser, or of its server.
 */
export function answerClientError(
  code: string,
  socket: Duplex,
  replying: boolean,
  onLimit: (limit: LimitName) => void,
): void {
  if (code === 'HPE_HEADER_OVERFLOW') onLimit('headers')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') onLimit('request_timeout')
  // Inside a reply under way, an answer would be taken for a part of it.
  if (replying || code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const [status, text] = CLIENT_ERRORS[code] ?? [
    '400 Bad Request',
    'This is not a valid HTTP request.',
  ]
  const body = `${text}\n`
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    // The peer may never close its half; the connection must not outlive its answer.
    () => socket.destroy(),
  )
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [string, string]>> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'The request head is larger than limits.headers allows.',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    '408 Request Timeout',
    'The request did not arrive within limits.requestTimeout.',
  ],
}
