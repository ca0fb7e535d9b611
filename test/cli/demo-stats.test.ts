/** The demo's statistics: exact, bounded, and named as the rest of Sidelight names things. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DemoStats, nameOutcome, type EndedCall } from '../../src/cli/demo/stats.ts'
import { Tally } from '../../src/cli/demo/tally.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Call, Exchange } from '../../src/core/exchange.ts'
import type { AttemptTarget } from '../../src/core/observer.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { createEnvelopeReader } from '../../src/mcp/read-envelope.ts'

const OK: Outcome = { kind: 'ok' }

class FakeClock implements Clock {
  nowMs = 0
  wallMs = (): number => 1_800_000_000_000 + this.nowMs
  monotonicMs = (): number => this.nowMs
}

interface CallParts {
  readonly upstream?: string
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
}

const readEnvelope = createEnvelopeReader({ depthMax: 10, batchMax: 1 })

function newCall({ upstream = 'library', method = 'tools/call', params }: CallParts = {}): Call {
  const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
  const envelope = readEnvelope({ 'content-type': 'application/json' }, body)
  assert.ok(envelope.kind === 'envelope')
  const [message] = envelope.messages
  assert.ok(message !== undefined)
  const exchange: Exchange = {
    kind: 'message',
    httpMethod: 'POST',
    httpVersion: '1.1',
    carrier: 'tcp',
    upstreamName: upstream,
    path: `/${upstream}/mcp`,
    endpoint: 'mcp',
    query: '',
    rawHeaders: [],
    headers: {},
    body,
    clientAddress: undefined,
    clientPort: undefined,
    readAtMs: 0,
    receivedAtMs: 0,
    sessionId: undefined,
    ownerKey: undefined,
    calls: [],
    turnMs: 0,
    batch: false,
  }
  return { exchange, message, trace: undefined, outcome: undefined }
}

/** A call of a tool. */
function callOf(name: string): Call {
  return newCall({ params: { name } })
}

function newStats(clock: Clock = new FakeClock()): { stats: DemoStats; ended: EndedCall[] } {
  const ended: EndedCall[] = []
  const stats = new DemoStats({
    clock,
    upstreams: ['everything', 'library'],
    isLongLived: (method) => method === 'subscriptions/listen',
    onEnded: (call) => ended.push(call),
  })
  return { stats, ended }
}

describe('a tally of the demo', () => {
  it('has no quantiles before a call has ended', () => {
    const tally = new Tally()
    tally.begin()
    assert.deepEqual(tally.numbers(0, 0), {
      calls: 0,
      perSecond: 0,
      inFlight: 1,
      p50: undefined,
      p95: undefined,
      p99: undefined,
      outcomes: [],
    })
  })

  it('gives the nearest-rank quantiles of 1 to 100 as 50, 95 and 99', () => {
    const tally = new Tally()
    for (let ms = 100; ms >= 1; ms -= 1) tally.end('ok', ms, 0)
    const { p50, p95, p99 } = tally.numbers(0, 0)
    assert.deepEqual([p50, p95, p99], [50, 95, 99])
  })

  it('gives the only duration as every quantile', () => {
    const tally = new Tally()
    tally.end('ok', 7.5, 0)
    const { p50, p95, p99 } = tally.numbers(0, 0)
    assert.deepEqual([p50, p95, p99], [7.5, 7.5, 7.5])
  })

  it('takes quantiles over the last 1000 durations and forgets those before', () => {
    const tally = new Tally()
    for (let i = 0; i < 1_000; i += 1) tally.end('ok', 900, 0)
    for (let i = 0; i < 999; i += 1) tally.end('ok', 2, 0)
    assert.equal(tally.numbers(0, 0).p99, 2)
    assert.equal(tally.numbers(0, 0).calls, 1_999)
    for (let i = 0; i < 10; i += 1) tally.end('ok', 900, 0)
    assert.equal(tally.numbers(0, 0).p99, 2)
    tally.end('ok', 900, 0)
    assert.equal(tally.numbers(0, 0).p99, 900)
  })

  it('leaves out the duration of a call that has none, and counts the call', () => {
    const tally = new Tally()
    tally.end('ok', 10, 0)
    tally.end('ok', undefined, 0)
    const { p99, calls } = tally.numbers(0, 0)
    assert.deepEqual([p99, calls], [10, 2])
  })

  it('rates 20 calls in the first 4 seconds as 5 per second', () => {
    const tally = new Tally()
    for (let i = 0; i < 20; i += 1) tally.end('ok', 1, i * 200)
    assert.equal(tally.numbers(4_000, 0).perSecond, 5)
  })

  it('rates over the last 10 seconds and forgets calls before', () => {
    const tally = new Tally()
    for (let i = 0; i < 100; i += 1) tally.end('ok', 1, 500)
    for (let second = 20; second < 30; second += 1) {
      tally.end('ok', 1, second * 1_000)
      tally.end('ok', 1, second * 1_000 + 999)
    }
    assert.equal(tally.numbers(29_999.999, 0).perSecond.toFixed(2), '2.00')
    assert.equal(tally.numbers(60_000, 0).perSecond, 0)
  })

  it('counts the 17th outcome and those after it together', () => {
    const tally = new Tally()
    for (let code = 1; code <= 20; code += 1) tally.end(`rpc_error ${code}`, 1, 0)
    const { outcomes } = tally.numbers(0, 0)
    assert.equal(outcomes.length, 17)
    assert.deepEqual(outcomes.at(-1), { label: 'other', count: 4 })
  })
})

