import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AlertView } from '../../src/insight/views.ts'
import { OK, TOOL_ERROR } from './calls.ts'
import { startEngine, type TestEngine } from './engines.ts'

const MINUTE = 60

const HOOK = { name: 'hook', type: 'webhook', url: 'http://hook.example/x' } as const
const MANAGER = { name: 'manager', type: 'alertmanager', url: 'http://am.example/base/' } as const

/** The error rate alone, with no time to wait. */
const AT_ONCE = { rules: { errorRate: { for: '0s', keepFiringFor: '0s' } } }

const fail = (test: TestEngine, upstream: string): void =>
  test.calls(6, { upstream, durationMs: 5, outcome: TOOL_ERROR })

const recover = (test: TestEngine, upstream: string): void =>
  test.calls(200, { upstream, durationMs: 5, outcome: OK })

interface Shown {
  readonly status?: string
  readonly alerts?: readonly { readonly status: string; readonly labels: AlertView['labels'] }[]
}

/** What webhooks were told: the status of the group, and that of each alert. */
const told = (test: TestEngine): readonly string[] =>
  test.sent.map(({ body }) => {
    const { status, alerts = [] }: Shown = JSON.parse(body)
    const each = alerts.map((one) => `${one.labels['sidelight_upstream_name']} ${one.status}`)
    return `${status}: ${each.toSorted().join(', ')}`
  })

describe('A webhook', () => {
  it('is told of what fires and what is resolved, in groups by name, and of nothing twice', async () => {
    const test = startEngine({ alerts: AT_ONCE, receivers: [HOOK] })
    fail(test, 'weather')
    await test.run(30)
    fail(test, 'files')
    await test.run(30)
    recover(test, 'weather')
    await test.run(30)
    recover(test, 'files')
    await test.run(30)
    assert.deepEqual(told(test), [
      'firing: weather firing',
      'firing: files firing, weather firing',
      'firing: files firing, weather resolved',
      'resolved: files resolved',
    ])
    assert.equal(test.sent[0]?.url, 'http://hook.example/x')
    assert.deepEqual(test.sent[0]?.headers, { authorization: 'Bearer x' })
  })

  it('is told of more alerts than one request holds in several, each once', async () => {
    const test = startEngine({ alerts: AT_ONCE, receivers: [HOOK] })
    const upstreams = Array.from({ length: 70 }, (_, n) => `u${n}`)
    const settings = { ...HOOK, headers: () => ({}) }
    test.engine.configure({
      ...test.rules({ upstreams, alerts: AT_ONCE }),
      receivers: [settings],
    })
    for (const upstream of upstreams) fail(test, upstream)
    await test.run(60)
    const shown = test.sent.map(({ body }): Shown => JSON.parse(body))
    assert.deepEqual(
      shown.map(({ alerts }) => alerts?.length),
      [64, 64],
    )
    const names = shown.flatMap(({ alerts = [] }) =>
      alerts.map(({ labels }) => labels['sidelight_upstream_name']),
    )
    assert.equal(new Set(names).size, 70)
  })

  it('gets the form of Alertmanager, version 4', async () => {
    const test = startEngine({ alerts: AT_ONCE, receivers: [HOOK] })
    fail(test, 'weather')
    await test.run(6)
    const [alert] = test.engine.alerts()
    const labels = {
      instance: 'test',
      alertname: 'SidelightErrorRateHigh',
      severity: 'warning',
      category: 'calls',
      sidelight_upstream_name: 'weather',
    }
    assert.deepEqual(JSON.parse(test.sent[0]?.body ?? ''), {
      version: '4',
      groupKey: '{}:{alertname="SidelightErrorRateHigh"}',
      truncatedAlerts: 0,
      status: 'firing',
      receiver: 'hook',
      groupLabels: { alertname: 'SidelightErrorRateHigh' },
      commonLabels: labels,
      commonAnnotations: alert?.annotations,
      externalURL: '',
      alerts: [
        {
          status: 'firing',
          labels,
          annotations: alert?.annotations,
          startsAt: '1970-01-01T00:16:41.000Z',
          endsAt: '0001-01-01T00:00:00Z',
          generatorURL: '',
          fingerprint: alert?.fingerprint,
        },
      ],
    })
  })

  it('is reminded every 4 hours of what still fires', async () => {
    const test = startEngine({
      receivers: [HOOK],
      alerts: { rules: { breakerOpen: { for: '0s' } } },
    })
    test.breakers.set('weather', 'open')
    await test.run(4 * 60 * MINUTE - 5)
    assert.deepEqual(told(test), ['firing: weather firing'])
    await test.run(15)
    assert.deepEqual(told(test), ['firing: weather firing', 'firing: weather firing'])
  })

  it('that fails is told again with growing pauses, of what is so then', async () => {
    const test = startEngine({ alerts: AT_ONCE, receivers: [HOOK] })
    test.results.push(
      ...Array.from({ length: 4 }, () => ({ kind: 'failed', error: '503' }) as const),
    )
    fail(test, 'weather')
    await test.run(4)
    assert.deepEqual(test.engine.receivers(), [
      {
        name: 'hook',
        type: 'webhook',
        lastSuccessMs: undefined,
        lastFailureMs: 1_003_000 + 1_000,
        lastError: '503',
        failuresInRow: 3,
      },
    ])
    fail(test, 'files')
    await test.run(30)
    assert.deepEqual(told(test).at(-1), 'firing: files firing, weather firing')
    assert.equal(test.sent.length, 5)
    assert.equal(test.engine.receivers()[0]?.failuresInRow, 0)
    assert.deepEqual(
      test.events.filter((event) => event.includes('delivery')),
      ['warn sidelight.alert.delivery_failed', 'info sidelight.alert.delivery_recovered'],
    )
  })

  it('that was away from beginning to end is told nothing, and of an end that it missed it is', async () => {
    const test = startEngine({ alerts: AT_ONCE, receivers: [HOOK] })
    fail(test, 'weather')
    await test.run(6)
    assert.deepEqual(told(test), ['firing: weather firing'])
    // Down for longer than resolved alerts are remembered.
    const down = (): number =>
      test.results.push(
        ...Array.from({ length: 60 }, () => ({ kind: 'failed', error: 'x' }) as const),
      )
    down()
    recover(test, 'weather')
    fail(test, 'files')
    await test.run(30)
    recover(test, 'files')
    await test.run(20 * MINUTE)
    assert.deepEqual(test.engine.alerts(), [])
    test.results.splice(0)
    test.sent.splice(0)
    await test.run(2 * MINUTE)
    assert.deepEqual(told(test), ['resolved: weather resolved'])
  })

  it('is told nothing of what is silenced, and the end of what it knows', async () => {
    const test = startEngine({ alerts: AT_ONCE, receivers: [HOOK] })
    const silence = test.engine.silence({
      matchers: { sidelight_upstream_name: 'weather' },
      ttlMs: 60_000,
      reason: 'maintenance',
      author: 'ann',
    })
    assert.ok(typeof silence === 'object')
    fail(test, 'weather')
    fail(test, 'files')
    await test.run(30)
    assert.deepEqual(told(test), ['firing: files firing'])
    assert.deepEqual(
      test.engine
        .alerts()
        .map(({ silencedBy, labels }) => [labels['sidelight_upstream_name'], silencedBy]),
      [
        ['weather', silence.id],
        ['files', undefined],
      ],
    )
    assert.deepEqual(test.engine.overview().alerts, { pending: 0, firing: 2, silenced: 1 })
    await test.run(35)
    assert.deepEqual(told(test).at(-1), 'firing: files firing, weather firing')
    test.engine.silence({
      matchers: { alertname: 'SidelightErrorRateHigh' },
      ttlMs: 60_000,
      reason: 'maintenance',
      author: 'ann',
    })
    recover(test, 'files')
    await test.run(10)
    assert.deepEqual(told(test).at(-1), 'resolved: files resolved')
    assert.deepEqual(
      test.events.filter((event) => event.includes('silenced')),
      ['warn sidelight.alert.silenced', 'warn sidelight.alert.silenced'],
    )
  })
})

