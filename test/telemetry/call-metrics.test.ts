import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AttemptTarget } from '../../src/core/observer.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { CallMetrics } from '../../src/telemetry/call-metrics.ts'
import type { CallDescription } from '../../src/telemetry/describe-call.ts'
import { Instruments } from '../../src/telemetry/instruments.ts'
import { LabelGuard } from '../../src/telemetry/label-guard.ts'
import type { HistogramFamily } from '../../src/telemetry/series.ts'

const SPAN = { recording: false, sampled: false, context: { traceId: '', spanId: '' }, endMs: 0 }
const HTTP = { carrier: 'tcp', httpVersion: '1.1' } as const
const TARGET: AttemptTarget = {
  upstreamName: 'up',
  carrier: 'tcp',
  address: '10.0.0.1',
  port: 80,
}

const tool = (name: string): CallDescription => ({
  spanName: `tools/call ${name}`,
  method: 'tools/call',
  tool: name,
  prompt: undefined,
  upstream: 'up',
  operationName: 'execute_tool',
  protocolVersion: '2025-11-25',
  attributes: { tcp: [], pipe: [] },
  handles: new Map(),
})

function make(): { instruments: Instruments; metrics: CallMetrics } {
  const instruments = new Instruments({
    version: '1',
    inFlight: () => new Map(),
    sessions: () => [],
    health: () => [],
    methods: new Set(),
    revisions: new Set(),
    target: () => TARGET,
  })
  return { instruments, metrics: new CallMetrics(instruments, new LabelGuard(() => {})) }
}

/** Tool, error type and code, HTTP version, and how often. */
function seen(family: HistogramFamily): (readonly [string, number])[] {
  return [...family.series()].map((series) => {
    const values = series.values ?? []
    const shown = [values[2], values[5], values[6], values[8], values[10], values[11]]
    return [shown.join(' ').trim(), series.read().count] as const
  })
}

describe('A call is recorded', () => {
  it('in the same series again and again, found once', () => {
    const { instruments, metrics } = make()
    const about = tool('add')
    for (let i = 0; i < 3; i += 1) metrics.served(about, { kind: 'ok' }, HTTP, 0.1, SPAN)
    for (let i = 0; i < 3; i += 1) metrics.callEnded(about, { kind: 'ok' })
    for (let i = 0; i < 3; i += 1) metrics.attempted(about, { kind: 'ok' }, TARGET, 0.1, SPAN)
    const handles = about.handles.get('ok')
    assert.equal(handles?.calls?.total, 3)
    assert.equal(handles.server?.series.read().count, 3)
    assert.equal(handles.client?.series.read().count, 3)
    assert.equal([...instruments.serverOperationDuration.series()].length, 1)
  })

  it('by its ending', () => {
    const { instruments, metrics } = make()
    const about = tool('add')
    const endings: readonly Outcome[] = [
      { kind: 'ok' },
      { kind: 'tool_error' },
      { kind: 'rpc_error', code: -32000 },
      { kind: 'rpc_error', code: -32001 },
      { kind: 'upstream_failed', reason: 'timeout', sent: true },
      { kind: 'upstream_failed', reason: 'http_5xx', sent: true, status: 502 },
      { kind: 'upstream_failed', reason: 'http_5xx', sent: true, status: 503 },
      { kind: 'rejected', reason: 'at_capacity', message: '' },
      { kind: 'cancelled' },
    ]
    for (let round = 0; round < 2; round += 1) {
      for (const ending of endings) metrics.served(about, ending, HTTP, 0.1, SPAN)
    }
    assert.deepEqual(seen(instruments.serverOperationDuration), [
      ['add   tcp 1.1', 2],
      ['add tool_error  tcp 1.1', 2],
      ['add -32000 -32000 tcp 1.1', 2],
      ['add -32001 -32001 tcp 1.1', 2],
      ['add timeout  tcp 1.1', 2],
      ['add 502  tcp 1.1', 2],
      ['add 503  tcp 1.1', 2],
      ['add at_capacity  tcp 1.1', 2],
      ['add cancelled  tcp 1.1', 2],
    ])
  })

  it('by what it came by and went to, when that changes', () => {
    const { instruments, metrics } = make()
    const about = tool('add')
    for (const arrival of [HTTP, { carrier: 'pipe', httpVersion: '' } as const, HTTP]) {
      metrics.served(about, { kind: 'ok' }, arrival, 0.1, SPAN)
    }
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.1']) {
      metrics.attempted(about, { kind: 'ok' }, { ...TARGET, address }, 0.1, SPAN)
    }
    assert.deepEqual(seen(instruments.serverOperationDuration), [
      ['add   tcp 1.1', 2],
      ['add   pipe', 1],
    ])
    assert.deepEqual(seen(instruments.clientOperationDuration), [
      ['add   tcp 1.1 10.0.0.1', 2],
      ['add   tcp 1.1 10.0.0.2', 1],
    ])
  })

  it('under its tool as soon as an answer showed that the tool exists', () => {
    const { instruments, metrics } = make()
    const about = tool('add')
    const refused: Outcome = { kind: 'rejected', reason: 'at_capacity', message: '' }
    for (const ending of [refused, refused, { kind: 'ok' } as const, refused]) {
      metrics.served(about, ending, HTTP, 0.1, SPAN)
    }
    assert.deepEqual(seen(instruments.serverOperationDuration), [
      ['_OTHER at_capacity  tcp 1.1', 2],
      ['add   tcp 1.1', 1],
      ['add at_capacity  tcp 1.1', 1],
    ])
  })

  it('in few series, whatever 100,000 tools a client makes up', () => {
    const { instruments, metrics } = make()
    for (let i = 0; i < 100_000; i += 1) {
      const about = tool(`made_up_${i}`)
      const kind = (['ok', 'tool_error', 'cancelled'] as const)[i % 3] ?? 'ok'
      metrics.served(about, { kind }, HTTP, 0.1, SPAN)
      metrics.attempted(about, { kind }, TARGET, 0.1, SPAN)
      metrics.callEnded(about, { kind })
    }
    for (const family of [
      instruments.serverOperationDuration,
      instruments.clientOperationDuration,
    ]) {
      // 256 names that an answer showed, 32 that only failed, and `_OTHER` by ending.
      assert.equal([...family.series()].length, 256 + 32 + 3)
    }
    assert.equal([...instruments.calls.series()].length, 3)
  })
})
