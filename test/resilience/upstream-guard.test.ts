import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Outcome } from '../../src/core/outcome.ts'
import type { ProbeResult } from '../../src/resilience/breaker-state.ts'
import { SETTINGS } from './breaker-fakes.ts'
import {
  CANCELLED,
  entered,
  failed,
  GuardRig,
  notification,
  OK,
  read,
  refusedFor,
  request,
  status,
  stream,
  TOOL_ERROR,
  toolCall,
} from './guard-rig.ts'

describe('What opens the breaker of an upstream', () => {
  it('is five failures in a row', () => {
    const rig = new GuardRig()
    rig.calls(5, failed('timeout'))
    assert.equal(rig.call(OK), 'breaker_open')
    assert.deepEqual(rig.told, ['upstream closed>open failures_in_row', 'refused by upstream'])
  })

  it('is no mistake of callers, no error of a tool and no cancellation', () => {
    const rig = new GuardRig()
    for (let i = 0; i < 30; i += 1) {
      for (const outcome of [TOOL_ERROR, CANCELLED, status(404), status(401)]) rig.call(outcome)
      rig.call({ kind: 'rpc_error', code: -32602 })
    }
    assert.deepEqual(rig.told, [])
  })

  it('is failing calls of tools, however well lists work', () => {
    const rig = new GuardRig()
    for (let i = 0; i < 5; i += 1) {
      for (let j = 0; j < 10; j += 1) rig.call(OK, { exchange: request('tools/list') })
      rig.call(status(502))
    }
    assert.equal(rig.call(OK), 'breaker_open')
  })

  it('is not a process that took a hundred calls with it, nor seven that ended one by one', () => {
    const rig = new GuardRig()
    for (let i = 0; i < 100; i += 1) rig.call(failed('process_exit'), { incident: 1 })
    for (let i = 0; i < 7; i += 1) rig.call(failed('process_exit'), { incident: 10 + i })
    assert.equal(rig.call(OK), 'ok')
  })

  it('is what the configuration says it is', () => {
    const rig = new GuardRig({
      signals: {
        upstream: new Map([
          ['tool_error', 'fault'],
          ['502', 'healthy'],
        ]),
        tools: new Map(),
      },
    })
    rig.calls(10, status(502))
    assert.deepEqual(rig.told, [])
    rig.calls(5, TOOL_ERROR)
    assert.equal(rig.call(OK), 'breaker_open')
  })

  /** Five calls that were suspended and given up a minute after their exchanges were over. */
  function giveUp(rig: GuardRig, endpoint: 'mcp' | 'sse_post'): void {
    const lost = { kind: 'upstream_failed', reason: 'closed', sent: true } as const
    const given = Array.from({ length: 5 }, () => toolCall('add', { endpoint }))
    const passes = given.map((exchange) => {
      const pass = rig.admit(exchange)
      assert.ok('kind' in pass && pass.kind === 'pass')
      pass.settle(OK)
      return pass
    })
    const suspendedAtMs = rig.now
    rig.wait(60_000)
    for (const [index, exchange] of given.entries()) {
      for (const call of exchange.calls) {
        call.outcome = lost
        passes[index]?.callEnded(call, lost, suspendedAtMs)
      }
    }
  }

  it('is no client that does not come back for its answers', () => {
    const rig = new GuardRig()
    giveUp(rig, 'mcp')
    assert.deepEqual(rig.told, [])
  })

  it('is answers that are lost with the stream of HTTP+SSE, from the moment that this is known', () => {
    const rig = new GuardRig()
    giveUp(rig, 'sse_post')
    assert.equal(rig.call(OK), 'breaker_open')
  })

  it('is nothing when it has no breaker', () => {
    const rig = new GuardRig({ breaker: undefined, toolBreaker: undefined })
    rig.calls(100, failed('connect'))
    assert.equal(rig.call(OK), 'ok')
  })

  it('is the worst of a batch', () => {
    const rig = new GuardRig()
    const batch = [1, 2].map((id) => ({ jsonrpc: '2.0', id, method: 'tools/call' }))
    for (let i = 0; i < 5; i += 1) rig.call(failed('reset'), { exchange: read(batch) })
    assert.equal(rig.call(OK), 'breaker_open')
  })

  it('is a stream that cannot be begun, and not one that ends', () => {
    const rig = new GuardRig()
    for (let i = 0; i < 20; i += 1) rig.call(failed('reset'), { exchange: stream() })
    assert.deepEqual(rig.told, [])
    for (let i = 0; i < 5; i += 1) rig.call(failed('connect'), { exchange: stream() })
    assert.equal(rig.call(OK), 'breaker_open')
  })
})

