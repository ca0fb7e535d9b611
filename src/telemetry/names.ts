/**
 * Every name that Sidelight's telemetry shows: attributes, metrics, units and buckets. `sidelight.*`
 * are ours, the others OpenTelemetry's (semantic conventions for MCP, development status).
 */

import { AUTH_ATTR, AUTH_METRICS } from './auth-names.ts'
import { MCP_DURATION_BUCKETS, OVERHEAD_BUCKETS, SIZE_BUCKETS, STREAM_BUCKETS } from './buckets.ts'
import { AUDIT_ATTR, auditMetrics } from './audit-names.ts'
import { CONFIG_METRICS, RELOAD_OUTCOME } from './config-names.ts'
import { RESILIENCE_ATTR, resilienceMetrics } from './resilience-names.ts'
import { POLICY_ATTR, POLICY_METRICS } from './policy-names.ts'
import type { MetricDefinition } from './metric-definition.ts'
import { INSIGHT_ATTR, insightMetrics } from './insight-names.ts'
import { HEAP_SPACE, RUNTIME_METRICS } from './runtime-names.ts'
import { DRIFT_KIND, TOOL_METRICS, TOOL_NAME, UPSTREAM_NAME } from './tool-names.ts'
import { POOL_ATTR, UPSTREAM_METRICS } from './upstream-names.ts'

/** The conventions' schema; no tagged release exists yet, so this is what instrumentations name. */
export const SCHEMA_URL = 'https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev'
export const SCOPE_NAME = 'sidelight'

export const ATTR = {
  methodName: 'mcp.method.name',
  protocolVersion: 'mcp.protocol.version',
  sessionId: 'mcp.session.id',
  resourceUri: 'mcp.resource.uri',
  toolName: TOOL_NAME,
  promptName: 'gen_ai.prompt.name',
  operationName: 'gen_ai.operation.name',
  toolArguments: 'gen_ai.tool.call.arguments',
  toolResult: 'gen_ai.tool.call.result',
  requestId: 'jsonrpc.request.id',
  jsonrpcVersion: 'jsonrpc.protocol.version',
  rpcStatusCode: 'rpc.response.status_code',
  errorType: 'error.type',
  networkTransport: 'network.transport',
  networkProtocolName: 'network.protocol.name',
  networkProtocolVersion: 'network.protocol.version',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  clientAddress: 'client.address',
  clientPort: 'client.port',
  upstreamName: UPSTREAM_NAME,
  outcome: 'sidelight.outcome',
  outcomeReason: 'sidelight.outcome.reason',
  attempt: 'sidelight.attempt',
  queueDuration: 'sidelight.queue.duration',
  connectDuration: 'sidelight.connect.duration',
  firstEventDuration: 'sidelight.first_event.duration',
  requestSize: 'sidelight.request.size',
  responseSize: 'sidelight.response.size',
  streamKind: 'sidelight.stream.kind',
  callRepeats: 'sidelight.call.repeats',
  driftKind: DRIFT_KIND,
  exchangeKind: 'sidelight.exchange.kind',
  sessionEnd: 'sidelight.session.end',
  processEnd: 'sidelight.process.end',
  droppedLine: 'sidelight.stdio.drop.reason',
  limit: 'sidelight.limit',
  signal: 'sidelight.telemetry.signal',
  dropReason: 'sidelight.telemetry.drop.reason',
  ...POOL_ATTR,
  ...RESILIENCE_ATTR,
  ...AUDIT_ATTR,
  ...POLICY_ATTR,
  ...AUTH_ATTR,
  ...INSIGHT_ATTR,
  version: 'sidelight.version',
  reloadOutcome: RELOAD_OUTCOME,
  heapSpace: HEAP_SPACE,
} as const

/** Attributes whose numbers have fractions, in seconds; all other numbers are integers. */
export const DOUBLE_ATTRIBUTES: ReadonlySet<string> = new Set([
  ATTR.queueDuration,
  ATTR.connectDuration,
  ATTR.firstEventDuration,
  ATTR.breakerOpenDuration,
])

