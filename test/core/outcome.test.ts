import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  factsOf,
  reasonOf,
  reject,
  rejectOver,
  UPSTREAM_FAILURES,
  type Outcome,
  type UpstreamFailure,
} from '../../src/core/outcome.ts'
import { REJECT_REASONS, type RejectReason } from '../../src/core/reject-reasons.ts'
import { LIMIT_NAMES } from '../../src/core/limits.ts'

/** client error.type, server error.type, fault domain, breaker signal, counts against availability */
type Row = readonly [string | undefined, string | undefined, string, string, boolean]

function row(outcome: Outcome): Row {
  const facts = factsOf(outcome)
  return [
    facts.clientErrorType,
    facts.serverErrorType,
    facts.faultDomain,
    facts.breakerSignal,
    facts.countsAgainstAvailability,
  ]
}

const rpc = (code: number): Outcome => ({ kind: 'rpc_error', code })
const failed = (reason: UpstreamFailure, status?: number): Outcome =>
  status === undefined
    ? { kind: 'upstream_failed', reason, sent: true }
    : { kind: 'upstream_failed', reason, sent: true, status }
const rejected = (reason: RejectReason): Outcome => reject(reason, 'because')
const status = (code: number): Outcome => ({ kind: 'upstream_status', status: code })

const TABLE: readonly (readonly [Outcome, Row])[] = [
  [{ kind: 'ok' }, [undefined, undefined, 'none', 'healthy', false]],
  [{ kind: 'input_required' }, [undefined, undefined, 'none', 'healthy', false]],
  [{ kind: 'task' }, [undefined, undefined, 'none', 'healthy', false]],
  [{ kind: 'tool_error' }, ['tool_error', 'tool_error', 'none', 'healthy', false]],
  [{ kind: 'cancelled' }, ['cancelled', 'cancelled', 'caller', 'none', false]],
  [{ kind: 'internal' }, ['internal', 'internal', 'sidecar', 'none', true]],
  // The five codes that are the caller's mistake by the conventions: no error of the server.
  [rpc(-32700), ['-32700', undefined, 'caller', 'healthy', false]],
  [rpc(-32600), ['-32600', undefined, 'caller', 'healthy', false]],
  [rpc(-32601), ['-32601', undefined, 'caller', 'healthy', false]],
  [rpc(-32602), ['-32602', undefined, 'caller', 'healthy', false]],
  [rpc(-32002), ['-32002', undefined, 'caller', 'healthy', false]],
  [rpc(-32020), ['-32020', '-32020', 'caller', 'healthy', false]],
  [rpc(-32021), ['-32021', '-32021', 'caller', 'healthy', false]],
  [rpc(-32022), ['-32022', '-32022', 'caller', 'healthy', false]],
  [rpc(-32042), ['-32042', '-32042', 'caller', 'healthy', false]],
  [rpc(-32603), ['-32603', '-32603', 'upstream', 'healthy', true]],
  [rpc(-32000), ['-32000', '-32000', 'upstream', 'healthy', false]],
  [rpc(-32001), ['-32001', '-32001', 'upstream', 'healthy', false]],
  [rpc(0), ['0', '0', 'upstream', 'healthy', false]],
  [rpc(42), ['42', '42', 'upstream', 'healthy', false]],
  [failed('connect'), ['connect', 'connect', 'upstream', 'fault', true]],
  [failed('timeout'), ['timeout', 'timeout', 'upstream', 'fault', true]],
  [failed('reset'), ['reset', 'reset', 'upstream', 'fault', true]],
  [failed('closed'), ['closed', 'closed', 'upstream', 'fault', true]],
  [failed('bad_message'), ['bad_message', 'bad_message', 'upstream', 'fault', true]],
  [failed('process_exit'), ['process_exit', 'process_exit', 'upstream', 'fault', true]],
  [failed('http_5xx', 503), ['503', '503', 'upstream', 'fault', true]],
  [failed('http_5xx'), ['500', '500', 'upstream', 'fault', true]],
  [status(302), ['302', undefined, 'caller', 'healthy', false]],
  [status(401), ['401', undefined, 'caller', 'healthy', false]],
  [status(404), ['404', undefined, 'caller', 'healthy', false]],
  [status(429), ['429', undefined, 'caller', 'healthy', false]],
  [rejected('malformed'), ['malformed', undefined, 'caller', 'none', false]],
  [rejected('invalid_request'), ['invalid_request', undefined, 'caller', 'none', false]],
  [rejected('too_large'), ['too_large', undefined, 'caller', 'none', false]],
  [rejected('unsupported_media'), ['unsupported_media', undefined, 'caller', 'none', false]],
  [rejected('unsupported_method'), ['unsupported_method', undefined, 'caller', 'none', false]],
  [rejected('header_mismatch'), ['header_mismatch', undefined, 'caller', 'none', false]],
  [rejected('method_not_allowed'), ['method_not_allowed', undefined, 'caller', 'none', false]],
  [rejected('invalid_meta'), ['invalid_meta', undefined, 'caller', 'none', false]],
  [rejected('unsupported_revision'), ['unsupported_revision', undefined, 'caller', 'none', false]],
  [rejected('bad_revision'), ['bad_revision', undefined, 'caller', 'none', false]],
  [rejected('session_required'), ['session_required', undefined, 'caller', 'none', false]],
  [rejected('session_unknown'), ['session_unknown', undefined, 'caller', 'none', false]],
  [rejected('unknown_event'), ['unknown_event', undefined, 'caller', 'none', false]],
  [rejected('forbidden_host'), ['forbidden_host', undefined, 'caller', 'none', false]],
  [rejected('forbidden_origin'), ['forbidden_origin', undefined, 'caller', 'none', false]],
  [rejected('unauthenticated'), ['unauthenticated', undefined, 'caller', 'none', false]],
  [rejected('invalid_token'), ['invalid_token', undefined, 'caller', 'none', false]],
  [
    rejected('malformed_authorization'),
    ['malformed_authorization', undefined, 'caller', 'none', false],
  ],
  [rejected('auth_unavailable'), ['auth_unavailable', 'auth_unavailable', 'sidecar', 'none', true]],
  [rejected('unknown_upstream'), ['unknown_upstream', undefined, 'caller', 'none', false]],
  [rejected('at_capacity'), ['at_capacity', 'at_capacity', 'sidecar', 'none', true]],
  [rejected('restarting'), ['restarting', 'restarting', 'upstream', 'none', true]],
  [rejected('breaker_open'), ['breaker_open', 'breaker_open', 'upstream', 'none', true]],
  [rejected('throttled'), ['throttled', 'throttled', 'upstream', 'none', true]],
  [rejected('queue_timeout'), ['queue_timeout', 'queue_timeout', 'sidecar', 'none', true]],
  [rejected('tool_changed'), ['tool_changed', 'tool_changed', 'policy', 'none', false]],
  [rejected('tool_unpinned'), ['tool_unpinned', 'tool_unpinned', 'policy', 'none', false]],
  [rejected('forbidden'), ['forbidden', 'forbidden', 'policy', 'none', false]],
  [
    rejected('forbidden_arguments'),
    ['forbidden_arguments', 'forbidden_arguments', 'policy', 'none', false],
  ],
  [
    rejected('insufficient_scope'),
    ['insufficient_scope', 'insufficient_scope', 'policy', 'none', false],
  ],
  [
    rejected('audit_unavailable'),
    ['audit_unavailable', 'audit_unavailable', 'sidecar', 'none', true],
  ],
  [rejected('draining'), ['draining', 'draining', 'sidecar', 'none', true]],
]

