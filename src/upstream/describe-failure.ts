/** What an error of a connection means for a call. */

import type { UpstreamFailure } from '../core/outcome.ts'
import type { ConnectionFault } from './http1/faults.ts'
import type { TransportFailure } from './transport.ts'

/** A code of Node's net, tls or dns, or one of `ConnectionFault`; for people. */
export type FailureCode = ConnectionFault | (string & {})

/** No connection could be made. One that was reset on its way may do better at once. */
export function connectFailure(code: FailureCode): TransportFailure {
  const stale = code === 'ECONNRESET' || code === 'EPIPE' || code === 'CONNECTION_CLOSED'
  return { reason: 'connect', sent: false, stale, detail: code }
}

/** The request cannot be written as HTTP. */
export function invalidRequest(): TransportFailure {
  const detail: ConnectionFault = 'REQUEST_INVALID'
  return { reason: 'bad_message', sent: false, stale: false, detail }
}

/** The connection broke, or what came on it is no HTTP, after the request was written. */
export function brokenConnection(code: FailureCode): TransportFailure {
  return { reason: reasonOf(code), sent: true, stale: false, detail: code }
}

function reasonOf(code: string): UpstreamFailure {
  if (code.startsWith('HTTP_')) return 'bad_message'
  return code === 'CONNECTION_CLOSED' || code === 'BODY_TRUNCATED' ? 'closed' : 'reset'
}

/** The code of an error, or of what caused it, or else its name. */
export function codeOf(error: Error): string {
  if ('code' in error && typeof error.code === 'string') return error.code
  const { cause } = error
  return cause instanceof Error ? codeOf(cause) : error.name
}
