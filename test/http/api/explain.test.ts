import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { explainCall } from '../../../src/http/api/explain.ts'
import type { RecentCall } from '../../../src/insight/views.ts'

const SLOW: RecentCall = {
  seq: 7,
  startedAtMs: 1_000,
  durationMs: 4_200,
  upstream: 'weather',
  method: 'tools/call',
  target: 'get_forecast',
  outcome: 'ok',
  reason: undefined,
  errorType: undefined,
  counts: 'good',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  sampled: true,
  attempts: 1,
  phases: {
    readMs: 1,
    authMs: 0,
    queueMs: 3_800,
    connectMs: 20,
    waitMs: 300,
    bodyMs: 70,
    otherMs: 9,
  },
  requestBytes: 200,
  responseBytes: 900,
  resultTokens: 100,
}

describe('the account of a call', () => {
  it('says where most of its time went', () => {
    assert.deepEqual(explainCall(SLOW), [
      'tools/call of get_forecast at weather took 4.20 s.',
      'The upstream answered.',
      'It counts as a success.',
      'It was sent once.',
      '90 % of the time (3.80 s) went into waiting for a place or a connection.',
    ])
  })

  it('says that a refused call never reached the upstream', () => {
    const phases = { ...SLOW.phases, queueMs: 0, waitMs: 0 }
    assert.deepEqual(
      explainCall({
        ...SLOW,
        durationMs: 0,
        outcome: 'rejected',
        reason: 'breaker_open',
        counts: 'unavailable',
        attempts: 0,
        phases,
      }),
      [
        'tools/call of get_forecast at weather took 0.0 ms.',
        'Sidelight refused it (breaker_open); the upstream never saw it.',
        'It counts against the availability of the upstream.',
        'Nothing was sent to the upstream.',
      ],
    )
  })
})