describe('While the breaker of an upstream is open', () => {
  function opened(): GuardRig {
    const rig = new GuardRig()
    rig.calls(5, failed('connect'))
    return rig
  }

  it('notifications, answers and ends of sessions go through', () => {
    const rig = opened()
    assert.equal(rig.call(OK, { exchange: notification('notifications/cancelled') }), 'ok')
    assert.equal(rig.call(OK, { exchange: { ...stream(), kind: 'end_session' } }), 'ok')
    assert.equal(rig.call(OK, { exchange: stream() }), 'breaker_open')
    assert.equal(rig.call(OK, { exchange: request('subscriptions/listen') }), 'breaker_open')
  })

  it('it becomes half open by a timer, without any call', () => {
    const rig = opened()
    rig.wait(5_000)
    assert.equal(rig.told.at(-1), 'upstream open>half_open open_time_over')
  })

  it('the probe decides, without any call', () => {
    const asked: ((result: ProbeResult, nowMs: number) => void)[] = []
    const rig = new GuardRig({}, (done) => void asked.push(done))
    rig.calls(5, failed('connect'))
    rig.wait(5_000)
    assert.equal(asked.length, 1)
    asked[0]?.('dead', rig.now)
    rig.wait(10_000)
    asked[1]?.('alive', rig.now)
    assert.deepEqual(rig.told.slice(1), [
      'upstream open>open probe_failed',
      'upstream open>half_open probe_passed',
    ])
  })

  it('a stream of HTTP+SSE can be begun as soon as it is half open, for calls need it', () => {
    const rig = opened()
    assert.equal(rig.call(OK, { exchange: stream('sse_stream') }), 'breaker_open')
    rig.wait(5_000)
    const trial = rig.admit(toolCall())
    assert.ok('kind' in trial && trial.kind === 'pass')
    assert.equal(rig.call(OK, { exchange: stream('sse_stream') }), 'ok')
    assert.equal(rig.call(OK, { exchange: stream() }), 'breaker_open')
  })

  it('one of a thousand calls is let through when it is half open', () => {
    const rig = opened()
    rig.wait(5_000)
    const admitted = Array.from({ length: 1_000 }, () => rig.admit(toolCall())).filter(
      (one) => 'kind' in one && one.kind === 'pass',
    )
    assert.equal(admitted.length, 1)
  })

  it('a cancelled trial is given back', () => {
    const rig = opened()
    rig.wait(5_000)
    rig.calls(10, CANCELLED)
    assert.deepEqual(rig.calls(3, OK), ['ok', 'ok', 'ok'])
    assert.equal(rig.told.at(-1), 'upstream half_open>closed trials_passed')
  })

  it('an agent that keeps calling is asked to wait longer and longer', () => {
    const rig = opened()
    const asked = [1, 2, 3, 4].map(() => {
      const result = rig.admit(toolCall())
      return 'kind' in result && result.kind === 'rejected' ? result.retryAfterMs : undefined
    })
    assert.deepEqual(asked, [5_000, 10_000, 20_000, 40_000])
    const other = rig.admit(toolCall('add', { ownerKey: 'somebody else' }))
    assert.ok('kind' in other && other.kind === 'rejected')
    assert.equal(other.retryAfterMs, 5_000)
  })

  it('calls that wait are refused at once', () => {
    const rig = new GuardRig({ concurrency: 1 })
    const first = toolCall()
    const pass = rig.admit(first)
    assert.ok('kind' in pass && pass.kind === 'pass')
    const waiting = rig.admit(toolCall())
    rig.guard.force(undefined, {
      mode: 'forced_open',
      reason: 'test',
      actor: 'ann',
      untilMs: rig.now + 60_000,
    })
    assert.equal(refusedFor(waiting), 'breaker_open')
    assert.deepEqual(rig.waits, [{ how: 'refused', ms: 0 }])
  })

  for (const mode of ['report', 'metrics_only'] as const) {
    it(`calls that wait are not refused by one that only reports (${mode})`, () => {
      const breaker = { ...SETTINGS, slowStartMs: 0, reportOnly: mode === 'report' }
      const rig = new GuardRig({ concurrency: 1, breaker })
      if (mode === 'metrics_only') {
        const order = { mode, reason: 'test', actor: 'ann', untilMs: rig.now + 60_000 }
        rig.guard.force(undefined, order)
      }
      rig.calls(4, failed('timeout'))
      const exchange = toolCall()
      const pass = rig.admit(exchange)
      assert.ok('kind' in pass && pass.kind === 'pass')
      const waiting = rig.admit(toolCall())
      rig.end(pass, exchange, failed('timeout'))
      assert.equal(rig.guard.breaker?.state, 'open')
      entered(waiting)
    })
  }
})

