/** Where in a token's claims something stands. */

export type ClaimPath = readonly string[]

export type Claims = Readonly<Record<string, unknown>>

/** `a.b` goes through members; a list is taken as it is, for names with dots in them. */
export function claimPath(configured: string | readonly string[]): ClaimPath {
  return typeof configured === 'string' ? configured.split('.') : configured
}

/** Members that the token itself has; what every object inherits is none of its claims. */
export function claimAt(claims: Claims, path: ClaimPath): unknown {
  let value: unknown = claims
  for (const name of path) {
    if (!isClaims(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}

export function isClaims(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
