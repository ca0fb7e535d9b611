import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BREAKER_OPEN, CANCELLED, OK, rpcError, TIMEOUT, TOOL_ERROR } from './calls.ts'
import { startEngine, type TestEngine } from './engines.ts'

const ok = { durationMs: 100, outcome: OK }

const MINUTE = 60

describe('SidelightErrorRateHigh', () => {
  it('fires after 5 minutes above 5 %, is resolved 5 minutes after, and names its upstream', async () => {
    const test = startEngine()
    test.calls(94, ok)
    test.calls(6, { durationMs: 5, outcome: TOOL_ERROR })
    await test.run(MINUTE)
    assert.deepEqual(test.names('pending'), ['SidelightErrorRateHigh weather'])
    for (let minute = 0; minute < 5; minute += 1) {
      test.calls(94, ok)
      test.calls(6, { durationMs: 5, outcome: TOOL_ERROR })
      // oxlint-disable-next-line no-await-in-loop -- one minute after the other
      await test.run(MINUTE)
    }
    assert.deepEqual(test.names('firing'), ['SidelightErrorRateHigh weather'])
    const [alert] = test.engine.alerts()
    assert.deepEqual(alert?.labels, {
      instance: 'test',
      alertname: 'SidelightErrorRateHigh',
      severity: 'warning',
      category: 'calls',
      sidelight_upstream_name: 'weather',
    })
    assert.equal(alert.value, 0.06)
    assert.equal(
      alert.annotations['description'],
      'In the last 5 minutes 6 % of the calls to the upstream weather failed; the limit is 5 %. Mistakes of callers and refusals by policy do not count.',
    )
    await test.run(8 * MINUTE)
    assert.deepEqual(test.names('firing'), ['SidelightErrorRateHigh weather'])
    await test.run(2 * MINUTE)
    assert.deepEqual(test.names('resolved'), ['SidelightErrorRateHigh weather'])
  })

  it('says nothing of fewer than 5 failures, of 5 %, and of mistakes of callers', async () => {
    const test = startEngine()
    test.calls(4, { durationMs: 5, outcome: TOOL_ERROR })
    test.calls(95, { upstream: 'files', ...ok })
    test.calls(5, { upstream: 'files', durationMs: 5, outcome: TOOL_ERROR })
    test.calls(50, { upstream: 'files', durationMs: 5, outcome: rpcError(-32602) })
    test.calls(50, { upstream: 'files', durationMs: 5, outcome: CANCELLED })
    await test.run(MINUTE)
    assert.deepEqual(test.engine.alerts(), [])
  })
})

describe('SidelightLatencyP95High', () => {
  it('is about all calls that went out, and needs 20 of them', async () => {
    const test = startEngine({ alerts: { rules: { latency: { for: '0s' } } } })
    test.calls(17, ok)
    test.calls(2, { durationMs: 30_000, outcome: TIMEOUT })
    await test.run(6)
    assert.deepEqual(test.names('firing'), [])
    // Refusals take no time and must not hide that calls are slow.
    test.calls(100, { durationMs: 0.1, outcome: BREAKER_OPEN })
    test.calls(1, { durationMs: 30_000, outcome: TIMEOUT })
    await test.run(6)
    assert.deepEqual(
      test.names('firing').filter((name) => name.includes('Latency')),
      ['SidelightLatencyP95High weather'],
    )
  })
})

describe('SidelightAvailabilityLow', () => {
  it('is about calls that found no working server, over 30 minutes', async () => {
    const test = startEngine({
      alerts: { rules: { availability: { for: '0s' }, errorRate: { enabled: false } } },
    })
    test.calls(100, { durationMs: 5, outcome: TOOL_ERROR })
    test.calls(394, ok)
    test.calls(5, { durationMs: 5, outcome: TIMEOUT })
    await test.run(6)
    assert.deepEqual(test.names('firing'), ['SidelightAvailabilityLow weather'])
    await test.run(20 * MINUTE)
    assert.deepEqual(test.names('firing'), ['SidelightAvailabilityLow weather'])
    test.calls(2, ok)
    await test.run(6)
    // 5 of 501 are less than 1 %; it keeps firing for 5 minutes.
    await test.run(11 * MINUTE)
    assert.deepEqual(test.names('resolved'), ['SidelightAvailabilityLow weather'])
  })
})