describe('A trial', () => {
  const halfOpen = (settings: ConstructorParameters<typeof GuardRig>[0] = {}): GuardRig => {
    const rig = new GuardRig(settings)
    rig.calls(5, failed('timeout'))
    rig.wait(5_000)
    assert.equal(rig.guard.view().state, 'half_open')
    return rig
  }

  it('is made although calls that hang hold every place, and is one at a time', () => {
    const rig = new GuardRig({ concurrency: 2 })
    const hung = [rig.admit(toolCall()), rig.admit(toolCall())]
    assert.ok(hung.every((pass) => 'kind' in pass && pass.kind === 'pass'))
    rig.guard.breaker?.foundDead(rig.now)
    rig.wait(5_000)
    assert.equal(rig.guard.view().state, 'half_open')
    const trial = rig.admit(toolCall())
    assert.ok('kind' in trial && trial.kind === 'pass')
    assert.equal(rig.guard.view().active, 3)
    assert.equal(refusedFor(rig.admit(toolCall())), 'breaker_open')
  })

  it('lets one call more in at a time, and no more, when the breaker only reports', () => {
    const rig = halfOpen({ concurrency: 1, breaker: { ...SETTINGS, reportOnly: true } })
    const passes = Array.from({ length: 4 }, () => rig.admit(toolCall()))
    assert.equal(passes.filter((pass) => 'kind' in pass && pass.kind === 'pass').length, 1)
  })

  it('that is a batch is judged when its last suspended call has ended', () => {
    const rig = halfOpen()
    const list = { jsonrpc: '2.0', method: 'tools/list' }
    const exchange = read([
      { ...list, id: 1 },
      { ...list, id: 2 },
      { jsonrpc: '2.0', method: 'notifications/x' },
    ])
    const pass = rig.admit(exchange)
    assert.ok('kind' in pass && pass.kind === 'pass')
    const [first, second, note] = exchange.calls
    assert.ok(first && second && note)
    pass.settle(OK)
    for (const call of [note, first]) {
      call.outcome = OK
      pass.callEnded(call, OK, rig.now)
      assert.equal(rig.guard.breaker?.view(rig.now).trialUnderWay, true)
    }
    second.outcome = OK
    pass.callEnded(second, OK, rig.now)
    assert.deepEqual(rig.told.slice(-1), ['upstream trial passed'])
  })
})