/** Value of a bounded attribute whose real value is not one of the known ones. */
export const OTHER = '_OTHER'

export type { MetricDefinition }

const SESSION_ATTRIBUTES: readonly string[] = [
  ATTR.protocolVersion,
  ATTR.networkProtocolName,
  ATTR.errorType,
  ATTR.upstreamName,
]

const OPERATION_ATTRIBUTES: readonly string[] = [
  ATTR.methodName,
  ATTR.upstreamName,
  ATTR.toolName,
  ATTR.promptName,
  ATTR.operationName,
  ATTR.errorType,
  ATTR.rpcStatusCode,
  ATTR.protocolVersion,
  ATTR.networkTransport,
  ATTR.networkProtocolName,
  ATTR.networkProtocolVersion,
]

export const METRICS = {
  serverOperationDuration: {
    name: 'mcp.server.operation.duration',
    kind: 'histogram',
    unit: 's',
    description:
      'Duration of an MCP request or notification as its receiver sees it: from its arrival at Sidelight to the end of its answer.',
    attributes: OPERATION_ATTRIBUTES,
    buckets: MCP_DURATION_BUCKETS,
  },
  clientOperationDuration: {
    name: 'mcp.client.operation.duration',
    kind: 'histogram',
    unit: 's',
    description:
      'Duration of one attempt of an MCP request or notification as its sender sees it: from Sidelight to the upstream and back.',
    attributes: [...OPERATION_ATTRIBUTES, ATTR.serverAddress, ATTR.serverPort],
    buckets: MCP_DURATION_BUCKETS,
  },
  serverSessionDuration: {
    name: 'mcp.server.session.duration',
    kind: 'histogram',
    unit: 's',
    description:
      'Duration of an MCP session as the server sees it: from its beginning at Sidelight to its end.',
    attributes: SESSION_ATTRIBUTES,
    buckets: MCP_DURATION_BUCKETS,
  },
  clientSessionDuration: {
    name: 'mcp.client.session.duration',
    kind: 'histogram',
    unit: 's',
    description:
      'Duration of an MCP session as the client sees it: that of Sidelight with the upstream.',
    attributes: [...SESSION_ATTRIBUTES, ATTR.serverAddress, ATTR.serverPort],
    buckets: MCP_DURATION_BUCKETS,
  },
  overheadDuration: {
    name: 'sidelight.overhead.duration',
    kind: 'histogram',
    unit: 's',
    description:
      'Time that an exchange spent in Sidelight itself, without waits for the client, a connection or the upstream.',
    attributes: [ATTR.upstreamName],
    buckets: OVERHEAD_BUCKETS,
  },
  firstEventDuration: {
    name: 'sidelight.first_event.duration',
    kind: 'histogram',
    unit: 's',
    description:
      'Time from the start of an attempt to the first event of its reply, of replies that are event streams.',
    attributes: [ATTR.upstreamName, ATTR.methodName],
    buckets: MCP_DURATION_BUCKETS,
  },
  streamDuration: {
    name: 'sidelight.stream.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long event streams of upstreams were open, by what they were for.',
    attributes: [ATTR.upstreamName, ATTR.streamKind],
    buckets: STREAM_BUCKETS,
  },
  streamEvents: {
    name: 'sidelight.stream.events',
    kind: 'counter',
    unit: '{event}',
    description: 'Events with a message in them that passed on streams of upstreams.',
    attributes: [ATTR.upstreamName, ATTR.streamKind],
  },
  requestSize: {
    name: 'sidelight.request.size',
    kind: 'histogram',
    unit: 'By',
    description: 'Size of the bodies that were sent to upstreams.',
    attributes: [ATTR.upstreamName, ATTR.methodName],
    buckets: SIZE_BUCKETS,
  },
  responseSize: {
    name: 'sidelight.response.size',
    kind: 'histogram',
    unit: 'By',
    description: 'Size of the bodies that upstreams replied with, as they are on the wire.',
    attributes: [ATTR.upstreamName, ATTR.methodName],
    buckets: SIZE_BUCKETS,
  },
  rejections: {
    name: 'sidelight.rejections',
    kind: 'counter',
    unit: '{call}',
    description: 'Calls that Sidelight refused, and requests that never became a call, by reason.',
    attributes: [ATTR.upstreamName, ATTR.outcomeReason],
  },
  calls: {
    name: 'sidelight.calls',
    kind: 'counter',
    unit: '{call}',
    description: 'MCP requests and notifications that ended, by outcome.',
    attributes: [ATTR.upstreamName, ATTR.methodName, ATTR.outcome, ATTR.outcomeReason],
  },
  exchanges: {
    name: 'sidelight.exchanges',
    kind: 'counter',
    unit: '{exchange}',
    description:
      'HTTP exchanges with clients that ended, by outcome; also those that never became a call.',
    attributes: [ATTR.upstreamName, ATTR.exchangeKind, ATTR.outcome, ATTR.outcomeReason],
  },
  inFlight: {
    name: 'sidelight.exchanges.active',
    kind: 'updowncounter',
    unit: '{exchange}',
    description: 'Exchanges with upstreams that are under way, open streams included.',
    attributes: [ATTR.upstreamName],
  },
  sessions: {
    name: 'sidelight.sessions.active',
    kind: 'updowncounter',
    unit: '{session}',
    description: 'MCP sessions that are open as far as Sidelight knows.',
    attributes: [ATTR.upstreamName],
  },
  sessionsEnded: {
    name: 'sidelight.sessions.ended',
    kind: 'counter',
    unit: '{session}',
    description: 'MCP sessions that ended, by how.',
    attributes: [ATTR.upstreamName, ATTR.sessionEnd],
  },
  processes: {
    name: 'sidelight.processes.active',
    kind: 'updowncounter',
    unit: '{process}',
    description: 'Processes of stdio servers that run.',
    attributes: [ATTR.upstreamName],
  },
  processesEnded: {
    name: 'sidelight.processes.ended',
    kind: 'counter',
    unit: '{process}',
    description: 'Processes of stdio servers that ended, by how.',
    attributes: [ATTR.upstreamName, ATTR.processEnd],
  },
  processesRestarted: {
    name: 'sidelight.processes.restarts',
    kind: 'counter',
    unit: '{restart}',
    description:
      'Processes of stdio servers that were started in the place of one that had ended by itself.',
    attributes: [ATTR.upstreamName],
  },
  linesDropped: {
    name: 'sidelight.stdio.lines.dropped',
    kind: 'counter',
    unit: '{line}',
    description: 'Lines and messages of stdio servers that went to nobody, by reason.',
    attributes: [ATTR.upstreamName, ATTR.droppedLine],
  },
  ...UPSTREAM_METRICS,
  ...TOOL_METRICS,
  ...POLICY_METRICS,
  limitHits: {
    name: 'sidelight.limit.hits',
    kind: 'counter',
    unit: '{hit}',
    description: 'Times that a configured limit was hit, by limit.',
    attributes: [ATTR.limit],
  },
  telemetryDropped: {
    name: 'sidelight.telemetry.dropped',
    kind: 'counter',
    unit: '{item}',
    description:
      'Spans, points of metrics and log records that were lost on their way out, by reason.',
    attributes: [ATTR.signal, ATTR.dropReason],
  },
  ...CONFIG_METRICS,
  ...AUTH_METRICS,
  ...insightMetrics(ATTR.signal),
  ...resilienceMetrics(ATTR, MCP_DURATION_BUCKETS),
  ...auditMetrics(ATTR),
  buildInfo: {
    name: 'sidelight.build.info',
    kind: 'gauge',
    unit: '{build}',
    description: 'Always 1; the version of Sidelight is an attribute.',
    attributes: [ATTR.version],
  },
  ...RUNTIME_METRICS,
} as const satisfies Readonly<Record<string, MetricDefinition>>
