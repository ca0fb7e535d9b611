/** Exports as a sound sidecar sends them, as OTLP/JSON, for tests that doctor them. */

import type { Received } from '../support/otlp-collector.ts'

type Json = string | number | boolean

export interface KeyValue {
  key: string
  value: Record<string, Json>
}

export function attributes(values: Readonly<Record<string, Json>>): KeyValue[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value:
      typeof value === 'string'
        ? { stringValue: value }
        : typeof value === 'boolean'
          ? { boolValue: value }
          : { intValue: value },
  }))
}

const RESOURCE = {
  attributes: attributes({
    'service.name': 'sidelight',
    'service.version': '1.2.3',
    'service.instance.id': '4d5a-1',
  }),
}

const SCHEMA = 'https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev'

const COMMON = {
  'mcp.method.name': 'tools/call',
  'sidelight.upstream.name': 'main',
  'gen_ai.tool.name': 'search',
  'gen_ai.operation.name': 'execute_tool',
  'network.transport': 'tcp',
  'network.protocol.name': 'http',
  'network.protocol.version': '1.1',
}

const ENDED = { 'jsonrpc.request.id': '7', 'sidelight.outcome': 'ok' }

export interface Span {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: KeyValue[]
  links: { traceId: string; spanId: string }[]
  events: { name: string; timeUnixNano: string; attributes: KeyValue[] }[]
  status: { code?: number; message?: string }
}

function span(kind: number, spanId: string, own: Readonly<Record<string, Json>>): Span {
  return {
    traceId: 'a'.repeat(32),
    spanId,
    name: 'tools/call search',
    kind,
    startTimeUnixNano: '1000',
    endTimeUnixNano: '2000',
    attributes: attributes({ ...COMMON, ...ENDED, ...own }),
    links: [],
    events: [],
    status: {},
  }
}

const BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]

export interface Metric {
  name: string
  unit: string
  histogram?: {
    aggregationTemporality: number
    dataPoints: {
      attributes: KeyValue[]
      startTimeUnixNano: string
      timeUnixNano: string
      count: number
      sum: number
      min: number
      max: number
      bucketCounts: number[]
      explicitBounds: number[]
    }[]
  }
  sum?: {
    isMonotonic: boolean
    aggregationTemporality: number
    dataPoints: {
      attributes: KeyValue[]
      startTimeUnixNano: string
      timeUnixNano: string
      asDouble: number
    }[]
  }
}

function duration(side: 'server' | 'client', own: Readonly<Record<string, Json>>): Metric {
  return {
    name: `mcp.${side}.operation.duration`,
    unit: 's',
    histogram: {
      aggregationTemporality: 2,
      dataPoints: [
        {
          attributes: attributes({ ...COMMON, ...own }),
          startTimeUnixNano: '500',
          timeUnixNano: '3000',
          count: 1,
          sum: 0.015,
          min: 0.015,
          max: 0.015,
          bucketCounts: [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
          explicitBounds: BUCKETS,
        },
      ],
    },
  }
}

function calls(count: number, at: string): Metric {
  return {
    name: 'sidelight.calls',
    unit: '{call}',
    sum: {
      isMonotonic: true,
      aggregationTemporality: 2,
      dataPoints: [
        {
          attributes: attributes({
            'sidelight.upstream.name': 'main',
            'mcp.method.name': 'tools/call',
            'sidelight.outcome': 'ok',
          }),
          startTimeUnixNano: '500',
          timeUnixNano: at,
          asDouble: count,
        },
      ],
    },
  }
}

export interface Log {
  timeUnixNano: string
  observedTimeUnixNano: string
  severityNumber: number
  eventName: string
  attributes: KeyValue[]
  traceId: string
  spanId: string
}

export interface Sound {
  resource: { attributes: KeyValue[] }
  scope: { name: string; version: string }
  schemaUrl: string
  server: Span
  client: Span
  /** Two exports, one after the other. */
  metrics: [Metric[], Metric[]]
  log: Log
  /** Bytes that come as they are. */
  extra: Received[]
}

/** One tool call, as spans, in two exports of metrics, and a log record. */
export function soundExports(): Sound {
  const server = span(2, '1'.repeat(16), {
    'client.address': '127.0.0.1',
    'client.port': 5000,
  })
  const client = span(3, '2'.repeat(16), {
    'server.address': '127.0.0.1',
    'server.port': 3000,
    'sidelight.attempt': 1,
    'sidelight.request.size': 140,
  })
  client.parentSpanId = server.spanId
  return structuredClone({
    resource: RESOURCE,
    scope: { name: 'sidelight', version: '1.2.3' },
    schemaUrl: SCHEMA,
    server,
    client,
    metrics: [
      [calls(1, '2500')],
      [
        duration('server', {}),
        duration('client', { 'server.address': '127.0.0.1', 'server.port': 3000 }),
        calls(2, '3000'),
      ],
    ],
    log: {
      timeUnixNano: '2000',
      observedTimeUnixNano: '2000',
      severityNumber: 13,
      eventName: 'sidelight.call.ended',
      attributes: attributes({ 'sidelight.upstream.name': 'main', 'sidelight.outcome': 'ok' }),
      traceId: 'a'.repeat(32),
      spanId: '1'.repeat(16),
    },
    extra: [],
  })
}

/** As a collector receives it. */
export function toReceived(sound: Sound): readonly Received[] {
  const { resource, scope, schemaUrl } = sound
  const post = (path: string, body: unknown): Received => ({
    path,
    contentType: 'application/json',
    headers: {},
    body: Buffer.from(JSON.stringify(body)),
  })
  return [
    post('/v1/traces', {
      resourceSpans: [
        { resource, scopeSpans: [{ scope, schemaUrl, spans: [sound.client, sound.server] }] },
      ],
    }),
    ...sound.metrics.map((metrics) =>
      post('/v1/metrics', {
        resourceMetrics: [{ resource, scopeMetrics: [{ scope, schemaUrl, metrics }] }],
      }),
    ),
    post('/v1/logs', {
      resourceLogs: [{ resource, scopeLogs: [{ scope, schemaUrl, logRecords: [sound.log] }] }],
    }),
    ...sound.extra,
  ]
}
