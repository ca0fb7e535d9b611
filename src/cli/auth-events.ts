/** Writes the log events of authentication, besides counting. Nothing of a token is ever in them. */

import { UPSTREAM_NAME } from '../config/names.ts'
import type { AuthObserver, KeySetRefresh } from '../core/authentication.ts'
import type { Log } from '../core/log.ts'

export function withAuthEvents(observer: AuthObserver, log: Log): AuthObserver {
  /** What became of each issuer's keys the last time. */
  const last = new Map<string, KeySetRefresh>()
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
      const before = last.get(issuer)
      last.set(issuer, result)
      if ((result === 'ok' || result === 'empty') && result === before) return
      if (result === 'ok') {
        log.write('info', 'sidelight.auth.keys_read', 'The keys of an issuer were read', fields)
        return
      }
      log.write('warn', 'sidelight.auth.keys_unavailable', UNAVAILABLE[result], {
        ...fields,
        'sidelight.auth.keys.outcome': result,
      })
    },
  }
}

const STALE = 'The keys of an issuer cannot be read; those that are known stay in use for an hour'

const UNAVAILABLE: Readonly<Record<Exclude<KeySetRefresh, 'ok'>, string>> = {
  empty: 'The key set of an issuer holds no key that can be used; none of its tokens is accepted',
  unreachable: STALE,
  invalid: STALE,
}