describe('What an outcome means', () => {
  for (const [outcome, expected] of TABLE) {
    const name = [outcome.kind, reasonOf(outcome), expected[0]].filter(Boolean).join(' ')
    it(`is pinned for ${name}`, () => {
      assert.deepEqual(row(outcome), expected)
    })
  }

  it('is pinned for every reason that there is', () => {
    const pinned = TABLE.map(([outcome]) => reasonOf(outcome))
    for (const reason of [...UPSTREAM_FAILURES, ...REJECT_REASONS]) {
      assert.ok(pinned.includes(reason), reason)
    }
  })

  it('does not depend on whether the request was sent', () => {
    for (const reason of UPSTREAM_FAILURES) {
      assert.deepEqual(
        row({ kind: 'upstream_failed', reason, sent: false }),
        row({ kind: 'upstream_failed', reason, sent: true }),
      )
    }
  })
})

describe('What a tool’s breaker learns', () => {
  const cases: readonly (readonly [Outcome, string])[] = [
    [{ kind: 'ok' }, 'healthy'],
    [{ kind: 'input_required' }, 'healthy'],
    [{ kind: 'task' }, 'healthy'],
    [{ kind: 'tool_error' }, 'none'],
    [{ kind: 'cancelled' }, 'none'],
    [{ kind: 'internal' }, 'none'],
    [rpc(-32602), 'none'],
    [rpc(-32603), 'fault'],
    [rpc(42), 'none'],
    [failed('connect'), 'none'],
    [failed('timeout'), 'fault'],
    [failed('http_5xx', 503), 'fault'],
    [failed('process_exit'), 'fault'],
    [status(404), 'none'],
    [rejected('breaker_open'), 'none'],
  ]
  for (const [outcome, signal] of cases) {
    it(`is ${signal} from ${outcome.kind} ${reasonOf(outcome) ?? ''}`, () => {
      assert.equal(factsOf(outcome).toolSignal, signal)
    })
  }
})

