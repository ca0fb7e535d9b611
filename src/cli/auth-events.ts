/** Writes the log events of authentication, besides counting. Nothing of a token is ever in them. */

import { UPSTREAM_NAME } from '../config/names.ts'
import type { AuthObserver } from '../core/authentication.ts'
import type { Log } from '../core/log.ts'

export function withAuthEvents(observer: AuthObserver, log: Log): AuthObserver {
  /** Issuers whose keys could be read the last time. */
  const read = new Set<string>()
  return {
    authenticated: (request, principal, cached) =>
      observer.authenticated(request, principal, cached),
    refused: (request, why, issuer) => {
      observer.refused(request, why, issuer)
      // A first request without a token is how a client finds out where to get one.
      const level = why === 'missing' ? 'debug' : 'warn'
      if (!log.enabled(level)) return
      log.write(level, 'sidelight.auth.refused', 'A request was refused for its credential', {
        // Strangers choose the path.
        'sidelight.upstream.name': UPSTREAM_NAME.test(request.upstreamName)
          ? request.upstreamName
          : undefined,
        'sidelight.auth.refusal': why,
        'sidelight.auth.issuer': issuer,
        'client.address': request.clientAddress,
      })
    },
    keySetRefreshed: (issuer, result, detail) => {
      observer.keySetRefreshed(issuer, result, detail)
      const fields = { 'sidelight.auth.issuer': issuer, 'sidelight.detail': detail }
      if (result === 'ok') {
        if (read.has(issuer)) return
        read.add(issuer)
        log.write('info', 'sidelight.auth.keys_read', 'The keys of an issuer were read', fields)
        return
      }
      read.delete(issuer)
      log.write(
        'warn',
        'sidelight.auth.keys_unavailable',
        'The keys of an issuer cannot be read; those that are known stay in use for an hour',
        { ...fields, 'sidelight.auth.keys.outcome': result },
      )
    },
  }
}
