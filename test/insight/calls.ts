/** Calls for tests of what counts them. */

import assert from 'node:assert/strict'
import type { Call, Exchange } from '../../src/core/exchange.ts'
import { newAttempt, type AttemptFacts, type CallObserver } from '../../src/core/observer.ts'
import { reject, type Outcome } from '../../src/core/outcome.ts'
import { readMessages } from '../mcp/messages.ts'
import { exchangeOf } from '../pipeline/fakes.ts'

export interface TestCall {
  readonly upstream?: string
  readonly method?: string
  /** Of a tool, when the method is `tools/call`. */
  readonly tool?: string
  readonly startMs: number
  readonly durationMs: number
  readonly outcome: Outcome
  readonly attempt?: Partial<AttemptFacts>
  readonly exchange?: Partial<Exchange>
  readonly resultBytes?: number
  readonly traceId?: string
}

export const OK: Outcome = { kind: 'ok' }
export const TOOL_ERROR: Outcome = { kind: 'tool_error' }
export const TIMEOUT: Outcome = { kind: 'upstream_failed', reason: 'timeout', sent: true }
export const BREAKER_OPEN: Outcome = reject('breaker_open', 'closed for now')
export const CANCELLED: Outcome = { kind: 'cancelled' }
export const rpcError = (code: number): Outcome => ({ kind: 'rpc_error', code })

export function callOf(given: Omit<TestCall, 'durationMs' | 'outcome'>): Call {
  const { method = 'tools/call', tool = 'add', upstream = 'weather', startMs } = given
  const params = method === 'tools/call' ? { params: { name: tool } } : {}
  const [message] = readMessages([{ jsonrpc: '2.0', id: 1, method, ...params }])
  assert.ok(message)
  const exchange = exchangeOf('message', {
    upstreamName: upstream,
    receivedAtMs: startMs,
    readAtMs: startMs,
    ...given.exchange,
  })
  const trace =
    given.traceId === undefined
      ? undefined
      : { traceId: given.traceId, spanId: 'b'.repeat(16), traceFlags: 1 }
  return { exchange, message, trace, outcome: undefined }
}

/** Lets a whole call pass; the caller moves the clock. */
export function pass(observer: CallObserver, given: TestCall): void {
  const follower = observer.begin(callOf(given))
  const endMs = given.startMs + given.durationMs
  if (given.outcome.kind === 'rejected') {
    follower?.attemptEnded(given.outcome, endMs)
  } else {
    const attempt = { ...newAttempt(1, given.startMs), ...given.attempt }
    if (given.resultBytes !== undefined) {
      const bytes = given.resultBytes
      follower?.answered?.({ bytes, resultBytes: bytes, result: undefined })
    }
    follower?.attemptEnded(given.outcome, endMs, attempt)
  }
  follower?.ended(given.outcome, endMs)
}
