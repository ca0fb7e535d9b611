/** Finds the one credential of a request, in the one place where it may stand. */

import type { AuthRefusal, RequestFacts } from '../core/authentication.ts'
import { countOf } from '../core/raw-headers.ts'

export interface Credential {
  readonly kind: 'credential'
  readonly scheme: 'bearer' | 'dpop'
  readonly token: string
}

export interface NoCredential {
  readonly kind: 'none'
  readonly why: Extract<AuthRefusal, 'missing' | 'scheme' | 'ambiguous' | 'too_large'>
}

const AUTHORIZATION = 'authorization'

/** RFC 6750 §2.1 and RFC 9449 §7.1: `Authorization: Bearer TOKEN`, scheme in any case, once. */
export function readCredential(
  { rawHeaders, headers, query }: RequestFacts,
  bytesMax: number,
): Credential | NoCredential {
  // MCP: "Access tokens MUST NOT be included in the URI query string".
  if (query !== '' && new URLSearchParams(query).has('access_token')) return none('ambiguous')
  // Node keeps the first of several; whoever stands before us may have read another.
  const count = countOf(rawHeaders, AUTHORIZATION)
  if (count > 1) return none('ambiguous')
  const value = headers[AUTHORIZATION]
  if (count === 0 || typeof value !== 'string') return none('missing')
  const space = value.indexOf(' ')
  const scheme = (space < 0 ? value : value.slice(0, space)).toLowerCase()
  const token = space < 0 ? '' : value.slice(space + 1).trim()
  if (token === '' || (scheme !== 'bearer' && scheme !== 'dpop')) return none('scheme')
  if (token.length > bytesMax) return none('too_large')
  return { kind: 'credential', scheme, token }
}

function none(why: NoCredential['why']): NoCredential {
  return { kind: 'none', why }
}
