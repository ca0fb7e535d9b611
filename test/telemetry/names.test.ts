import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MCP_DURATION_BUCKETS } from '../../src/telemetry/buckets.ts'
import { ATTR, METRICS, OTHER, SCHEMA_URL, SCOPE_NAME } from '../../src/telemetry/names.ts'
import { prometheusName } from '../../src/telemetry/prometheus.ts'

describe('The attributes', () => {
  it('are these', () => {
    assert.deepEqual(ATTR, {
      methodName: 'mcp.method.name',
      protocolVersion: 'mcp.protocol.version',
      sessionId: 'mcp.session.id',
      resourceUri: 'mcp.resource.uri',
      toolName: 'gen_ai.tool.name',
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
      upstreamName: 'sidelight.upstream.name',
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
      driftKind: 'sidelight.drift.kind',
      exchangeKind: 'sidelight.exchange.kind',
      sessionEnd: 'sidelight.session.end',
      processEnd: 'sidelight.process.end',
      droppedLine: 'sidelight.stdio.drop.reason',
      limit: 'sidelight.limit',
      signal: 'sidelight.telemetry.signal',
      dropReason: 'sidelight.telemetry.drop.reason',
      poolName: 'sidelight.pool.name',
      connectionState: 'sidelight.pool.connection.state',
      breakerState: 'sidelight.breaker.state',
      breakerPreviousState: 'sidelight.breaker.previous_state',
      breakerCause: 'sidelight.breaker.cause',
      breakerOpenDuration: 'sidelight.breaker.open_time',
      breakerWindowCalls: 'sidelight.breaker.window.calls',
      breakerWindowFailed: 'sidelight.breaker.window.failed',
      breakerWindowSlow: 'sidelight.breaker.window.slow',
      breakerScope: 'sidelight.breaker.scope',
      trialResult: 'sidelight.breaker.trial.result',
      queueEnd: 'sidelight.queue.end',
      hedgeResult: 'sidelight.hedge.result',
      auditType: 'sidelight.audit.type',
      policyOutcome: 'sidelight.policy.outcome',
      policyReason: 'sidelight.policy.reason',
      policyRole: 'sidelight.policy.role',
      policyRule: 'sidelight.policy.rule',
      authOutcome: 'sidelight.auth.outcome',
      authRefusal: 'sidelight.auth.refusal',
      authIssuer: 'sidelight.auth.issuer',
      authCache: 'sidelight.auth.cache.use',
      authKeys: 'sidelight.auth.keys.outcome',
      version: 'sidelight.version',
      reloadOutcome: 'sidelight.config.reload.outcome',
      heapSpace: 'v8js.heap.space.name',
    })
  })

  it('have one value for all that is unknown', () => {
    assert.equal(OTHER, '_OTHER')
  })
})

const OPERATION = [
  'mcp.method.name',
  'sidelight.upstream.name',
  'gen_ai.tool.name',
  'gen_ai.prompt.name',
  'gen_ai.operation.name',
  'error.type',
  'rpc.response.status_code',
  'mcp.protocol.version',
  'network.transport',
  'network.protocol.name',
  'network.protocol.version',
]

const SESSION = [
  'mcp.protocol.version',
  'network.protocol.name',
  'error.type',
  'sidelight.upstream.name',
]
const BY_METHOD = ['sidelight.upstream.name', 'mcp.method.name']
const BY_STREAM = ['sidelight.upstream.name', 'sidelight.stream.kind']
const POOL = ['sidelight.upstream.name', 'sidelight.pool.name']
const TOOL = ['sidelight.upstream.name', 'gen_ai.tool.name']

