/** Rows of the security dashboard: who was let in, and what the policy said. */

import { TO_FAILED_TRACES, TO_LOG, toSidecar } from './links.ts'
import type { Link, Row } from './model.ts'
import { over, table, timeseries, now } from './panels.ts'
import { increase, rate, SIDECAR, UPSTREAM } from './promql.ts'

const LINKS: readonly Link[] = [TO_FAILED_TRACES, TO_LOG]

const NO_AUTH = 'Authentication is off'
const NO_POLICY = 'There is no policy'

export const AUTHENTICATION: Row = {
  title: 'Authentication',
  panels: [
    timeseries({
      title: 'Requests by what became of their token',
      description:
        'Requests whose sender was to be authenticated, by outcome. Only refusals and nobody let in: look for a changed key, issuer or audience first.',
      unit: 'reqps',
      width: 8,
      stacked: true,
      queries: [
        over(
          rate('sidelight_auth_attempts_total', UPSTREAM, ['sidelight_auth_outcome']),
          '{{sidelight_auth_outcome}}',
        ),
      ],
      dataLinks: LINKS,
      empty: NO_AUTH,
    }),
    timeseries({
      title: 'Refused tokens, by reason',
      description:
        'Why tokens were refused. A steady line is a client that is not set up; a step is a key that changed; a hill is somebody trying.',
      unit: 'reqps',
      width: 8,
      stacked: true,
      queries: [
        over(
          rate('sidelight_auth_attempts_total', `${UPSTREAM}, sidelight_auth_refusal!=""`, [
            'sidelight_auth_refusal',
          ]),
          '{{sidelight_auth_refusal}}',
        ),
      ],
      dataLinks: LINKS,
      empty: 'No token was refused',
    }),
    timeseries({
      title: 'Age of the keys',
      description:
        'Time since the keys of each issuer were read last, at the sidecar where it is longest. A line that only climbs: the issuer cannot be reached, and a key that it changes will not be known.',
      unit: 's',
      width: 8,
      min: 0,
      queries: [
        over(
          `max by (sidelight_auth_issuer) (sidelight_auth_keys_age_seconds{${SIDECAR}})`,
          '{{sidelight_auth_issuer}}',
        ),
      ],
      dataLinks: [toSidecar('/readyz', 'Health, as the sidecar sees it'), TO_LOG],
      empty: 'No keys are read from an issuer',
    }),
    timeseries({
      title: 'Reads of keys',
      description: 'How often the keys of an issuer were asked for, by outcome.',
      unit: 'ops',
      width: 8,
      queries: [
        over(
          rate('sidelight_auth_keys_reads_total', SIDECAR, [
            'sidelight_auth_issuer',
            'sidelight_auth_keys_outcome',
          ]),
          '{{sidelight_auth_issuer}}: {{sidelight_auth_keys_outcome}}',
        ),
      ],
      dataLinks: [TO_LOG],
      empty: 'No keys are read from an issuer',
    }),
    timeseries({
      title: 'Tokens seen before',
      description:
        'Requests with a valid token per second, by whether it had been verified before, which saves the check of its signature.',
      unit: 'reqps',
      width: 8,
      stacked: true,
      queries: [
        over(
          rate('sidelight_auth_cache_uses_total', SIDECAR, ['sidelight_auth_cache_use']),
          '{{sidelight_auth_cache_use}}',
        ),
      ],
      dataLinks: [TO_LOG],
      empty: NO_AUTH,
    }),
    timeseries({
      title: 'Tokens that are known',
      description:
        'Tokens that a sidecar remembers to have verified. About as many as there are callers.',
      unit: 'short',
      width: 8,
      min: 0,
      queries: [
        over(`sum by (instance) (sidelight_auth_cache_entries{${SIDECAR}})`, '{{instance}}'),
      ],
      dataLinks: [TO_LOG],
      empty: NO_AUTH,
    }),
  ],
}

export const POLICY: Row = {
  title: 'Policy',
  panels: [
    timeseries({
      title: 'Decisions',
      description: 'Calls that the policy decided on, by what it said.',
      unit: 'reqps',
      width: 8,
      stacked: true,
      queries: [
        over(
          rate('sidelight_policy_decisions_total', UPSTREAM, ['sidelight_policy_outcome']),
          '{{sidelight_policy_outcome}}',
        ),
      ],
      dataLinks: LINKS,
      empty: NO_POLICY,
    }),
    timeseries({
      title: 'Denied, by reason',
      description:
        'What kept the call from being allowed. Its trace names the role whose rule decided.',
      unit: 'reqps',
      width: 8,
      stacked: true,
      queries: [
        over(
          rate('sidelight_policy_decisions_total', `${UPSTREAM}, sidelight_policy_reason!=""`, [
            'sidelight_policy_reason',
          ]),
          '{{sidelight_policy_reason}}',
        ),
      ],
      dataLinks: LINKS,
      empty: 'Nothing was denied',
    }),
    table({
      title: 'Denied, by upstream and reason',
      description:
        'How many in the visible time. One upstream alone: its rules; all of them: a role that is not given.',
      unit: 'none',
      width: 8,
      height: 8,
      columns: [
        ['sidelight_upstream_name', 'Upstream'],
        ['sidelight_policy_reason', 'Reason'],
      ],
      queries: [
        now(
          `${increase('sidelight_policy_decisions_total', `${UPSTREAM}, sidelight_policy_reason!=""`, ['sidelight_upstream_name', 'sidelight_policy_reason'])} > 0`,
        ),
      ],
      values: [{ heading: 'Denied', unit: 'short', decimals: 0 }],
      sortBy: 0,
      rowLinks: [TO_FAILED_TRACES],
      dataLinks: LINKS,
      empty: 'Nothing was denied',
    }),
  ],
}
