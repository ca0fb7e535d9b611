/** The metrics of authentication; names.ts, the one place for names, takes them in. */

import type { MetricDefinition } from './names.ts'

export const AUTH_ATTR = {
  authOutcome: 'sidelight.auth.outcome',
  authRefusal: 'sidelight.auth.refusal',
  authIssuer: 'sidelight.auth.issuer',
  authCache: 'sidelight.auth.cache.use',
  authKeys: 'sidelight.auth.keys.outcome',
} as const

export const AUTH_METRICS = {
  authAttempts: {
    name: 'sidelight.auth.attempts',
    kind: 'counter',
    unit: '{request}',
    description:
      'Requests whose sender was to be authenticated, by outcome and, of those that were refused, by reason.',
    attributes: ['sidelight.upstream.name', AUTH_ATTR.authOutcome, AUTH_ATTR.authRefusal],
  },
  authCacheUses: {
    name: 'sidelight.auth.cache.uses',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests with a valid token, by whether it had been verified before.',
    attributes: [AUTH_ATTR.authCache],
  },
  authCacheEntries: {
    name: 'sidelight.auth.cache.entries',
    kind: 'gauge',
    unit: '{token}',
    description: 'Tokens that are known to have been verified.',
    attributes: [],
  },
  authKeysAge: {
    name: 'sidelight.auth.keys.age',
    kind: 'gauge',
    unit: 's',
    description: 'Time since the keys of an issuer were read last; absent until they were.',
    attributes: [AUTH_ATTR.authIssuer],
  },
  authKeysReads: {
    name: 'sidelight.auth.keys.reads',
    kind: 'counter',
    unit: '{read}',
    description: 'Times that the keys of an issuer were asked for, by outcome.',
    attributes: [AUTH_ATTR.authIssuer, AUTH_ATTR.authKeys],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>