describe('SidelightBreakerOpen', () => {
  it('fires after a minute, also when the breaker is half open now and then', async () => {
    const test = startEngine()
    test.breakers.set('weather', 'closed')
    await test.run(10)
    for (let i = 0; i < 4; i += 1) {
      test.breakers.set('weather', 'open')
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await test.run(10)
      test.breakers.set('weather', 'half_open')
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await test.run(10)
    }
    assert.deepEqual(test.names('firing'), ['SidelightBreakerOpen weather'])
    test.breakers.set('weather', 'closed')
    await test.run(10 * MINUTE)
    assert.deepEqual(test.names('firing'), ['SidelightBreakerOpen weather'])
    await test.run(2 * MINUTE)
    assert.deepEqual(test.names('resolved'), ['SidelightBreakerOpen weather'])
  })

  it('does not fire for a breaker that opened once and closed again', async () => {
    const test = startEngine()
    test.breakers.set('weather', 'open')
    await test.run(30)
    test.breakers.set('weather', 'closed')
    await test.run(5 * MINUTE)
    assert.deepEqual(test.names('firing'), [])
  })
})

describe('SidelightUpstreamDown', () => {
  it('fires when an upstream was down for minutes, not when one check fails', async () => {
    const test = startEngine()
    test.ups.set('weather', true)
    await test.run(10)
    test.ups.set('weather', false)
    await test.run(30)
    test.ups.set('weather', true)
    await test.run(10)
    assert.deepEqual(test.engine.alerts(), [])
    test.ups.set('weather', false)
    await test.run(3 * MINUTE)
    assert.deepEqual(test.names('pending'), ['SidelightUpstreamDown weather'])
    await test.run(2 * MINUTE)
    assert.deepEqual(test.names('firing'), ['SidelightUpstreamDown weather'])
  })

  it('is not about upstreams that nobody checks', async () => {
    const test = startEngine()
    await test.run(10 * MINUTE)
    assert.deepEqual(test.engine.alerts(), [])
  })
})

describe('Alerts of losses', () => {
  const lose = (test: TestEngine, total: number): void => {
    test.losses.splice(0)
    test.losses.push(
      { rule: 'telemetryDropped', signal: 'traces', total, failing: false },
      { rule: 'telemetryFailing', signal: 'logs', total: 0, failing: false },
    )
  }

  it('hold for 10 minutes after something was lost, for the signal that it was lost of', async () => {
    const test = startEngine()
    lose(test, 0)
    await test.run(MINUTE)
    assert.deepEqual(test.engine.alerts(), [])
    lose(test, 7)
    await test.run(6 * MINUTE)
    const [alert] = test.engine.alerts()
    assert.deepEqual(
      [alert?.name, alert?.state, alert?.labels['sidelight_telemetry_signal'], alert?.value],
      ['SidelightTelemetryDropped', 'firing', 'traces', 7],
    )
    assert.match(alert?.annotations['summary'] ?? '', /^7 items of traces were dropped$/)
    await test.run(16 * MINUTE)
    assert.deepEqual(test.names('resolved'), ['SidelightTelemetryDropped -'])
  })

  it('of audit fire at once, also while nothing can be written', async () => {
    const test = startEngine()
    test.losses.push({ rule: 'auditFailing', signal: undefined, total: 0, failing: false })
    await test.run(6)
    assert.deepEqual(test.engine.alerts(), [])
    test.losses.splice(0, 1, { rule: 'auditFailing', signal: undefined, total: 0, failing: true })
    await test.run(6)
    assert.deepEqual(test.names('firing'), ['SidelightAuditFailing -'])
    const [alert] = test.engine.alerts()
    assert.equal(alert?.labels['category'], 'security')
    assert.equal(alert.annotations['summary'], 'The audit log cannot be written')
    test.losses.splice(0, 1, { rule: 'auditFailing', signal: undefined, total: 0, failing: false })
    await test.run(6)
    assert.deepEqual(test.names('resolved'), ['SidelightAuditFailing -'])
  })
})

describe('Rules', () => {
  it('can be changed for one upstream, and while it runs', async () => {
    const rules = { errorRate: { for: '0s', upstreams: { files: { enabled: false } } } }
    const test = startEngine({ alerts: { rules } })
    for (const upstream of ['weather', 'files']) {
      test.calls(10, { upstream, durationMs: 5, outcome: TOOL_ERROR })
    }
    await test.run(6)
    assert.deepEqual(test.names('firing'), ['SidelightErrorRateHigh weather'])
    const changed = { errorRate: { for: '0s', upstreams: { weather: { threshold: 1 } } } }
    test.engine.configure(test.rules({ alerts: { rules: changed } }))
    await test.run(6)
    assert.deepEqual(test.names('firing'), [
      'SidelightErrorRateHigh files',
      'SidelightErrorRateHigh weather',
    ])
    await test.run(5 * MINUTE)
    assert.deepEqual(test.names('resolved'), ['SidelightErrorRateHigh weather'])
    test.engine.configure(test.rules({ upstreams: ['weather'] }))
    await test.run(6)
    assert.deepEqual(test.names('firing'), [])
  })
})
