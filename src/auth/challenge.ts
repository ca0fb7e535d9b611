/**
 * What a sender without a valid credential is told: RFC 6750 §3, RFC 9728 §5.1 and MCP
 * "Authorization".
 */

import type { AuthRefusal, RequestFacts } from '../core/authentication.ts'
import { headerOf } from '../core/exchange.ts'
import type { Rejection } from '../core/outcome.ts'
import type { RejectReason } from '../core/reject-reasons.ts'
import { PROOF_ALGORITHMS } from './proof.ts'

export const METADATA_PREFIX = '/.well-known/oauth-protected-resource'

export interface ChallengeOptions {
  /** `listen.publicUrl` without a slash at its end; undefined to take what `Host` says. */
  readonly publicOrigin: string | undefined
  /** Scopes that clients are told to ask for. */
  readonly scopes: readonly string[]
  /** True when every token has to be bound to a key. */
  readonly requireProof: boolean
  /** The endpoint that clients know, for a path that belongs to it; undefined for other paths. */
  resourcePathOf(path: string): string | undefined
}

interface Row {
  readonly reason: RejectReason
  /** Of the challenge; undefined when it says nothing of an error (RFC 6750 §3.1), or there is none. */
  readonly error: string | undefined
  readonly message: string
}

const invalid = (message: string): Row => ({
  reason: 'invalid_token',
  error: 'invalid_token',
  message,
})

/** What is said is about the token that the sender has in its hands, so it tells no secrets. */
const ROWS: Readonly<Record<AuthRefusal, Row>> = {
  missing: {
    reason: 'unauthenticated',
    error: undefined,
    message: 'send a token: Authorization: Bearer TOKEN',
  },
  scheme: {
    reason: 'unauthenticated',
    error: undefined,
    message: 'send a token: Authorization: Bearer TOKEN',
  },
  ambiguous: {
    reason: 'malformed_authorization',
    error: 'invalid_request',
    message: 'send one token, in the Authorization header and nowhere else',
  },
  too_large: invalid('the token is larger than auth.tokenSize allows'),
  malformed: invalid('the token is no signed JWT'),
  algorithm: invalid('the token is signed with an algorithm that is not accepted'),
  type: invalid('the token is of a type that is not accepted'),
  issuer: invalid('the token is of an issuer that is not accepted'),
  audience: invalid('the token is for another audience'),
  expired: invalid('the token has expired'),
  not_yet_valid: invalid('the token is not valid yet'),
  lifetime: invalid('the token is valid for longer than is accepted'),
  claims: invalid('a claim of the token is missing, or of another type than it has to be'),
  key: invalid('the token is signed with a key that its issuer does not have'),
  signature: invalid('the signature of the token is wrong'),
  revoked: invalid('the token is revoked'),
  proof: {
    reason: 'invalid_token',
    error: 'invalid_dpop_proof',
    message: 'the token needs a fresh proof of its key: Authorization: DPoP TOKEN, and DPoP: PROOF',
  },
  binding: invalid('the token is bound to something that cannot be seen here'),
  keys_unavailable: {
    reason: 'auth_unavailable',
    error: undefined,
    message: 'the keys of the issuer cannot be had',
  },
  introspection_unavailable: {
    reason: 'auth_unavailable',
    error: undefined,
    message: 'the issuer cannot be asked about the token',
  },
  busy: {
    reason: 'auth_unavailable',
    error: undefined,
    message: 'too many tokens are being checked',
  },
}

/** What a step-up asks for (RFC 6750 §3.1 `insufficient_scope`). */
export interface ScopeChallenge {
  readonly error: 'insufficient_scope'
  readonly scopes: readonly string[]
  readonly description: string
}

export class Challenger {
  readonly #options: ChallengeOptions

  constructor(options: ChallengeOptions) {
    this.#options = options
  }

  /** The address under which clients know us: scheme and authority. */
  originOf({ headers }: Pick<RequestFacts, 'headers'>): string {
    return this.#options.publicOrigin ?? `http://${headerOf(headers, 'host') ?? 'localhost'}`
  }

  reject(request: RequestFacts, why: AuthRefusal, retryAfterMs?: number): Rejection {
    const { reason, error, message } = ROWS[why]
    const rejection: Rejection = {
      kind: 'rejected',
      reason,
      message,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(why === 'busy' ? { limit: 'authentications' as const } : {}),
    }
    if (reason === 'auth_unavailable') return rejection
    const proof = why === 'proof' || this.#options.requireProof
    const parameters = [
      ...this.#place(request),
      ...scopeParameter(this.#options.scopes),
      ...(error === undefined
        ? []
        : [
            ['error', error],
            ['error_description', message],
          ]),
    ]
    return {
      ...rejection,
      challenges: [
        ...(this.#options.requireProof ? [] : [`Bearer ${render(parameters)}`]),
        ...(proof ? [`DPoP ${render([...parameters, ['algs', PROOF_ALGORITHMS.join(' ')]])}`] : []),
      ],
    }
  }

  /** Challenges for a request that is authenticated but lacks scopes: all that it needs, at once. */
  insufficientScope(
    request: Pick<RequestFacts, 'headers' | 'path'>,
    { error, scopes, description }: ScopeChallenge,
  ): readonly string[] {
    const parameters = [
      ...this.#place(request),
      ...scopeParameter(scopes),
      ['error', error],
      ['error_description', description],
    ]
    return [`${this.#options.requireProof ? 'DPoP' : 'Bearer'} ${render(parameters)}`]
  }

  #place(request: Pick<RequestFacts, 'headers' | 'path'>): readonly string[][] {
    const path = this.#options.resourcePathOf(request.path) ?? ''
    return [['resource_metadata', this.originOf(request) + METADATA_PREFIX + path]]
  }
}

function scopeParameter(scopes: readonly string[]): readonly string[][] {
  return scopes.length === 0 ? [] : [['scope', scopes.join(' ')]]
}

/** RFC 9110 §11.2; whatever a quoted string cannot hold is left out. */
function render(parameters: readonly (readonly string[])[]): string {
  return parameters
    .map(([name = '', value = '']) => `${name}="${value.replaceAll(/[^\x20-\x7e]|["\\]/g, '')}"`)
    .join(', ')
}
