/** The contract of rules and dashboards with the binary. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { labelsOfSeries, metricOfSeries, readContract } from '../../grafana/src/metrics.ts'

describe('the metric contract', () => {
  const contract = readContract()

  it('names metrics as /metrics does', () => {
    for (const name of [
      'sidelight_calls_total',
      'mcp_server_operation_duration_seconds',
      'sidelight_breaker_failure_ratio',
      'sidelight_breaker_open_time_seconds_total',
      'nodejs_eventloop_delay_p99_seconds',
      'process_memory_usage_bytes',
    ]) {
      assert.ok(contract.has(name), name)
    }
  })

  it('knows the labels of a metric and the values that they can have', () => {
    const transitions = contract.get('sidelight_breaker_transitions_total')
    assert.deepEqual(transitions?.labels.get('sidelight_breaker_state'), [
      'closed',
      'open',
      'half_open',
    ])
    assert.equal(transitions.labels.get('sidelight_upstream_name'), undefined)
  })

  it('knows the series of a histogram, and that a counter has none of these', () => {
    const found = metricOfSeries(contract, 'mcp_client_operation_duration_seconds_bucket')
    assert.equal(found?.otelName, 'mcp.client.operation.duration')
    assert.ok(labelsOfSeries(found, 'mcp_client_operation_duration_seconds_bucket').has('le'))
    assert.equal(metricOfSeries(contract, 'sidelight_calls_total_bucket'), undefined)
  })
})
