/**
 * From the claims of a token whose signature holds to a principal, or to the reason why there is none.
 *
 * jose has checked `iss`, `aud`, `nbf`, `exp` and that `exp`, `iat` and `sub` are there; here is what it
 * leaves to us: that numbers are finite, that lifetimes have a bound, and that claims are of the types
 * that everything after this relies on.
 */

import type { AuthRefusal } from '../core/authentication.ts'
import type { Actor, Principal } from '../core/principal.ts'
import { claimAt, isClaims, type ClaimPath, type Claims } from './claim-path.ts'
import type { IssuerRules } from './issuer-rules.ts'

export type PrincipalOrNot =
  | { readonly kind: 'principal'; readonly principal: Principal }
  | { readonly kind: 'refused'; readonly why: AuthRefusal }

export interface ClaimTimes {
  readonly nowMs: number
  readonly toleranceMs: number
}

const TEXT_CHARS_MAX = 1_024

const ROLES_MAX = 256

/** RFC 8693 §4.1; longer chains are no delegation that anybody could follow. */
const ACTORS_MAX = 10

export function toPrincipal(
  claims: Claims,
  rules: IssuerRules,
  { nowMs, toleranceMs }: ClaimTimes,
): PrincipalOrNot {
  const registered = readRegistered(claims, rules, { nowMs, toleranceMs })
  if (typeof registered === 'string') return refused(registered)
  const about = readAbout(claims, rules)
  if (about === undefined) return refused('claims')
  const principal: Principal = {
    // `sub`, whatever the operator shows people: it alone is unique and never given to another.
    key: `${rules.issuer} ${registered.sub}`,
    issuer: rules.issuer,
    ...about,
    roles: [...new Set([...rules.defaultRoles, ...about.roles])],
    expiresAtMs: registered.exp * 1_000,
    claims,
  }
  return { kind: 'principal', principal: Object.freeze(principal) }
}

function readRegistered(
  { exp, iat, sub, jti }: Claims,
  { maxLifetimeMs }: IssuerRules,
  { nowMs, toleranceMs }: ClaimTimes,
): { readonly exp: number; readonly sub: string } | AuthRefusal {
  if (!isInstant(exp) || !isInstant(iat) || !isName(sub)) return 'claims'
  if (jti !== undefined && !isName(jti)) return 'claims'
  if (iat * 1_000 > nowMs + toleranceMs) return 'not_yet_valid'
  return (exp - iat) * 1_000 > maxLifetimeMs ? 'lifetime' : { exp, sub }
}

type About = Pick<
  Principal,
  'subject' | 'roles' | 'scopes' | 'organization' | 'sessionId' | 'actors'
>

/** Undefined when one of them is of another type than it has to be. */
function readAbout(claims: Claims, { claims: paths }: IssuerRules): About | undefined {
  const subject = claimAt(claims, paths.user)
  const roles = namesAt(claims, paths.roles)
  const scopes = scopesOf(claims)
  const actors = actorsOf(claims)
  const session = claimAt(claims, paths.session)
  const organization = claimAt(claims, paths.organization)
  if (!isName(subject) || !isNameOrNone(session) || !isNameOrNone(organization)) return undefined
  if (roles === 'invalid' || scopes === 'invalid' || actors === 'invalid') return undefined
  return { subject, roles, scopes, organization, sessionId: session, actors }
}

function refused(why: AuthRefusal): PrincipalOrNot {
  return { kind: 'refused', why }
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

/** A text that can stand in a log line and a record as it is. */
function isName(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= TEXT_CHARS_MAX &&
    value.isWellFormed() &&
    !/[\p{Cc}\u2028\u2029]/u.test(value)
  )
}

function isNameOrNone(value: unknown): value is string | undefined {
  return value === undefined || isName(value)
}

/** A list of texts, never a text: "admin" would be five roles, or one, as one reads it. */
function namesAt(claims: Claims, path: ClaimPath): readonly string[] | 'invalid' {
  const value = claimAt(claims, path)
  if (value === undefined) return []
  return Array.isArray(value) && value.length <= ROLES_MAX && value.every(isName)
    ? value
    : 'invalid'
}

/** `scope` (RFC 8693 §4.2), or `scp` as some issuers have it. */
function scopesOf({ scope, scp }: Claims): readonly string[] | 'invalid' {
  const value = scope ?? scp ?? []
  if (typeof value === 'string') return value.split(' ').filter((one) => one !== '')
  return Array.isArray(value) && value.every(isName) ? value : 'invalid'
}

function actorsOf({ act }: Claims): readonly Actor[] | 'invalid' {
  const actors: Actor[] = []
  let next = act
  while (next !== undefined) {
    if (!isClaims(next) || actors.length >= ACTORS_MAX) return 'invalid'
    const { sub, iss } = next
    if (!isName(sub) || (iss !== undefined && !isName(iss))) return 'invalid'
    actors.push({ issuer: iss, subject: sub })
    next = next['act']
  }
  return actors
}