describe('The metrics', () => {
  it('have these names, kinds, units and attributes', () => {
    const shape = Object.values(METRICS).map(({ name, kind, unit, attributes }) => [
      name,
      kind,
      unit,
      [...attributes],
    ])
    const outcome = ['sidelight.outcome', 'sidelight.outcome.reason']
    assert.deepEqual(shape, [
      ['mcp.server.operation.duration', 'histogram', 's', OPERATION],
      [
        'mcp.client.operation.duration',
        'histogram',
        's',
        [...OPERATION, 'server.address', 'server.port'],
      ],
      ['mcp.server.session.duration', 'histogram', 's', SESSION],
      [
        'mcp.client.session.duration',
        'histogram',
        's',
        [...SESSION, 'server.address', 'server.port'],
      ],
      ['sidelight.overhead.duration', 'histogram', 's', ['sidelight.upstream.name']],
      ['sidelight.first_event.duration', 'histogram', 's', BY_METHOD],
      ['sidelight.stream.duration', 'histogram', 's', BY_STREAM],
      ['sidelight.stream.events', 'counter', '{event}', BY_STREAM],
      ['sidelight.request.size', 'histogram', 'By', BY_METHOD],
      ['sidelight.response.size', 'histogram', 'By', BY_METHOD],
      [
        'sidelight.rejections',
        'counter',
        '{call}',
        ['sidelight.upstream.name', 'sidelight.outcome.reason'],
      ],
      [
        'sidelight.calls',
        'counter',
        '{call}',
        ['sidelight.upstream.name', 'mcp.method.name', ...outcome],
      ],
      [
        'sidelight.exchanges',
        'counter',
        '{exchange}',
        ['sidelight.upstream.name', 'sidelight.exchange.kind', ...outcome],
      ],
      ['sidelight.exchanges.active', 'updowncounter', '{exchange}', ['sidelight.upstream.name']],
      ['sidelight.sessions.active', 'updowncounter', '{session}', ['sidelight.upstream.name']],
      [
        'sidelight.sessions.ended',
        'counter',
        '{session}',
        ['sidelight.upstream.name', 'sidelight.session.end'],
      ],
      ['sidelight.processes.active', 'updowncounter', '{process}', ['sidelight.upstream.name']],
      [
        'sidelight.processes.ended',
        'counter',
        '{process}',
        ['sidelight.upstream.name', 'sidelight.process.end'],
      ],
      ['sidelight.processes.restarts', 'counter', '{restart}', ['sidelight.upstream.name']],
      [
        'sidelight.stdio.lines.dropped',
        'counter',
        '{line}',
        ['sidelight.upstream.name', 'sidelight.stdio.drop.reason'],
      ],
      ['sidelight.upstream.up', 'gauge', '{upstream}', ['sidelight.upstream.name']],
      [
        'sidelight.upstream.health_check.duration',
        'histogram',
        's',
        ['sidelight.upstream.name', 'error.type'],
      ],
      [
        'sidelight.pool.connections',
        'updowncounter',
        '{connection}',
        [...POOL, 'sidelight.pool.connection.state'],
      ],
      ['sidelight.pool.connection.max', 'updowncounter', '{connection}', POOL],
      ['sidelight.pool.connection.pending_requests', 'updowncounter', '{request}', POOL],
      ['sidelight.pool.connection.timeouts', 'counter', '{timeout}', POOL],
      ['sidelight.pool.connection.create_time', 'histogram', 's', POOL],
      ['sidelight.pool.connection.wait_time', 'histogram', 's', POOL],
      ['sidelight.pool.connection.use_time', 'histogram', 's', POOL],
      ['sidelight.catalogue.tools', 'gauge', '{tool}', ['sidelight.upstream.name']],
      ['sidelight.catalogue.size', 'gauge', 'By', ['sidelight.upstream.name']],
      ['sidelight.catalogue.tokens', 'gauge', '{token}', ['sidelight.upstream.name']],
      [
        'sidelight.catalogue.drifts',
        'counter',
        '{drift}',
        ['sidelight.upstream.name', 'sidelight.drift.kind'],
      ],
      ['sidelight.tool.result.size', 'histogram', 'By', TOOL],
      ['sidelight.tool.result.tokens', 'counter', '{token}', TOOL],
      ['sidelight.calls.repeated', 'counter', '{call}', TOOL],
      ['sidelight.calls.after_refusal', 'counter', '{call}', TOOL],
      [
        'sidelight.policy.decisions',
        'counter',
        '{decision}',
        ['sidelight.upstream.name', 'sidelight.policy.outcome', 'sidelight.policy.reason'],
      ],
      ['sidelight.limit.hits', 'counter', '{hit}', ['sidelight.limit']],
      [
        'sidelight.telemetry.dropped',
        'counter',
        '{item}',
        ['sidelight.telemetry.signal', 'sidelight.telemetry.drop.reason'],
      ],
      ['sidelight.config.reloads', 'counter', '{reload}', ['sidelight.config.reload.outcome']],
      ['sidelight.config.valid', 'gauge', '{config}', []],
      [
        'sidelight.auth.attempts',
        'counter',
        '{request}',
        ['sidelight.upstream.name', 'sidelight.auth.outcome', 'sidelight.auth.refusal'],
      ],
      ['sidelight.auth.cache.uses', 'counter', '{request}', ['sidelight.auth.cache.use']],
      ['sidelight.auth.cache.entries', 'gauge', '{token}', []],
      ['sidelight.auth.keys.age', 'gauge', 's', ['sidelight.auth.issuer']],
      [
        'sidelight.auth.keys.reads',
        'counter',
        '{read}',
        ['sidelight.auth.issuer', 'sidelight.auth.keys.outcome'],
      ],
      [
        'sidelight.breaker.status',
        'updowncounter',
        '{breaker}',
        ['sidelight.upstream.name', 'gen_ai.tool.name', 'sidelight.breaker.state'],
      ],
      [
        'sidelight.breaker.transitions',
        'counter',
        '{transition}',
        [
          'sidelight.upstream.name',
          'gen_ai.tool.name',
          'sidelight.breaker.state',
          'sidelight.breaker.cause',
        ],
      ],
      [
        'sidelight.breaker.rejections',
        'counter',
        '{call}',
        ['sidelight.upstream.name', 'sidelight.breaker.scope'],
      ],
      [
        'sidelight.breaker.trials',
        'counter',
        '{call}',
        ['sidelight.upstream.name', 'sidelight.breaker.scope', 'sidelight.breaker.trial.result'],
      ],
      [
        'sidelight.breaker.late_results',
        'counter',
        '{call}',
        ['sidelight.upstream.name', 'sidelight.breaker.scope'],
      ],
      ['sidelight.breaker.open.time', 'counter', 's', ['sidelight.upstream.name']],
      ['sidelight.breaker.failure.ratio', 'gauge', '1', ['sidelight.upstream.name']],
      ['sidelight.breaker.slow.ratio', 'gauge', '1', ['sidelight.upstream.name']],
      ['sidelight.throttle.closures', 'counter', '{reply}', ['sidelight.upstream.name']],
      ['sidelight.throttle.closed', 'gauge', '{upstream}', ['sidelight.upstream.name']],
      ['sidelight.concurrency.active', 'gauge', '{call}', ['sidelight.upstream.name']],
      ['sidelight.concurrency.limit', 'gauge', '{call}', ['sidelight.upstream.name']],
      ['sidelight.queue.length', 'gauge', '{call}', ['sidelight.upstream.name']],
      [
        'sidelight.queue.wait.duration',
        'histogram',
        's',
        ['sidelight.upstream.name', 'sidelight.queue.end'],
      ],
      ['sidelight.retries', 'counter', '{retry}', ['sidelight.upstream.name']],
      ['sidelight.retry.refusals', 'counter', '{retry}', ['sidelight.upstream.name']],
      [
        'sidelight.hedges',
        'counter',
        '{attempt}',
        ['sidelight.upstream.name', 'sidelight.hedge.result'],
      ],
      ['sidelight.retry.budget', 'gauge', '{retry}', ['sidelight.upstream.name']],
      ['sidelight.audit.records', 'counter', '{record}', ['sidelight.audit.type']],
      ['sidelight.audit.dropped', 'counter', '{record}', []],
      ['sidelight.audit.backlog', 'updowncounter', '{record}', []],
      ['sidelight.audit.position', 'gauge', '{record}', []],
      ['sidelight.audit.failing', 'gauge', '{log}', []],
      ['sidelight.audit.sync.duration', 'histogram', 's', []],
      ['sidelight.build.info', 'gauge', '{build}', ['sidelight.version']],
      ['nodejs.eventloop.delay.min', 'gauge', 's', []],
      ['nodejs.eventloop.delay.max', 'gauge', 's', []],
      ['nodejs.eventloop.delay.mean', 'gauge', 's', []],
      ['nodejs.eventloop.delay.stddev', 'gauge', 's', []],
      ['nodejs.eventloop.delay.p50', 'gauge', 's', []],
      ['nodejs.eventloop.delay.p90', 'gauge', 's', []],
      ['nodejs.eventloop.delay.p99', 'gauge', 's', []],
      ['nodejs.eventloop.utilization', 'gauge', '1', []],
      ['v8js.memory.heap.used', 'updowncounter', 'By', ['v8js.heap.space.name']],
      ['v8js.memory.heap.space.size', 'updowncounter', 'By', ['v8js.heap.space.name']],
      ['process.memory.usage', 'updowncounter', 'By', []],
    ])
  })

  it('have these names in Prometheus', () => {
    assert.deepEqual(Object.values(METRICS).map(prometheusName), [
      'mcp_server_operation_duration_seconds',
      'mcp_client_operation_duration_seconds',
      'mcp_server_session_duration_seconds',
      'mcp_client_session_duration_seconds',
      'sidelight_overhead_duration_seconds',
      'sidelight_first_event_duration_seconds',
      'sidelight_stream_duration_seconds',
      'sidelight_stream_events_total',
      'sidelight_request_size_bytes',
      'sidelight_response_size_bytes',
      'sidelight_rejections_total',
      'sidelight_calls_total',
      'sidelight_exchanges_total',
      'sidelight_exchanges_active',
      'sidelight_sessions_active',
      'sidelight_sessions_ended_total',
      'sidelight_processes_active',
      'sidelight_processes_ended_total',
      'sidelight_processes_restarts_total',
      'sidelight_stdio_lines_dropped_total',
      'sidelight_upstream_up',
      'sidelight_upstream_health_check_duration_seconds',
      'sidelight_pool_connections',
      'sidelight_pool_connection_max',
      'sidelight_pool_connection_pending_requests',
      'sidelight_pool_connection_timeouts_total',
      'sidelight_pool_connection_create_time_seconds',
      'sidelight_pool_connection_wait_time_seconds',
      'sidelight_pool_connection_use_time_seconds',
      'sidelight_catalogue_tools',
      'sidelight_catalogue_size_bytes',
      'sidelight_catalogue_tokens',
      'sidelight_catalogue_drifts_total',
      'sidelight_tool_result_size_bytes',
      'sidelight_tool_result_tokens_total',
      'sidelight_calls_repeated_total',
      'sidelight_calls_after_refusal_total',
      'sidelight_policy_decisions_total',
      'sidelight_limit_hits_total',
      'sidelight_telemetry_dropped_total',
      'sidelight_config_reloads_total',
      'sidelight_config_valid',
      'sidelight_auth_attempts_total',
      'sidelight_auth_cache_uses_total',
      'sidelight_auth_cache_entries',
      'sidelight_auth_keys_age_seconds',
      'sidelight_auth_keys_reads_total',
      'sidelight_breaker_status',
      'sidelight_breaker_transitions_total',
      'sidelight_breaker_rejections_total',
      'sidelight_breaker_trials_total',
      'sidelight_breaker_late_results_total',
      'sidelight_breaker_open_time_seconds_total',
      'sidelight_breaker_failure_ratio',
      'sidelight_breaker_slow_ratio',
      'sidelight_throttle_closures_total',
      'sidelight_throttle_closed',
      'sidelight_concurrency_active',
      'sidelight_concurrency_limit',
      'sidelight_queue_length',
      'sidelight_queue_wait_duration_seconds',
      'sidelight_retries_total',
      'sidelight_retry_refusals_total',
      'sidelight_hedges_total',
      'sidelight_retry_budget',
      'sidelight_audit_records_total',
      'sidelight_audit_dropped_total',
      'sidelight_audit_backlog',
      'sidelight_audit_position',
      'sidelight_audit_failing',
      'sidelight_audit_sync_duration_seconds',
      'sidelight_build_info',
      'nodejs_eventloop_delay_min_seconds',
      'nodejs_eventloop_delay_max_seconds',
      'nodejs_eventloop_delay_mean_seconds',
      'nodejs_eventloop_delay_stddev_seconds',
      'nodejs_eventloop_delay_p50_seconds',
      'nodejs_eventloop_delay_p90_seconds',
      'nodejs_eventloop_delay_p99_seconds',
      'nodejs_eventloop_utilization_ratio',
      'v8js_memory_heap_used_bytes',
      'v8js_memory_heap_space_size_bytes',
      'process_memory_usage_bytes',
    ])
  })

  it('have the buckets that the conventions give', () => {
    const buckets = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]
    assert.deepEqual(MCP_DURATION_BUCKETS, buckets)
    assert.deepEqual(METRICS.serverOperationDuration.buckets, buckets)
    assert.deepEqual(METRICS.clientOperationDuration.buckets, buckets)
  })

  it('have no attribute whose values have no bound', () => {
    const unbounded = ['mcp.session.id', 'jsonrpc.request.id', 'client.address', 'client.port']
    for (const { name, attributes } of Object.values(METRICS)) {
      for (const attribute of [...unbounded, 'mcp.resource.uri']) {
        assert.ok(!(attributes as readonly string[]).includes(attribute), `${name} ${attribute}`)
      }
    }
  })
})

describe('The instrumentation', () => {
  it('is named sidelight and says which conventions it follows', () => {
    assert.equal(SCOPE_NAME, 'sidelight')
    assert.equal(SCHEMA_URL, 'https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev')
  })
})