describe('An order to open a breaker that is open already', () => {
  it('refuses at once those that wait although it only reported', () => {
    const rig = new GuardRig({ concurrency: 1, breaker: { ...SETTINGS, reportOnly: true } })
    rig.calls(5, failed('timeout'))
    const pass = rig.admit(toolCall())
    assert.ok('kind' in pass && pass.kind === 'pass')
    const waiting = rig.admit(toolCall())
    const order = { mode: 'forced_open', reason: 'test', actor: 'ann' } as const
    rig.guard.force(undefined, { ...order, untilMs: rig.now + 60_000 })
    assert.equal(refusedFor(waiting), 'breaker_open')
  })
})

describe('The call whose result changes a breaker', () => {
  const endOf = (rig: GuardRig, outcome: Outcome, tool = 'add'): readonly string[] => {
    const exchange = toolCall(tool)
    const [pass, call] = [rig.admit(exchange), exchange.calls[0]]
    assert.ok('kind' in pass && pass.kind === 'pass' && call !== undefined)
    call.outcome = outcome
    const changes = pass.callEnded(call, outcome, rig.now) ?? []
    pass.settle(outcome)
    return changes.map((one) => `${one.tool ?? 'upstream'} ${one.transition.to}`)
  }

  it('is told so, and no other', () => {
    const rig = new GuardRig()
    rig.calls(3, failed('timeout'))
    assert.deepEqual(endOf(rig, failed('timeout')), [])
    assert.deepEqual(endOf(rig, failed('timeout')), ['upstream open'])
    rig.wait(5_000)
    assert.deepEqual(endOf(rig, failed('timeout')), ['upstream open'])
  })

  it('is told of both when it changes the breaker of its tool as well', () => {
    const breaker = { ...SETTINGS, failuresInRow: 20 }
    const rig = new GuardRig({ breaker })
    rig.calls(19, failed('timeout'), { tool: 'add' })
    assert.deepEqual(endOf(rig, failed('timeout')), ['upstream open', 'add open'])
  })

  it('is told at its end when its attempt, which is not made again, changed it', () => {
    const rig = new GuardRig()
    rig.calls(4, failed('connect'))
    const exchange = toolCall()
    const [pass, call] = [rig.admit(exchange), exchange.calls[0]]
    assert.ok('kind' in pass && pass.kind === 'pass' && call !== undefined)
    const outcome = { kind: 'upstream_failed', reason: 'connect', sent: false } as const
    assert.equal(
      pass.retry({ outcome, number: 1, leftMs: 1_000 }, () => {}),
      undefined,
    )
    assert.deepEqual(
      pass.callEnded(call, outcome, rig.now)?.map(({ transition }) => transition.to),
      ['open'],
    )
  })
})

describe('The breaker of a tool', () => {
  const crash = { kind: 'rpc_error', code: -32603 } as const

  it('opens by rate, and leaves the other tools alone', () => {
    const rig = new GuardRig()
    rig.calls(20, crash, { tool: 'broken' })
    assert.equal(rig.call(OK, { tool: 'broken' }), 'breaker_open')
    assert.equal(rig.call(OK, { tool: 'sound' }), 'ok')
    assert.deepEqual(rig.told, ['broken closed>open failure_rate', 'refused by tool'])
  })

  it('closes after three trials', () => {
    const rig = new GuardRig()
    rig.calls(20, crash, { tool: 'broken' })
    rig.wait(5_000)
    assert.deepEqual(rig.calls(3, OK, { tool: 'broken' }), ['ok', 'ok', 'ok'])
    assert.equal(rig.told.at(-1), 'broken half_open>closed trials_passed')
  })

  it('gives the trial of the upstream back when it refuses', () => {
    const rig = new GuardRig()
    rig.calls(20, crash, { tool: 'broken' })
    rig.guard.force('broken', {
      mode: 'forced_open',
      reason: 'test',
      actor: 'ann',
      untilMs: rig.now + 600_000,
    })
    rig.calls(5, failed('connect'), { tool: 'sound' })
    rig.wait(5_000)
    assert.equal(rig.call(OK, { tool: 'broken' }), 'breaker_open')
    assert.deepEqual(rig.calls(3, OK, { tool: 'sound' }), ['ok', 'ok', 'ok'])
  })

  it('does not exist for a tool that works, whatever names clients make up', () => {
    const rig = new GuardRig()
    for (let i = 0; i < 10_000; i += 1) rig.call(TOOL_ERROR, { tool: `made-up-${i}` })
    assert.equal(rig.guard.tools.size, 0)
  })

  it('exists for 256 tools at most, and the limit is counted', () => {
    const rig = new GuardRig({ breaker: undefined })
    for (let i = 0; i < 300; i += 1) rig.call(failed('timeout'), { tool: `t${i}` })
    assert.equal(rig.guard.tools.size, 256)
    assert.equal(rig.told.filter((what) => what === 'limit tool_breakers').length, 44)
    rig.wait(60_000)
    rig.guard.tick()
    assert.equal(rig.guard.tools.size, 0)
  })

  it('counts what the configuration says for the tool, and can be turned off', () => {
    const tools = new Map([
      ['strict', { enabled: true, signals: new Map([['tool_error', 'fault' as const]]) }],
      ['*', { enabled: false, signals: new Map() }],
    ])
    const rig = new GuardRig({ signals: { upstream: new Map(), tools } })
    rig.calls(20, TOOL_ERROR, { tool: 'strict' })
    rig.calls(20, crash, { tool: 'other' })
    assert.equal(rig.call(OK, { tool: 'strict' }), 'breaker_open')
    assert.equal(rig.call(OK, { tool: 'other' }), 'ok')
  })
})

