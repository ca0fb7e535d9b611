/** When a call that failed is made again, with time and chance in the hands of the test. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Exchange } from '../../src/core/exchange.ts'
import type { UpstreamFailed, UpstreamFailure } from '../../src/core/outcome.ts'
import type { GuardPass } from '../../src/resilience/guard-pass.ts'
import { failed, GuardRig, OK, read, request, toolCall } from './guard-rig.ts'

const broke = (reason: UpstreamFailure = 'reset', status?: number): UpstreamFailed => ({
  kind: 'upstream_failed',
  reason,
  sent: true,
  ...(status === undefined ? {} : { status }),
})

interface Scene {
  readonly rig: GuardRig
  readonly exchange: Exchange
  readonly pass: GuardPass
  /** What became of the retry: undefined while it is waited for. */
  readonly went: boolean[]
  /** Asks for a retry; undefined when there is none. */
  readonly retry: (
    outcome?: UpstreamFailed,
    number?: number,
    leftMs?: number,
  ) => (() => void) | undefined
}

function scene(exchange = request('tools/list'), rig = new GuardRig()): Scene {
  const pass = rig.guard.admit(exchange)
  assert.ok(pass.kind === 'pass')
  const went: boolean[] = []
  return {
    rig,
    exchange,
    pass,
    went,
    retry: (outcome = broke(), number = 1, leftMs = 30_000) =>
      pass.retry({ outcome, number, leftMs }, (mayGo) => void went.push(mayGo)),
  }
}

const repeats = (exchange: Exchange): boolean => scene(exchange).retry() !== undefined

