/**
 * Reads a JWT without believing it, to find out whose rules it has to satisfy (RFC 7515, RFC 7519).
 * The size is limited before.
 */

import { isClaims, type Claims } from './claim-path.ts'

export interface Unverified {
  readonly header: Claims
  readonly claims: Claims
}

/** Three parts of base64url without padding; so neither encrypted nor unsigned. */
const SHAPE = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+$/

/** Undefined when it is no JWT that anybody signed. */
export function readUnverified(token: string): Unverified | undefined {
  const parts = SHAPE.exec(token)
  if (parts === null) return undefined
  const header = parse(parts[1] ?? '')
  const claims = parse(parts[2] ?? '')
  // Extensions that must be understood (RFC 7515 §4.1.11), and none is.
  if (header === undefined || claims === undefined) return undefined
  return Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')
    ? undefined
    : { header, claims }
}

function parse(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return isClaims(value) ? value : undefined
  } catch {
    return undefined
  }
}