describe('An upstream that asks for time', () => {
  const busy = (seconds: string): readonly [number, readonly string[]] => [
    429,
    ['Retry-After', seconds],
  ]

  it('gets it, and its breaker learns nothing', () => {
    const rig = new GuardRig()
    rig.call(status(429), { head: busy('7') })
    const refused = rig.admit(toolCall())
    assert.ok('kind' in refused && refused.kind === 'rejected')
    assert.deepEqual([refused.reason, refused.retryAfterMs], ['throttled', 7_000])
    rig.wait(7_000)
    assert.equal(rig.call(OK), 'ok')
    assert.deepEqual(rig.told, ['throttled 429'])
  })

  it('by 503 is not broken, however often it asks', () => {
    const rig = new GuardRig()
    for (let i = 0; i < 30; i += 1) {
      rig.call(status(503), { head: [503, ['Retry-After', '1']] })
      rig.wait(1_000)
    }
    assert.equal(rig.call(OK), 'ok')
  })

  it('by 503 without a time is broken', () => {
    const rig = new GuardRig()
    rig.calls(5, status(503), { head: [503, []] })
    assert.equal(rig.call(OK), 'breaker_open')
  })

  it('fails the trial with it', () => {
    const rig = new GuardRig()
    rig.calls(5, failed('connect'))
    rig.wait(5_000)
    rig.call(status(429), { head: busy('1') })
    assert.equal(rig.told.at(-1), 'upstream half_open>open trial_failed')
  })
})

