/** The metrics of tools and of the agents that call them. Part of `METRICS` in names.ts. */

import { SIZE_BUCKETS } from './buckets.ts'
import type { MetricDefinition } from './metric-definition.ts'

export const UPSTREAM_NAME = 'sidelight.upstream.name'
export const TOOL_NAME = 'gen_ai.tool.name'
export const DRIFT_KIND = 'sidelight.drift.kind'

export const TOOL_METRICS = {
  catalogueTools: {
    name: 'sidelight.catalogue.tools',
    kind: 'gauge',
    unit: '{tool}',
    description: 'Tools in the list of tools that was read last.',
    attributes: [UPSTREAM_NAME],
  },
  catalogueSize: {
    name: 'sidelight.catalogue.size',
    kind: 'gauge',
    unit: 'By',
    description: 'Size of the list of tools that was read last, all its pages together.',
    attributes: [UPSTREAM_NAME],
  },
  catalogueTokens: {
    name: 'sidelight.catalogue.tokens',
    kind: 'gauge',
    unit: '{token}',
    description: 'Estimated tokens that this list costs in the context of a model.',
    attributes: [UPSTREAM_NAME],
  },
  catalogueDrifts: {
    name: 'sidelight.catalogue.drifts',
    kind: 'counter',
    unit: '{drift}',
    description: 'Tools that came, went or changed their definition, or differ from their pin.',
    attributes: [UPSTREAM_NAME, DRIFT_KIND],
  },
  toolResultSize: {
    name: 'sidelight.tool.result.size',
    kind: 'histogram',
    unit: 'By',
    description: 'Size of the results of tools.',
    attributes: [UPSTREAM_NAME, TOOL_NAME],
    buckets: SIZE_BUCKETS,
  },
  toolResultTokens: {
    name: 'sidelight.tool.result.tokens',
    kind: 'counter',
    unit: '{token}',
    description: 'Estimated tokens of the results of tools in the context of a model.',
    attributes: [UPSTREAM_NAME, TOOL_NAME],
  },
  callsRepeated: {
    name: 'sidelight.calls.repeated',
    kind: 'counter',
    unit: '{call}',
    description:
      'Tool calls just like an earlier one of the same client: same tool, same arguments, within five minutes.',
    attributes: [UPSTREAM_NAME, TOOL_NAME],
  },
  callsAfterRefusal: {
    name: 'sidelight.calls.after_refusal',
    kind: 'counter',
    unit: '{call}',
    description:
      'Tool calls that came although the tool had just been refused and the client been asked to wait.',
    attributes: [UPSTREAM_NAME, TOOL_NAME],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>
