/** Who was refused and why, what changed behind the agents' backs, and whether all of it is recorded. */

import { faultOfRejection, REJECT_REASONS } from '../../../src/core/reject-reasons.ts'
import { DASHBOARD_UIDS } from '../links.ts'
import { toSidecar, TO_FAILED_TRACES, TO_LOG, runbook } from './links.ts'
import type { Dashboard, Row } from './model.ts'
import { now, over, stat, table, timeseries } from './panels.ts'
import { logs } from './word-panels.ts'
import { increase, max, rate, UPSTREAM } from './promql.ts'
import { AUDIT } from './audit-row.ts'
import { AUTHENTICATION, POLICY } from './security-rows.ts'
import { BY_UPSTREAM, failedTraces } from './shared-panels.ts'
import { UPSTREAM_ANNOTATIONS, UPSTREAM_VARIABLES } from './variables.ts'

/** Refusals that say something of who asked, and of what was asked for; not of the upstream's state. */
const CREDENTIALS = 'unauthenticated|invalid_token|malformed_authorization|auth_unavailable'
const PLACES_OF_ORIGIN = 'forbidden_host|forbidden_origin|session_unknown'
const PINS = 'tool_changed|tool_unpinned'
/** What the policy refuses, by the table of outcomes. */
const RULES = REJECT_REASONS.filter(
  (reason) => faultOfRejection(reason) === 'policy' && !PINS.split('|').includes(reason),
).join('|')
const ALL = [CREDENTIALS, PLACES_OF_ORIGIN, RULES, PINS].join('|')

const refusedFor = (reasons: string): string =>
  `${UPSTREAM}, sidelight_outcome_reason=~"${reasons}"`

const refused = (title: string, description: string, reasons: string) =>
  stat({
    title,
    description,
    unit: 'short',
    width: 5,
    decimals: 0,
    queries: [now(increase('sidelight_rejections_total', refusedFor(reasons), []))],
    steps: [
      [null, 'green'],
      [1, 'orange'],
    ],
    dataLinks: [TO_FAILED_TRACES, TO_LOG],
    empty: 'None',
  })

const NOW: Row = {
  title: 'In the visible time',
  panels: [
    refused(
      'Refused for the credential',
      'No credential, a bad one, or one that could not be checked. docs/errors.md says what each reason means.',
      CREDENTIALS,
    ),
    refused(
      'Refused for where it came from',
      'A Host or Origin that is not allowed (DNS rebinding), or somebody else’s session.',
      PLACES_OF_ORIGIN,
    ),
    refused(
      'Refused by the policy',
      'Calls that the policy does not allow, or not with these arguments or scopes.',
      RULES,
    ),
    refused(
      'Refused for a pin',
      'Tools that are not as they are pinned, or not pinned at all.',
      PINS,
    ),
    stat({
      title: 'Tools that changed',
      description:
        'Tools that came, went or changed their definition. A changed description can be an attack on the model that reads it.',
      unit: 'short',
      width: 4,
      decimals: 0,
      queries: [now(increase('sidelight_catalogue_drifts_total', UPSTREAM, []))],
      steps: [
        [null, 'green'],
        [1, 'orange'],
      ],
      dataLinks: [toSidecar('/catalogue', 'The catalogue of tools'), TO_LOG],
      empty: 'None',
    }),
  ],
}

const REFUSALS: Row = {
  title: 'Refusals',
  panels: [
    timeseries({
      title: 'Refused, by reason',
      description:
        'A steady line is a client that is not set up; a step is a key that changed or a deploy; a hill is somebody trying.',
      unit: 'reqps',
      width: 12,
      stacked: true,
      queries: [
        over(
          rate('sidelight_rejections_total', refusedFor(ALL), ['sidelight_outcome_reason']),
          '{{sidelight_outcome_reason}}',
        ),
      ],
      dataLinks: [TO_FAILED_TRACES, TO_LOG],
      empty: 'Nobody was refused',
    }),
    table({
      title: 'Refused, by upstream and reason',
      description: 'How many in the visible time.',
      unit: 'none',
      width: 12,
      columns: [
        ['sidelight_upstream_name', 'Upstream'],
        ['sidelight_outcome_reason', 'Reason'],
      ],
      queries: [
        now(
          `${increase('sidelight_rejections_total', refusedFor(ALL), ['sidelight_upstream_name', 'sidelight_outcome_reason'])} > 0`,
        ),
      ],
      values: [{ heading: 'Refused', unit: 'short', decimals: 0 }],
      sortBy: 0,
      rowLinks: [TO_FAILED_TRACES],
      dataLinks: [TO_FAILED_TRACES, TO_LOG],
      empty: 'Nobody was refused',
    }),
  ],
}

const TOOLS: Row = {
  title: 'Tools',
  panels: [
    timeseries({
      title: 'Changes of tools',
      description:
        'By kind, in five minutes, upstream by upstream. docs/tools.md says how to pin tools.',
      unit: 'short',
      width: 12,
      queries: [
        over(
          `sum by (sidelight_upstream_name, sidelight_drift_kind) (increase(sidelight_catalogue_drifts_total{${UPSTREAM}}[5m]))`,
          '{{sidelight_upstream_name}}: {{sidelight_drift_kind}}',
        ),
      ],
      links: [runbook('SidelightToolDrift')],
      dataLinks: [toSidecar('/catalogue', 'The catalogue of tools'), TO_LOG],
      empty: 'No tools have been listed yet',
    }),
    timeseries({
      title: 'Size of the lists',
      description:
        'Bytes of what an upstream puts into the context of every agent that lists its tools.',
      unit: 'bytes',
      width: 12,
      min: 0,
      queries: [
        over(
          max('sidelight_catalogue_size_bytes', UPSTREAM, BY_UPSTREAM),
          '{{sidelight_upstream_name}}',
        ),
      ],
      dataLinks: [toSidecar('/catalogue', 'The catalogue of tools')],
      empty: 'No tools have been listed yet',
    }),
  ],
}

const RECORDS: Row = {
  title: 'What happened',
  panels: [
    logs({
      title: 'Events about tools, pins and secrets',
      description: 'What changed in catalogues, and files of pins or secrets that cannot be read.',
      width: 12,
      height: 10,
      expr: '{service_name="sidelight"} |~ "(?i)tool|pin|secret|token|audit" | severity_text=~"WARN|ERROR"',
      dataLinks: [TO_LOG],
    }),
    failedTraces(12),
  ],
}

export const SECURITY_DASHBOARD: Dashboard = {
  uid: DASHBOARD_UIDS.security,
  title: 'Sidelight / Security and audit',
  description: 'Who was refused and why, which tools changed, and whether all of it is recorded.',
  tags: ['sidelight', 'mcp'],
  variables: UPSTREAM_VARIABLES,
  annotations: UPSTREAM_ANNOTATIONS,
  from: 'now-6h',
  rows: [NOW, REFUSALS, AUTHENTICATION, POLICY, AUDIT, TOOLS, RECORDS],
}
