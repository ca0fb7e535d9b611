/** The keys under `auth`: who may send requests, and how that is found out. */

import * as z from 'zod/mini'
import { about, count, duration, size, text, wait } from './scalars.ts'

/** Algorithms of signatures that only their issuer can make; a shared secret is never among them. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

/** https, or http to this machine, without credentials or fragment. */
export function isTrustedUrl(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, hostname, username, password, hash } = new URL(value)
  if (username !== '' || password !== '' || hash !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname))
}

const trustedUrl = text(
  'an https:// URL, or http:// on loopback, without credentials or fragment',
  isTrustedUrl,
)

const path = z.string().check(z.minLength(1))

const name = text('a text without spaces', (value) => /^[\x21-\x7e]{1,1024}$/.test(value))

const names = z.array(name)

const audience = z.union([name, names.check(z.minLength(1))], {
  error: 'expected the audience that tokens must name, or a list of them',
})

/** `realm_access.roles`, or the parts as a list where a name has a dot in it. */
const claim = z.union(
  [
    text('a claim such as roles or realm_access.roles', (value) =>
      /^[^.\s]+(\.[^.\s]+)*$/.test(value),
    ),
    z.array(z.string().check(z.minLength(1))).check(z.minLength(1)),
  ],
  { error: 'expected a claim such as roles or realm_access.roles, or its parts as a list' },
)

const claims = z.strictObject({
  user: about(z._default(claim, 'sub'), 'Who it is; a text.'),
  roles: about(z._default(claim, 'roles'), 'A list of texts.'),
  session: about(z._default(claim, 'session_id'), 'A text.'),
  organization: about(z._default(claim, 'org_id'), 'A text.'),
})

const SECRET_BYTES_MIN = 32

const secret = z.union(
  [
    text(
      'at least 32 bytes',
      (value) => new TextEncoder().encode(value).length >= SECRET_BYTES_MIN,
    ),
    z.strictObject({ file: about(path, 'The file that holds it, as one line.') }),
  ],
  { error: 'expected at least 32 bytes, or { file: PATH }' },
)

const introspection = z.strictObject({
  url: about(trustedUrl, 'The introspection endpoint (RFC 7662).'),
  clientId: about(name, 'Who we are there.'),
  clientSecret: about(
    z.union([z.string().check(z.minLength(1)), z.strictObject({ file: about(path, 'The file.') })]),
    'Our secret there, or `{ file: PATH }`.',
  ),
  cacheTtl: about(z._default(wait, '10s'), 'How long an answer is taken for true.'),
})

const keySource = z.union(
  [
    z.literal('auto'),
    trustedUrl,
    z.strictObject({ file: about(path, 'A file with a key set; it is read again.') }),
  ],
  { error: 'expected auto, an https:// URL (http:// on loopback), or { file: PATH }' },
)

const issuer = z.strictObject({
  issuer: about(name, 'What `iss` has to be, to the letter.'),
  preset: about(
    z._default(z.enum(['oauth', 'kubernetes', 'spiffe']), 'oauth'),
    'What kind of tokens these are; sets defaults for `types`, `algorithms` and `advertise` (docs/security.md).',
  ),
  audience: about(audience, 'What `aud` has to name: one of these.'),
  jwks: about(
    z._default(keySource, 'auto'),
    'Where its keys are: found by its metadata (`auto`), at this URL, or in a file.',
  ),
  caFile: z.optional(
    about(path, 'Certificates (PEM) that its servers are trusted by, in place of the usual ones.'),
  ),
  bearerFile: z.optional(
    about(path, 'A token that is shown when its keys are asked for, as Kubernetes wants it.'),
  ),
  algorithms: z.optional(
    about(
      z.array(z.enum(ALGORITHMS)).check(z.minLength(1)),
      'Algorithms of signatures. Default: RS256, PS256, ES256, EdDSA.',
    ),
  ),
  types: z.optional(
    about(
      z.array(z.enum(['at+jwt', 'jwt', 'jose', 'none'])).check(z.minLength(1)),
      'What `typ` may be; `none` when it may be absent. Default: `at+jwt` (RFC 9068).',
    ),
  ),
  claims: about(z.prefault(claims, {}), 'Where in a token stands what.'),
  defaultRoles: about(
    z._default(names, []),
    'Roles of everybody with a token of this issuer, besides those in it.',
  ),
  maxLifetime: about(
    z._default(wait, '24h'),
    'Longest time from `iat` to `exp`; a token that holds for longer is refused.',
  ),
  requireProof: about(
    z._default(z.boolean(), false),
    'True: tokens must be bound to a key that the sender proves to have (DPoP, RFC 9449).',
  ),
  introspection: z.optional(
    about(introspection, 'Ask it whether a token is still active, besides all else.'),
  ),
  advertise: z.optional(
    about(
      z.boolean(),
      'Whether clients are told to get tokens there. Default: true with `preset: oauth`.',
    ),
  ),
})

