/** Whether a message carries a proof over its own bytes, which a change would break. */

import { headerOf, type Exchange } from '../core/exchange.ts'

/** HTTP Message Signatures (RFC 9421), digests (RFC 9530, RFC 3230), AWS Signature Version 4. */
const SIGNATURE_HEADERS: readonly string[] = [
  'signature',
  'content-digest',
  'repr-digest',
  'digest',
  'x-amz-content-sha256',
]

export function isSigned(exchange: Exchange): boolean {
  const { headers } = exchange
  for (const name of SIGNATURE_HEADERS) if (headers[name] !== undefined) return true
  return headerOf(headers, 'authorization')?.startsWith('AWS4-') === true
}
