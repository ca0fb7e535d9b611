/** The metrics of upstreams and of the ways to them. Part of `METRICS` in names.ts. */

import { MCP_DURATION_BUCKETS } from './buckets.ts'
import type { MetricDefinition } from './names.ts'

const UPSTREAM = 'sidelight.upstream.name'

export const UPSTREAM_METRICS = {
  upstreamUp: {
    name: 'sidelight.upstream.up',
    kind: 'gauge',
    unit: '{upstream}',
    description: 'Whether the last health check found the upstream well: 1 or 0.',
    attributes: [UPSTREAM],
  },
  healthCheckDuration: {
    name: 'sidelight.upstream.health_check.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of health checks; `error.type` says why the upstream is not well.',
    attributes: [UPSTREAM, 'error.type'],
    buckets: MCP_DURATION_BUCKETS,
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>