describe('The places at an upstream', () => {
  function full(settings: { queueMax?: number } = {}): {
    rig: GuardRig
    leave: () => void
  } {
    const rig = new GuardRig({ concurrency: 1, ...settings })
    const exchange = toolCall()
    const pass = rig.admit(exchange)
    assert.ok('kind' in pass && pass.kind === 'pass')
    return { rig, leave: () => rig.end(pass, exchange, OK) }
  }

  it('are given to clients in turn', () => {
    const { rig, leave } = full()
    const from = (ownerKey: string): ReturnType<GuardRig['admit']> =>
      rig.admit(toolCall('add', { ownerKey }))
    const greedy = Array.from({ length: 10 }, () => from('greedy'))
    const modest = from('modest')
    leave()
    rig.end(entered(greedy[0] ?? modest), toolCall(), OK)
    entered(modest)
  })

  it('are not waited for longer than the queue allows', () => {
    const { rig } = full()
    const waiting = rig.admit(toolCall())
    rig.wait(9_900)
    assert.equal(refusedFor(waiting), undefined)
    rig.wait(200)
    assert.equal(refusedFor(waiting), 'queue_timeout')
    assert.equal(rig.waits[0]?.how, 'timeout')
  })

  it('are not given to a call that gave up', () => {
    const { rig, leave } = full()
    const waiting = rig.admit(toolCall())
    assert.ok('leave' in waiting)
    waiting.leave()
    leave()
    assert.equal(waiting.result, undefined)
    assert.equal(rig.guard.view().active, 0)
    assert.equal(rig.waits[0]?.how, 'left')
  })

  it('are refused when the queue is full', () => {
    const { rig } = full({ queueMax: 2 })
    rig.admit(toolCall())
    rig.admit(toolCall())
    assert.equal(refusedFor(rig.admit(toolCall())), 'at_capacity')
    assert.equal(rig.guard.view().queued, 2)
  })

  it('are not needed by notifications and streams', () => {
    const { rig } = full({ queueMax: 0 })
    assert.equal(rig.call(OK, { exchange: notification('notifications/cancelled') }), 'ok')
    assert.equal(rig.call(OK, { exchange: stream() }), 'ok')
    assert.equal(rig.call(OK), 'at_capacity')
  })

  it('come back slowly after the breaker closed', () => {
    const rig = new GuardRig({ breaker: { ...SETTINGS, slowStartMs: 10_000 }, concurrency: 100 })
    rig.calls(5, failed('connect'))
    rig.wait(5_000)
    rig.calls(3, OK)
    assert.equal(rig.guard.view().limit, 10)
    rig.wait(5_000)
    assert.equal(rig.guard.view().limit, 55)
    rig.wait(5_000)
    assert.equal(rig.guard.view().limit, 100)
  })

  it('shrink while calls are slow, when they are told to', () => {
    const rig = new GuardRig({ concurrency: 100, adaptive: true })
    const wave = (ms: number): void => {
      const exchanges = Array.from({ length: rig.guard.view().limit }, () => toolCall())
      const passes = exchanges.map((exchange) => rig.admit(exchange))
      rig.now += ms
      for (const [index, pass] of passes.entries()) {
        const exchange = exchanges[index]
        if (exchange !== undefined && 'kind' in pass && pass.kind === 'pass') {
          rig.end(pass, exchange, OK)
        }
      }
    }
    for (let i = 0; i < 200; i += 1) wave(20)
    assert.ok(rig.guard.view().limit > 50, `${rig.guard.view().limit}`)
    const before = rig.guard.view().limit
    for (let i = 0; i < 5; i += 1) wave(400)
    assert.ok(rig.guard.view().limit < before / 2, `${rig.guard.view().limit}`)
  })
})

/** When the next attempt of a list that failed would be made. */
const paid = ({ guard, now }: GuardRig): number | undefined =>
  guard.retries.delayMs(
    request('tools/list'),
    { outcome: { kind: 'upstream_failed', reason: 'reset', sent: true }, number: 1, leftMs: 9_000 },
    now,
  )

describe('A guard', () => {
  it('counts calls for its retry budget', () => {
    const rig = new GuardRig()
    while (paid(rig) !== undefined) assert.ok(rig.guard.retries.left(rig.now) < 10)
    rig.calls(30, OK)
    assert.equal(rig.guard.view().retriesLeft, 3)
  })

  it('keeps one timer at most, and none once it is closed', () => {
    const rig = new GuardRig({ concurrency: 1 })
    rig.calls(5, failed('connect'))
    assert.equal(rig.timers, 1)
    rig.guard.close()
    assert.equal(rig.timers, 0)
    rig.wait(60_000)
    assert.equal(rig.timers, 0)
  })

  it('forgets what an upstream asked for when it is reset', () => {
    const rig = new GuardRig()
    rig.call(status(429), { head: [429, ['Retry-After', '60']] })
    assert.equal(rig.guard.reset(undefined), true)
    assert.equal(rig.call(OK), 'ok')
  })
})
