/**
 * Whom a request claims to come from, when nobody here has checked it.
 *
 * What counts here is only that a session which one subject began is not continued by another. A
 * claim can only narrow what its sender may use: without the session's id it opens nothing, and over
 * HTTP the upstream checks the token. Opaque tokens name nobody, and change while a session lasts, so
 * they bind nothing.
 */

/** Larger tokens are not read. */
const TOKEN_CHARS_MAX = 16 * 1024

/** Tokens come again with every request; this many are remembered. */
const REMEMBERED_MAX = 1024

/** Makes a reader of `Authorization` headers: issuer and subject of a JWT (RFC 7519), or undefined. */
export function createIdentityReader(): (authorization: string | undefined) => string | undefined {
  const known = new Map<string, string | undefined>()
  return (authorization) => {
    if (authorization === undefined || authorization.length > TOKEN_CHARS_MAX) return undefined
    if (known.has(authorization)) return known.get(authorization)
    if (known.size >= REMEMBERED_MAX) known.clear()
    const identity = readIdentity(authorization)
    known.set(authorization, identity)
    return identity
  }
}

function readIdentity(authorization: string): string | undefined {
  const payload = /^(?:bearer|dpop) +[\w-]+\.([\w-]+)\.[\w-]*$/i.exec(authorization)?.[1]
  if (payload === undefined) return undefined
  const claims = parse(Buffer.from(payload, 'base64url').toString('utf8'))
  if (typeof claims !== 'object' || claims === null || !('sub' in claims)) return undefined
  const issuer = 'iss' in claims ? claims.iss : ''
  return typeof claims.sub === 'string' && typeof issuer === 'string'
    ? `${issuer} ${claims.sub}`
    : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
