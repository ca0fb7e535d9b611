/** What telemetry calls decisions of the policy. Part of `ATTR` and `METRICS` in names.ts. */

import type { MetricDefinition } from './metric-definition.ts'
import { UPSTREAM_NAME } from './tool-names.ts'

export const POLICY_ATTR = {
  policyOutcome: 'sidelight.policy.outcome',
  policyReason: 'sidelight.policy.reason',
  policyRole: 'sidelight.policy.role',
  policyRule: 'sidelight.policy.rule',
} as const

export const POLICY_METRICS = {
  policyDecisions: {
    name: 'sidelight.policy.decisions',
    kind: 'counter',
    unit: '{decision}',
    description:
      'Calls that the policy decided on, by what it said; without a reason where it allowed them.',
    attributes: [UPSTREAM_NAME, POLICY_ATTR.policyOutcome, POLICY_ATTR.policyReason],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>
