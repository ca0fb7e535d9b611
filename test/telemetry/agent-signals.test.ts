import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Call } from '../../src/core/exchange.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { createEnvelopeReader } from '../../src/mcp/read-envelope.ts'
import { AgentSignals, type CallSignals } from '../../src/telemetry/agent-signals.ts'
import { exchangeOf } from '../pipeline/fakes.ts'

const read = createEnvelopeReader({ depthMax: 50, batchMax: 10 })

interface Given {
  readonly atMs?: number
  readonly session?: string
  readonly tool?: string
  readonly args?: string
  readonly method?: string
}

function callOf({ atMs = 0, session, tool = 'find', args = '{}', method }: Given): Call {
  const body = Buffer.from(
    `{"jsonrpc":"2.0","id":1,"method":"${method ?? 'tools/call'}","params":{"name":"${tool}","arguments":${args}}}`,
  )
  const envelope = read({ 'content-type': 'application/json' }, body)
  const message = envelope.kind === 'envelope' ? envelope.messages[0] : undefined
  assert.ok(message)
  const exchange = exchangeOf('message', { body, receivedAtMs: atMs, sessionId: session })
  return { exchange, message, trace: undefined, outcome: undefined }
}

const REFUSED: Outcome = { kind: 'rejected', reason: 'at_capacity', message: '' }

function signalsOf(retryAfterMs: number | undefined = 1_000): {
  begin: (given?: Given) => CallSignals
  refuse: (given?: Given) => void
  forgotten: () => number
} {
  let forgotten = 0
  const signals = new AgentSignals({
    retryAfterMs: () => retryAfterMs,
    onForgotten: () => (forgotten += 1),
  })
  return {
    begin: (given = {}) => signals.begin(callOf(given)),
    refuse: (given = {}) => signals.ended(callOf(given), REFUSED, given.atMs ?? 0),
    forgotten: () => forgotten,
  }
}

describe('A call that comes again', () => {
  it('is counted when client, tool and arguments are the same', () => {
    const { begin } = signalsOf()
    const repeats = [0, 1, 2].map((atMs) => begin({ atMs }).repeats)
    assert.deepEqual(repeats, [0, 1, 2])
    assert.equal(begin({ tool: 'other' }).repeats, 0)
    assert.equal(begin({ args: '{"a":1}' }).repeats, 0)
    assert.equal(begin({ session: 's' }).repeats, 0)
    assert.equal(begin({ method: 'prompts/get' }).repeats, 0)
  })

  it('counts anew when five minutes have passed since the one before', () => {
    const { begin } = signalsOf()
    assert.equal(begin({ atMs: 0 }).repeats, 0)
    assert.equal(begin({ atMs: 299_999 }).repeats, 1)
    assert.equal(begin({ atMs: 599_998 }).repeats, 2)
    assert.equal(begin({ atMs: 899_998 }).repeats, 0)
  })

  it('is told apart by its first 8 KiB of arguments and their length', () => {
    const { begin } = signalsOf()
    const args = (text: string): string => JSON.stringify({ text })
    assert.equal(begin({ args: args('a'.repeat(9_000)) }).repeats, 0)
    assert.equal(begin({ args: args(`b${'a'.repeat(8_999)}`) }).repeats, 0)
    assert.equal(begin({ args: args('a'.repeat(9_001)) }).repeats, 0)
    assert.equal(begin({ args: args('a'.repeat(9_000)) }).repeats, 1)
  })

  it('is one of 10,000 that are remembered, and what is forgotten too early is told', () => {
    const { begin, forgotten } = signalsOf()
    for (let i = 0; i < 10_000; i += 1) begin({ args: String(i) })
    assert.equal(forgotten(), 0)
    begin({ args: '10000' })
    assert.equal(forgotten(), 1)
    assert.equal(begin({ args: '0' }).repeats, 0)
    assert.equal(begin({ args: '10000' }).repeats, 1)
  })
})

describe('A call of a tool that was refused', () => {
  it('is counted before the wait is over, and not after it', () => {
    const { begin, refuse } = signalsOf()
    refuse({ atMs: 0 })
    assert.equal(begin({ atMs: 999, args: '{"a":1}' }).afterRefusal, true)
    assert.equal(begin({ atMs: 999, tool: 'other' }).afterRefusal, false)
    assert.equal(begin({ atMs: 999, session: 's' }).afterRefusal, false)
    assert.equal(begin({ atMs: 1_000 }).afterRefusal, false)
  })

  it('is counted for five minutes when waiting does not help', () => {
    const signals = new AgentSignals({ retryAfterMs: () => undefined, onForgotten: () => {} })
    signals.ended(callOf({}), REFUSED, 0)
    assert.equal(signals.begin(callOf({ atMs: 299_999 })).afterRefusal, true)
    assert.equal(signals.begin(callOf({ atMs: 300_000 })).afterRefusal, false)
  })
})