describe('The reasons', () => {
  it('of a failed upstream are these', () => {
    assert.deepEqual(UPSTREAM_FAILURES, [
      'connect',
      'timeout',
      'reset',
      'closed',
      'http_5xx',
      'bad_message',
      'process_exit',
    ])
  })

  it('of a rejection are these', () => {
    assert.deepEqual(REJECT_REASONS, [
      'malformed',
      'invalid_request',
      'too_large',
      'unsupported_media',
      'unsupported_method',
      'method_not_allowed',
      'header_mismatch',
      'invalid_meta',
      'unsupported_revision',
      'bad_revision',
      'session_required',
      'session_unknown',
      'unknown_event',
      'forbidden_host',
      'forbidden_origin',
      'unauthenticated',
      'invalid_token',
      'malformed_authorization',
      'auth_unavailable',
      'unknown_upstream',
      'at_capacity',
      'restarting',
      'breaker_open',
      'throttled',
      'queue_timeout',
      'tool_changed',
      'tool_unpinned',
      'forbidden',
      'forbidden_arguments',
      'insufficient_scope',
      'audit_unavailable',
      'draining',
    ])
  })

  it('are the second half of the names of rejections and failures, and of nothing else', () => {
    assert.equal(reasonOf(rejected('draining')), 'draining')
    assert.equal(reasonOf(failed('reset')), 'reset')
    for (const outcome of [rpc(1), status(404), { kind: 'ok' } as const]) {
      assert.equal(reasonOf(outcome), undefined)
    }
  })

  it('come with a wait or a limit when there is one', () => {
    assert.deepEqual(reject('draining', 'm'), {
      kind: 'rejected',
      reason: 'draining',
      message: 'm',
    })
    assert.equal(reject('draining', 'm', 5).retryAfterMs, 5)
    assert.deepEqual(rejectOver('body', 'too_large', 'm'), {
      kind: 'rejected',
      reason: 'too_large',
      message: 'm',
      limit: 'body',
    })
  })
})

describe('The limits', () => {
  it('that can be hit are these', () => {
    assert.deepEqual(LIMIT_NAMES, [
      'body',
      'bodies',
      'headers',
      'depth',
      'batch',
      'connections',
      'streams',
      'suspended_calls',
      'request_timeout',
      'sessions',
      'processes',
      'queue',
      'tool_breakers',
      'authentications',
      'line',
      'replay',
      'captures',
      'lists',
      'server_requests',
      'catalogue',
      'recent_calls',
      'insight_tools',
      'silences',
      'label_values',
      'metric_series',
      'metric_series_upstream',
      'metric_series_total',
      'metric_exemplars',
      'audit_queue',
      'scrapes',
      'subscribers',
    ])
  })
})