const dev = z.strictObject({
  secret: z.optional(about(secret, 'What tokens are signed with, or `{ file: PATH }`.')),
  issuer: about(z._default(name, 'sidelight-dev'), 'What `iss` has to be.'),
  audience: about(z._default(name, 'sidelight'), 'What `aud` has to name.'),
  claims: about(z.prefault(claims, {}), 'Where in a token stands what.'),
})

const permission = z.enum(['read', 'control', 'audit'])

const adminToken = z.strictObject({
  name: about(name, 'Who it is, for the log and the audit trail.'),
  file: about(path, 'The file with the token, at least 16 bytes; it is read again.'),
  permissions: about(z.array(permission).check(z.minLength(1)), 'What it opens.'),
})

const adminRoles = z.strictObject({
  read: about(z._default(names, []), 'Roles that may look.'),
  control: about(z._default(names, []), 'Roles that may give orders, such as to a breaker.'),
  audit: about(z._default(names, []), 'Roles that may read the audit trail.'),
})

const admin = z.strictObject({
  open: about(
    z._default(z.array(z.enum(['health', 'metrics'])), ['health', 'metrics']),
    'What needs no credential: `/healthz` and `/readyz`, and `/metrics`.',
  ),
  tokens: about(z._default(z.array(adminToken), []), 'Tokens of people and programs.'),
  roles: about(
    z.prefault(adminRoles, {}),
    'Roles of callers, by tokens of the issuers above, and what they open.',
  ),
})

export const auth = z.strictObject({
  mode: about(
    z._default(z.enum(['off', 'dev-hs256', 'required']), 'off'),
    '`required`: every request carries a token of one of the issuers. `dev-hs256`: a token signed with a shared secret, on loopback, for trying out. `off`: nobody is authenticated, on loopback only.',
  ),
  allowUnauthenticated: about(
    z._default(z.boolean(), false),
    'True: `off` is accepted on other addresses than loopback, because something else keeps strangers away.',
  ),
  issuers: about(z._default(z.array(issuer), []), 'Who issues tokens.'),
  dev: about(z.prefault(dev, {}), 'For `dev-hs256`.'),
  resource: z.optional(
    about(
      trustedUrl,
      'What clients ask tokens for (RFC 8707). Default: the address of the endpoint that they use.',
    ),
  ),
  scopes: about(z._default(names, []), 'Scopes that clients are told to ask for.'),
  clockTolerance: about(
    z._default(duration, '30s'),
    'How far the clocks of issuers may be from ours.',
  ),
  tokenSize: about(z._default(size, '8KiB'), 'Largest token; a larger one is not read.'),
  cache: about(z._default(count, 10_000), 'Most tokens that are known to have been verified.'),
  cacheTtl: about(z._default(wait, '60s'), 'How long, within their own lifetime.'),
  revocations: z.optional(
    about(path, 'A file that names revoked tokens and subjects; it is read again when it changes.'),
  ),
  admin: about(z.prefault(admin, {}), 'Who may use the admin plane.'),
})
