/** Asks an issuer whether a token is still active (RFC 7662). */

import { isClaims } from './claim-path.ts'
import type { HttpClient } from './http-client.ts'

export interface Introspection {
  /** `unavailable` when the issuer could not be asked, or its answer not be understood. */
  isActive(token: string): Promise<'active' | 'inactive' | 'unavailable'>
  /** How long an answer is taken for true. */
  readonly ttlMs: number
}

export interface IntrospectionOptions {
  readonly client: HttpClient
  readonly url: URL
  readonly clientId: string
  /** Read at each question: secrets in files change. */
  readonly clientSecret: () => string
  readonly ttlMs: number
}

export function createIntrospection(options: IntrospectionOptions): Introspection {
  const { client, url, clientId, clientSecret, ttlMs } = options
  return {
    ttlMs,
    isActive: async (token) => {
      // RFC 6749 §2.3.1: both parts are form-encoded first.
      const credential = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret())}`
      const reply = await client.ask({
        url,
        method: 'POST',
        headers: {
          'Content-Type': 'application/x-www-form-urlencoded',
          Authorization: `Basic ${Buffer.from(credential).toString('base64')}`,
        },
        body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
      })
      if (reply.kind === 'failed' || reply.status !== 200) return 'unavailable'
      return readActive(reply.text)
    },
  }
}

function readActive(text: string): 'active' | 'inactive' | 'unavailable' {
  try {
    const value: unknown = JSON.parse(text)
    const active = isClaims(value) ? value['active'] : undefined
    if (typeof active !== 'boolean') return 'unavailable'
    return active ? 'active' : 'inactive'
  } catch {
    return 'unavailable'
  }
}
