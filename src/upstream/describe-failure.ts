/** What an error of a connection means for a call. */

import type { UpstreamFailure } from '../core/outcome.ts'
import type { TransportFailure } from './transport.ts'

/** What went wrong, from the code of an error of undici, Node's net, tls or dns. */
export function describeFailure(error: Error, started: boolean): TransportFailure {
  const code = codeOf(error)
  const lostBeforeUse = code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
  if (!started) {
    const bad = code === 'UND_ERR_INVALID_ARG'
    return {
      reason: bad ? 'bad_message' : 'connect',
      sent: false,
      stale: lostBeforeUse,
      detail: code,
    }
  }
  return { reason: reasonOf(code), sent: true, stale: false, detail: code }
}

/** Besides the parser's own codes, which begin with HPE_; some of its errors have only a name. */
const BAD_HTTP: ReadonlySet<string> = new Set(['HTTPParserError', 'UND_ERR_HEADERS_OVERFLOW'])

function reasonOf(code: string): UpstreamFailure {
  if (code.startsWith('HPE_') || BAD_HTTP.has(code)) return 'bad_message'
  if (code === 'UND_ERR_SOCKET' || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') return 'closed'
  return 'reset'
}

function codeOf(error: Error): string {
  if ('code' in error && typeof error.code === 'string') return error.code
  const { cause } = error
  return cause instanceof Error ? codeOf(cause) : error.name
}
