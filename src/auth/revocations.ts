/** What is revoked: single tokens by `jti`, and everything that a subject was given before an instant. */

import { isClaims, type Claims } from './claim-path.ts'

export interface Revocations {
  /** Whether a token with these claims, of this issuer, is revoked. */
  has(issuer: string, claims: Claims): boolean
}

export const NOTHING_REVOKED: Revocations = { has: () => false }

/** More would be a database; issuers have introspection for that. */
const ENTRIES_MAX = 100_000

/**
 * Reads the file: `{ "revoked": [ENTRY, …] }`, where an entry is `{ "jti": TEXT }` or
 * `{ "sub": TEXT, "issuedBefore": SECONDS }`, each with `"iss": TEXT` if it is for one issuer alone.
 * Without `issuedBefore` nothing of the subject is accepted.
 */
export function readRevocations(
  text: string,
): Revocations | { readonly kind: 'problem'; readonly message: string } {
  const document = parse(text)
  const entries = isClaims(document) ? document['revoked'] : undefined
  if (!Array.isArray(entries)) return problem('expected { "revoked": [ … ] }')
  if (entries.length > ENTRIES_MAX) return problem(`more than ${ENTRIES_MAX} entries`)
  const tokens = new Set<string>()
  const subjects = new Map<string, number>()
  for (const [index, entry] of entries.entries()) {
    const wrong = addEntry(entry, tokens, subjects)
    if (wrong !== undefined) return problem(`revoked[${index}]: ${wrong}`)
  }
  return {
    has: (issuer, { jti, sub, iat }) =>
      (typeof jti === 'string' && (tokens.has(keyOf(issuer, jti)) || tokens.has(keyOf('', jti)))) ||
      (typeof sub === 'string' &&
        typeof iat === 'number' &&
        iat < Math.max(subjects.get(keyOf(issuer, sub)) ?? 0, subjects.get(keyOf('', sub)) ?? 0)),
  }
}

function addEntry(
  entry: unknown,
  tokens: Set<string>,
  subjects: Map<string, number>,
): string | undefined {
  if (!isClaims(entry)) return 'expected an object'
  const unknown = Object.keys(entry).find((key) => !MEMBERS.has(key))
  if (unknown !== undefined) return `unknown member ${JSON.stringify(unknown)}`
  const { jti, sub, iss, issuedBefore } = entry
  if (iss !== undefined && typeof iss !== 'string') return 'iss: expected a text'
  if ((jti === undefined) === (sub === undefined)) return 'expected either jti or sub'
  if (jti !== undefined) {
    if (typeof jti !== 'string' || issuedBefore !== undefined) return 'expected jti alone, a text'
    tokens.add(keyOf(iss ?? '', jti))
    return undefined
  }
  return addSubject(subjects, iss ?? '', sub, issuedBefore)
}

function addSubject(
  subjects: Map<string, number>,
  issuer: string,
  subject: unknown,
  issuedBefore: unknown,
): string | undefined {
  if (typeof subject !== 'string') return 'sub: expected a text'
  if (issuedBefore !== undefined && typeof issuedBefore !== 'number') {
    return 'issuedBefore: expected seconds since 1970'
  }
  const key = keyOf(issuer, subject)
  subjects.set(key, Math.max(subjects.get(key) ?? 0, issuedBefore ?? Infinity))
  return undefined
}

const MEMBERS: ReadonlySet<string> = new Set(['jti', 'sub', 'iss', 'issuedBefore'])

/** Issuers hold no spaces. */
function keyOf(issuer: string, name: string): string {
  return `${issuer} ${name}`
}

function problem(message: string): { readonly kind: 'problem'; readonly message: string } {
  return { kind: 'problem', message }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