describe('the statistics of the demo', () => {
  it('count a call for its row, its upstream and in all', () => {
    const clock = new FakeClock()
    const { stats } = newStats(clock)
    const follower = stats.begin(callOf('get_book'))
    assert.equal(stats.snapshot().total.inFlight, 1)
    clock.nowMs = 40
    follower.ended({ kind: 'tool_error' }, 40)
    const { total, groups } = stats.snapshot()
    const expected = {
      calls: 1,
      perSecond: 1,
      inFlight: 0,
      p50: 40,
      p95: 40,
      p99: 40,
      outcomes: [{ label: 'tool_error', count: 1 }],
    }
    assert.deepEqual(total, expected)
    assert.deepEqual(groups[1], {
      upstream: 'library',
      numbers: expected,
      rows: [{ label: 'get_book', numbers: expected }],
    })
  })

  it('show every configured upstream before its first call, in order', () => {
    const { stats } = newStats()
    assert.deepEqual(
      stats.snapshot().groups.map(({ upstream }) => upstream),
      ['everything', 'library'],
    )
  })

  it('show an upstream that does not exist as (other)', () => {
    const { stats, ended } = newStats()
    stats.begin(newCall({ upstream: 'nobody' })).ended(OK, 1)
    assert.equal(ended[0]?.upstream, '(other)')
  })

  it('name a tool call by its tool and everything else by its method and what it is about', () => {
    const { stats, ended } = newStats()
    stats.begin(callOf('echo')).ended(OK, 1)
    stats.begin(newCall({ method: 'tools/list' })).ended(OK, 1)
    stats.begin(newCall({ method: 'prompts/get', params: { name: 'greet' } })).ended(OK, 1)
    stats.begin(newCall({ method: 'resources/read', params: { uri: 'a://b' } })).ended(OK, 1)
    assert.deepEqual(
      ended.map(({ label }) => label),
      ['echo', 'tools/list', 'prompts/get greet', 'resources/read a://b'],
    )
  })

  it('show no character that could steer a terminal, and no more than 64', () => {
    const { stats, ended } = newStats()
    stats.begin(callOf('\u001b[2Jé\n')).ended(OK, 1)
    stats.begin(callOf('x'.repeat(200))).ended(OK, 1)
    assert.deepEqual(
      ended.map(({ label }) => label),
      ['?[2J??', 'x'.repeat(64)],
    )
  })

  it('count the 65th tool of an upstream and those after it in one row', () => {
    const { stats } = newStats()
    for (let i = 0; i < 70; i += 1) stats.begin(callOf(`tool${i}`)).ended(OK, 1)
    const rows = stats.snapshot().groups[1]?.rows ?? []
    assert.equal(rows.length, 65)
    assert.equal(rows.find(({ label }) => label === '(other)')?.numbers.calls, 6)
  })

  it('remember the last 50 calls, newest last, with the trace that each is in', () => {
    const { stats } = newStats()
    for (let i = 0; i < 51; i += 1) {
      const call = callOf(`tool${i}`)
      const follower = stats.begin(call)
      call.trace = { traceId: i.toString(16).padStart(32, '0'), spanId: '1', traceFlags: 1 }
      follower.ended(OK, 5)
    }
    const { recent } = stats.snapshot()
    assert.equal(recent.length, 50)
    assert.deepEqual(recent.at(-1), {
      atWallMs: 1_800_000_000_000,
      upstream: 'library',
      label: 'tool50',
      outcome: 'ok',
      durationMs: 5,
      traceId: '00000000000000000000000000000032',
    })
  })

  it('take no latency from a request that stays open as long as its client listens', () => {
    const { stats } = newStats()
    stats.begin(newCall({ method: 'subscriptions/listen' })).ended(OK, 60_000)
    assert.equal(stats.snapshot().total.p50, undefined)
    assert.equal(stats.snapshot().total.calls, 1)
  })

  it('inject nothing: that is for telemetry', () => {
    const { stats } = newStats()
    const target: AttemptTarget = {
      upstreamName: 'library',
      carrier: 'tcp',
      address: '127.0.0.1',
      port: 1,
    }
    assert.equal(stats.begin(newCall()).attemptStarted(target, 1, 0), undefined)
  })
})

describe('the name of an outcome', () => {
  const names: readonly (readonly [Outcome, string])[] = [
    [OK, 'ok'],
    [{ kind: 'input_required' }, 'input_required'],
    [{ kind: 'task' }, 'task'],
    [{ kind: 'tool_error' }, 'tool_error'],
    [{ kind: 'rpc_error', code: -32602 }, 'rpc_error -32602'],
    [{ kind: 'upstream_failed', reason: 'timeout', sent: true }, 'upstream_failed timeout'],
    [{ kind: 'upstream_status', status: 404 }, 'upstream_status 404'],
    [{ kind: 'rejected', reason: 'draining', message: '' }, 'rejected draining'],
    [{ kind: 'cancelled' }, 'cancelled'],
    [{ kind: 'internal' }, 'internal'],
  ]
  for (const [outcome, name] of names) {
    it(`of ${outcome.kind} is ${name}`, () => assert.equal(nameOutcome(outcome), name))
  }
})
