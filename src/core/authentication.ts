/** How a request is found to be from somebody, and what is told of it. */

import type { HeaderRecord, SharedHead } from './exchange.ts'
import type { Rejection } from './outcome.ts'
import type { Principal } from './principal.ts'

/** The head of a request, before anything of its body is read. */
export interface RequestFacts {
  readonly httpMethod: string
  readonly upstreamName: string
  /** The path as received, without the query. */
  readonly path: string
  /** The query with its `?`, or empty. */
  readonly query: string
  /** Names and values in turn, exactly as received. */
  readonly rawHeaders: readonly string[]
  readonly headers: HeaderRecord
  /** What is known of the head because it has come before. */
  readonly shared?: SharedHead | undefined
  readonly clientAddress: string | undefined
}

/** A request is from this sender. */
export interface Authenticated {
  readonly kind: 'authenticated'
  readonly principal: Principal
}

/** The answer needs keys or a signature; ask for it by `start`. */
export interface PendingAuthentication {
  readonly kind: 'pending'
  /** Calls `done` once, unless `leave` comes first. */
  start(done: (result: Authenticated | Rejection) => void): void
  /** Nobody waits for the answer any more. */
  leave(): void
}

export interface Authenticator {
  /** At once when the credential is known, or there is none; otherwise it has to be waited for. */
  authenticate(request: RequestFacts): Authenticated | Rejection | PendingAuthentication
}

/** Why a request is from nobody. A closed list: it becomes a label. */
export type AuthRefusal =
  /** No credential. */
  | 'missing'
  /** Another scheme than Bearer or DPoP, or no token in the header. */
  | 'scheme'
  /** Two credentials, or one in the query. */
  | 'ambiguous'
  | 'too_large'
  /** Not three parts of base64url with JSON in them. */
  | 'malformed'
  /** An algorithm that the issuer's rules do not name, or none. */
  | 'algorithm'
  /** A `typ` that the issuer's rules do not name. */
  | 'type'
  | 'issuer'
  | 'audience'
  | 'expired'
  /** `nbf` or `iat` lies in the future. */
  | 'not_yet_valid'
  /** It holds for longer than allowed, or was issued too long ago. */
  | 'lifetime'
  /** A claim is missing, or of another type than it has to be. */
  | 'claims'
  /** No key of the issuer fits. */
  | 'key'
  | 'signature'
  /** It stands in the list of what is revoked, or its issuer says that it is not active. */
  | 'revoked'
  /** The proof of possession is missing, wrong or used again. */
  | 'proof'
  /** Bound to something that cannot be seen here, such as a client certificate. */
  | 'binding'
  /** The issuer's keys cannot be had. */
  | 'keys_unavailable'
  /** The issuer cannot be asked whether it is still active. */
  | 'introspection_unavailable'
  /** Too many tokens are being checked. */
  | 'busy'

export const AUTH_REFUSALS: readonly AuthRefusal[] = [
  'missing',
  'scheme',
  'ambiguous',
  'too_large',
  'malformed',
  'algorithm',
  'type',
  'issuer',
  'audience',
  'expired',
  'not_yet_valid',
  'lifetime',
  'claims',
  'key',
  'signature',
  'revoked',
  'proof',
  'binding',
  'keys_unavailable',
  'introspection_unavailable',
  'busy',
]

/** What became of reading an issuer's keys; `empty` when none can be used, so that no token is accepted. */
export type KeySetRefresh = 'ok' | 'empty' | 'unreachable' | 'invalid'

export const KEY_SET_REFRESHES: readonly KeySetRefresh[] = ['ok', 'empty', 'unreachable', 'invalid']

/** Told what authentication finds. Every method is cheap and never throws. */
export interface AuthObserver {
  /** `cached`: the token had been verified before. */
  authenticated(request: RequestFacts, principal: Principal, cached: boolean): void
  /** `issuer` is one that the configuration names, or undefined. */
  refused(request: RequestFacts, why: AuthRefusal, issuer: string | undefined): void
  keySetRefreshed(issuer: string, result: KeySetRefresh, detail: string): void
}

/** What is known of an issuer's keys. */
export interface KeySetView {
  readonly issuer: string
  /** Seconds since the keys were read last; undefined when they never were. */
  readonly ageSeconds: number | undefined
  readonly keys: number
}