describe('A receiver', () => {
  it('that stays in a newer configuration keeps what it was told, and one that goes is told no more', async () => {
    const test = startEngine({ alerts: AT_ONCE, receivers: [HOOK, { ...HOOK, name: 'gone' }] })
    fail(test, 'weather')
    await test.run(6)
    assert.equal(test.sent.length, 2)
    const rules = test.rules({ alerts: AT_ONCE })
    const headers = (): Record<string, string> => ({ authorization: 'Bearer y' })
    test.engine.configure({ ...rules, receivers: [{ ...HOOK, headers }] })
    await test.run(10)
    assert.equal(test.sent.length, 2)
    recover(test, 'weather')
    await test.run(10)
    assert.deepEqual(told(test).slice(2), ['resolved: weather resolved'])
    assert.deepEqual(test.sent[2]?.headers, { authorization: 'Bearer y' })
    assert.deepEqual(
      test.engine.receivers().map(({ name }) => name),
      ['hook'],
    )
  })
})

describe('Alertmanager', () => {
  interface Posted {
    readonly startsAt: string
    readonly endsAt: string
    readonly labels: AlertView['labels']
  }
  const posted = (test: TestEngine): readonly Posted[] =>
    test.sent.flatMap(({ body }): readonly Posted[] => JSON.parse(body))
  const secondsOf = (time: string): number => Date.parse(time) / 1_000

  it('is told every minute of what fires, for four times as long', async () => {
    const test = startEngine({
      receivers: [MANAGER],
      alerts: { rules: { breakerOpen: { for: '0s' } } },
    })
    test.breakers.set('weather', 'open')
    const startSeconds = test.clock.nowMs / 1_000
    await test.run(125)
    assert.equal(test.sent[0]?.url, 'http://am.example/base/api/v2/alerts')
    assert.deepEqual(
      posted(test).map(({ startsAt, endsAt }) => [
        secondsOf(startsAt) - startSeconds,
        secondsOf(endsAt) - startSeconds,
      ]),
      [
        [1, 241],
        [1, 301],
        [1, 361],
      ],
    )
  })

  it('is told of the end at once, and for 15 minutes', async () => {
    const test = startEngine({ alerts: AT_ONCE, receivers: [MANAGER] })
    fail(test, 'weather')
    await test.run(6)
    recover(test, 'weather')
    await test.run(6)
    const ends = posted(test).map(({ endsAt }) => endsAt)
    assert.equal(ends.length, 2)
    const [alert] = test.engine.alerts()
    assert.equal(Date.parse(ends[1] ?? ''), alert?.resolvedAtMs)
    await test.run(20 * MINUTE)
    assert.equal(posted(test).length, 2 + 14)
    assert.deepEqual(
      new Set(
        posted(test)
          .slice(1)
          .map(({ endsAt }) => endsAt),
      ),
      new Set([ends[1]]),
    )
  })

  it('is not told of what was resolved before it could be', async () => {
    const test = startEngine({ alerts: AT_ONCE, receivers: [MANAGER] })
    test.results.push(
      ...Array.from({ length: 10 }, () => ({ kind: 'failed', error: 'x' }) as const),
    )
    fail(test, 'weather')
    await test.run(4)
    recover(test, 'weather')
    await test.run(6)
    test.results.splice(0)
    test.sent.splice(0)
    await test.run(5 * MINUTE)
    assert.deepEqual(test.sent, [])
  })
})
