/** Our metadata as a protected resource (RFC 9728): what tokens are for, and where they are to be had. */

import type { RequestFacts } from '../core/authentication.ts'
import { METADATA_PREFIX, type Challenger } from './challenge.ts'
import { PROOF_ALGORITHMS } from './proof.ts'

export interface ProtectedResourceOptions {
  readonly challenger: Challenger
  /** `auth.resource`; undefined when each endpoint is a resource of its own. */
  readonly resource: string | undefined
  readonly authorizationServers: readonly string[]
  readonly scopes: readonly string[]
  readonly requireProof: boolean
  /** Paths of the endpoints that clients know. */
  endpoints(): readonly string[]
}

export class ProtectedResource {
  readonly #options: ProtectedResourceOptions

  constructor(options: ProtectedResourceOptions) {
    this.#options = options
  }

  /** The document at this path, as JSON; undefined when none is there. */
  at({ path, headers }: Pick<RequestFacts, 'path' | 'headers'>): string | undefined {
    if (!path.startsWith(METADATA_PREFIX)) return undefined
    const { resource, challenger } = this.#options
    const endpoint = this.#endpointAt(path.slice(METADATA_PREFIX.length))
    if (endpoint === undefined) return undefined
    return this.#describe(resource ?? challenger.originOf({ headers }) + endpoint)
  }

  #endpointAt(suffix: string): string | undefined {
    const endpoints = this.#options.endpoints()
    if (suffix !== '' && suffix !== '/') return endpoints.includes(suffix) ? suffix : undefined
    // At the root: the one endpoint, or all of them by what their addresses begin with.
    return (endpoints.length === 1 ? endpoints[0] : undefined) ?? '/'
  }

  #describe(resource: string): string {
    const { authorizationServers, scopes, requireProof } = this.#options
    return JSON.stringify({
      resource,
      ...(authorizationServers.length === 0 ? {} : { authorization_servers: authorizationServers }),
      ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: PROOF_ALGORITHMS,
      ...(requireProof ? { dpop_bound_access_tokens_required: true } : {}),
    })
  }
}
