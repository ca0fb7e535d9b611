/** What agents do, and what becomes of the tools that they were shown. */

import { GROUP, INSTANCE_GROUP } from './calls.ts'
import type { RuleGroup, RuleSettings } from './rule.ts'
import { SIDECAR, UPSTREAM, VALUE } from './text.ts'

const TOOL = '{{ $labels.gen_ai_tool_name }}'

export function agentAlertGroups({ scale, thresholds }: RuleSettings): readonly RuleGroup[] {
  const window = scale.time('5m')
  return [
    {
      name: 'sidelight-agent-alerts',
      rules: [
        {
          alert: 'SidelightToolDrift',
          expr: `sum by (${GROUP}, sidelight_drift_kind) (
  increase(sidelight_catalogue_drifts_total{sidelight_drift_kind=~"changed|removed"}[${scale.time('15m')}])
) > 0`,
          keepFiringFor: scale.time('15m'),
          severity: 'warning',
          category: 'security',
          summary: `Tools of ${UPSTREAM} were {{ $labels.sidelight_drift_kind }}`,
          description: `In the last 15 minutes tools of the upstream ${UPSTREAM} were {{ $labels.sidelight_drift_kind }}: the definition that agents were shown is not the one that holds.`,
          impact: 'Agents may be led by a description that nobody has reviewed, or miss a tool.',
          dashboard: 'security',
        },
        {
          alert: 'SidelightAgentLooping',
          expr: `sum by (${INSTANCE_GROUP}, gen_ai_tool_name) (increase(sidelight_calls_repeated_total[${window}])) > ${thresholds.fixed.repeatedCallsIn5m - 0.5}`,
          for: scale.time('2m'),
          keepFiringFor: scale.time('5m'),
          severity: 'warning',
          category: 'calls',
          summary: `An agent calls ${TOOL} of ${UPSTREAM} over and over`,
          description: `In the last 5 minutes about ${VALUE} calls of the tool ${TOOL} of the upstream ${UPSTREAM} through ${SIDECAR} were just like an earlier one: same client, same arguments.`,
          impact:
            'The agent is stuck, and pays for every call in tokens and in load on the upstream.',
          dashboard: 'tool',
        },
        {
          alert: 'SidelightAgentIgnoresRefusals',
          expr: `sum by (${INSTANCE_GROUP}, gen_ai_tool_name) (increase(sidelight_calls_after_refusal_total[${window}])) > ${thresholds.fixed.callsAfterRefusalIn5m - 0.5}`,
          for: scale.time('2m'),
          keepFiringFor: scale.time('5m'),
          severity: 'warning',
          category: 'calls',
          summary: `An agent calls ${TOOL} of ${UPSTREAM} although it was asked to wait`,
          description: `In the last 5 minutes about ${VALUE} calls of the tool ${TOOL} of the upstream ${UPSTREAM} through ${SIDECAR} came before the time was over that the refusal before had named.`,
          impact: 'These calls cannot succeed; they only cost tokens.',
          dashboard: 'tool',
        },
      ],
    },
  ]
}