describe('A retry after dispatch', () => {
  it('is for lists and reads', () => {
    const methods = [
      'tools/list',
      'resources/list',
      'resources/templates/list',
      'resources/read',
      'prompts/list',
      'prompts/get',
    ]
    for (const method of methods) assert.equal(repeats(request(method)), true, method)
    const others = [
      'initialize',
      'ping',
      'server/discover',
      'completion/complete',
      'resources/subscribe',
      'logging/setLevel',
      'tasks/cancel',
      'tools/list2',
    ]
    for (const method of others) assert.equal(repeats(request(method)), false, method)
  })

  it('is for tools that are named for it, and no task', () => {
    assert.equal(repeats(toolCall('get_weather')), true)
    assert.equal(repeats(toolCall('send_mail')), false)
    const task = { name: 'get_weather', task: { ttl: 1_000 } }
    const asked = read({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: task })
    assert.equal(asked.calls[0]?.message.asksTask, true)
    assert.equal(repeats(asked), false)
  })

  it('is not for batches', () => {
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
    assert.equal(repeats(read([list])), false)
    assert.equal(repeats(read([list, { ...list, id: 2 }])), false)
  })

  it('is for connections that fail and for 502 to 504, and for no other failure', () => {
    for (const reason of ['connect', 'reset', 'closed'] as const)
      assert.ok(scene().retry(broke(reason)), reason)
    for (const reason of ['timeout', 'bad_message', 'process_exit'] as const)
      assert.equal(scene().retry(broke(reason)), undefined, reason)
    for (const status of [502, 503, 504])
      assert.ok(scene().retry(broke('http_5xx', status)), `${status}`)
    for (const status of [500, 501, 505])
      assert.equal(scene().retry(broke('http_5xx', status)), undefined, `${status}`)
  })

  it('is for everything when nothing was sent, once', () => {
    const unsent: UpstreamFailed = { kind: 'upstream_failed', reason: 'connect', sent: false }
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
    const all = [
      toolCall('send_mail'),
      request('initialize'),
      request('completion/complete'),
      read([list, { ...list, id: 2 }]),
      read({ ...list, method: 'tools/call', params: { name: 'send_mail', task: { ttl: 1 } } }),
    ]
    for (const exchange of all) assert.ok(scene(exchange).retry(unsent))
    const retries = {
      ratio: 0.1,
      perSecond: 1,
      attempts: 9,
      mayRepeatTool: () => false,
      hedge: undefined,
    }
    const rig = new GuardRig({ retries })
    assert.equal(scene(toolCall('send_mail'), rig).retry(unsent, 2), undefined)
    // An earlier attempt may have reached it.
    assert.equal(scene(toolCall('send_mail')).retry({ ...unsent, sent: true }), undefined)
    // Notifications and ends of sessions hold no place, and are left to their clients.
    assert.equal(
      scene(read({ jsonrpc: '2.0', method: 'notifications/x' })).retry(unsent),
      undefined,
    )
  })

  it('is made once by default, a tenth of a second later at most, and counted', () => {
    const { rig, went, retry } = scene()
    assert.ok(retry())
    rig.wait(99)
    assert.deepEqual(went, [])
    rig.wait(1)
    assert.deepEqual(went, [true])
    assert.deepEqual(rig.told, ['retried'])
    assert.equal(retry(broke(), 2), undefined)
  })

  it('waits longer with each attempt, and two seconds at most', () => {
    const retries = {
      ratio: 0.1,
      perSecond: 1,
      attempts: 9,
      mayRepeatTool: () => false,
      hedge: undefined,
    }
    for (const [number, ms] of [
      [2, 200],
      [4, 800],
      [8, 2_000],
    ] as const) {
      const { rig, went, retry } = scene(undefined, new GuardRig({ retries }))
      assert.ok(retry(broke(), number))
      rig.wait(ms - 1)
      assert.deepEqual(went, [])
      rig.wait(1)
      assert.deepEqual(went, [true])
    }
  })

  it('is not made, nor paid for, when the call has no time left for it', () => {
    const { rig, retry } = scene()
    assert.equal(retry(broke(), 1, 100), undefined)
    assert.equal(rig.guard.view().retriesLeft, 10)
    assert.ok(retry(broke(), 1, 101))
    assert.equal(rig.guard.view().retriesLeft, 9)
  })

  it('is not made any more when it is taken back', () => {
    const { rig, went, retry } = scene()
    retry()?.()
    rig.wait(10_000)
    assert.deepEqual(went, [])
  })

  it('is bounded by the budget of its upstream, and what it refuses is counted', () => {
    const rig = new GuardRig({ breaker: undefined })
    const made = Array.from({ length: 100 }, () => scene(undefined, rig).retry()).filter(
      (retry) => retry !== undefined,
    )
    // Ten that are saved up, and a tenth of the calls.
    assert.equal(made.length, 20)
    assert.equal(rig.told.filter((what) => what === 'retry refused').length, 80)
  })

  it('is not made by a trial, or while the upstream asked for time', () => {
    const rig = new GuardRig()
    rig.calls(5, failed('connect'))
    rig.wait(60_000)
    assert.equal(rig.guard.view().state, 'half_open')
    assert.equal(scene(undefined, rig).retry(), undefined)
    const asked = scene()
    asked.pass.head(503, ['Retry-After', '5'])
    assert.equal(asked.retry(broke('http_5xx', 503)), undefined)
  })

  it('is not made when the failure itself opened the breaker, which counts it once', () => {
    const rig = new GuardRig()
    rig.calls(4, failed('connect'))
    const { retry, pass, exchange } = scene(toolCall('get_weather'), rig)
    assert.equal(retry(), undefined)
    assert.deepEqual(rig.told, ['upstream closed>open failures_in_row'])
    rig.end(pass, exchange, broke())
    assert.equal(rig.told.includes('upstream late'), false)
  })

  it('is not made when the breaker opened during the wait', () => {
    const rig = new GuardRig()
    const { went, retry } = scene(undefined, rig)
    assert.ok(retry())
    rig.calls(5, failed('connect'))
    rig.wait(100)
    assert.deepEqual(went, [false])
    assert.equal(rig.told.includes('retried'), false)
  })

  it('leaves what failed before it in the count of failures', () => {
    const rig = new GuardRig()
    const { retry, pass, exchange } = scene(undefined, rig)
    assert.ok(retry())
    rig.wait(100)
    rig.end(pass, exchange, OK)
    const view = rig.guard.breaker?.view(rig.now)
    assert.deepEqual([view?.calls, view?.failed], [2, 1])
    assert.equal(rig.guard.view().active, 0)
  })
})
