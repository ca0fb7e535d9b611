/** The metrics of upstreams and of the ways to them. Part of `METRICS` in names.ts. */

import { MCP_DURATION_BUCKETS, POOL_BUCKETS } from './buckets.ts'
import type { MetricDefinition } from './names.ts'

const UPSTREAM = 'sidelight.upstream.name'

/** Attributes that only the metrics of pools have. */
export const POOL_ATTR = {
  poolName: 'sidelight.pool.name',
  connectionState: 'sidelight.pool.connection.state',
} as const

const POOL = [UPSTREAM, POOL_ATTR.poolName]

/** "Connection" is OpenTelemetry's word (`db.client.connection.*`); a process is one too. */
const POOL_METRICS = {
  poolCount: {
    name: 'sidelight.pool.connections',
    kind: 'updowncounter',
    unit: '{connection}',
    description: 'Connections to an upstream, or its shared processes, that are idle or in use.',
    attributes: [...POOL, POOL_ATTR.connectionState],
  },
  poolMax: {
    name: 'sidelight.pool.connection.max',
    kind: 'updowncounter',
    unit: '{connection}',
    description: 'Most connections or processes that the pool may have; absent when unlimited.',
    attributes: POOL,
  },
  poolPending: {
    name: 'sidelight.pool.connection.pending_requests',
    kind: 'updowncounter',
    unit: '{request}',
    description: 'Requests that wait for a connection or a process.',
    attributes: POOL,
  },
  poolTimeouts: {
    name: 'sidelight.pool.connection.timeouts',
    kind: 'counter',
    unit: '{timeout}',
    description:
      'Connections that could not be made in time, and requests whose time was over before they had one.',
    attributes: POOL,
  },
  poolCreateTime: {
    name: 'sidelight.pool.connection.create_time',
    kind: 'histogram',
    unit: 's',
    description: 'Time that it took to make a connection, TLS included, or to start a process.',
    attributes: POOL,
    buckets: POOL_BUCKETS,
  },
  poolWaitTime: {
    name: 'sidelight.pool.connection.wait_time',
    kind: 'histogram',
    unit: 's',
    description:
      'Time from when a request was given to the pool until it was written to a connection or a process.',
    attributes: POOL,
    buckets: POOL_BUCKETS,
  },
  poolUseTime: {
    name: 'sidelight.pool.connection.use_time',
    kind: 'histogram',
    unit: 's',
    description:
      'Time from when a request was written to a connection or a process until it needed it no more.',
    attributes: POOL,
    buckets: POOL_BUCKETS,
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>

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
  ...POOL_METRICS,
} as const satisfies Readonly<Record<string, MetricDefinition>>
