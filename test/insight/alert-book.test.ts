import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AlertRuleName } from '../../src/core/alert-defaults.ts'
import { AlertBook } from '../../src/insight/alert-book.ts'
import type { Condition } from '../../src/insight/alert-rules.ts'
import { fingerprintOf } from '../../src/insight/fingerprint.ts'
import { Increase } from '../../src/insight/increase.ts'
import { Silences } from '../../src/insight/silences.ts'
import type { AlertView } from '../../src/insight/views.ts'

const MINUTE_MS = 60_000

function condition(holds: boolean, given: Partial<Condition> = {}): Condition {
  return {
    rule: 'errorRate',
    labels: { alertname: 'SidelightErrorRateHigh', sidelight_upstream_name: 'weather' },
    settings: {
      enabled: true,
      threshold: 0.05,
      windowMs: 5 * MINUTE_MS,
      forMs: 5 * MINUTE_MS,
      keepFiringForMs: 2 * MINUTE_MS,
      callsMin: 0,
      badCallsMin: 5,
    },
    holds,
    value: holds ? 0.5 : 0,
    annotations: { summary: 'many calls fail' },
    ...given,
  }
}

/** Evaluates at a minute and shows what is so after it. */
function at(book: AlertBook, minute: number, ...conditions: readonly Condition[]): string {
  const moment = { nowMs: minute * MINUTE_MS, wallMs: 1_000_000 + minute * MINUTE_MS }
  const changes = book.evaluate(conditions, moment)
  const states = book.alerts().map(({ state }) => state)
  return [
    states.join(',') || '-',
    ...changes.map(({ alert, from }) => `${from ?? 'none'}>${alert.state}`),
  ].join(' ')
}

describe('An alert', () => {
  it('is pending for its time, then fires, and resolves after it has been quiet', () => {
    const book = new AlertBook({ instance: 'one' })
    assert.equal(at(book, 0, condition(false)), '-')
    assert.equal(at(book, 1, condition(true)), 'pending none>pending')
    assert.equal(at(book, 5, condition(true)), 'pending')
    assert.equal(at(book, 6, condition(true)), 'firing pending>firing')
    assert.equal(at(book, 7, condition(true)), 'firing')
    assert.equal(at(book, 8, condition(false)), 'firing')
    assert.equal(at(book, 9, condition(false)), 'resolved firing>resolved')
    assert.deepEqual(book.alerts(), [
      {
        fingerprint: fingerprintOf({
          alertname: 'SidelightErrorRateHigh',
          sidelight_upstream_name: 'weather',
          instance: 'one',
        }),
        name: 'SidelightErrorRateHigh',
        state: 'resolved',
        severity: 'warning',
        labels: {
          instance: 'one',
          alertname: 'SidelightErrorRateHigh',
          sidelight_upstream_name: 'weather',
        },
        annotations: { summary: 'many calls fail' },
        activeAtMs: 1_000_000 + MINUTE_MS,
        firedAtMs: 1_000_000 + 6 * MINUTE_MS,
        resolvedAtMs: 1_000_000 + 9 * MINUTE_MS,
        value: 0.5,
        threshold: 0.05,
        silencedBy: undefined,
      },
    ] satisfies readonly AlertView[])
  })

  it('that never fired is forgotten, and its time begins anew', () => {
    const book = new AlertBook({})
    at(book, 0, condition(true))
    assert.equal(at(book, 4, condition(false)), '- pending>resolved')
    assert.equal(at(book, 5, condition(true)), 'pending none>pending')
    assert.equal(at(book, 9, condition(true)), 'pending')
    assert.equal(at(book, 10, condition(true)), 'firing pending>firing')
  })

  it('that comes and goes within the time it keeps firing is one alert', () => {
    const book = new AlertBook({})
    at(book, 0, condition(true))
    at(book, 5, condition(true))
    assert.equal(at(book, 6, condition(false)), 'firing')
    assert.equal(at(book, 7, condition(true)), 'firing')
    assert.equal(at(book, 8, condition(false)), 'firing')
    assert.equal(at(book, 9, condition(false)), 'resolved firing>resolved')
  })

  it('fires again after it has been resolved, and is then one alert still', () => {
    const book = new AlertBook({})
    at(book, 0, condition(true))
    at(book, 5, condition(true))
    at(book, 7, condition(false))
    assert.equal(at(book, 8, condition(true)), 'pending resolved>pending')
    assert.equal(at(book, 13, condition(true)), 'firing pending>firing')
  })

  it('that has no time to wait fires at once', () => {
    const book = new AlertBook({})
    const { settings } = condition(true)
    const now = condition(true, { settings: { ...settings, forMs: 0 } })
    assert.equal(at(book, 0, now), 'firing pending>firing')
  })

  it('is one for each upstream, and the same one however often it is evaluated', () => {
    const book = new AlertBook({})
    const files = condition(true, {
      labels: { alertname: 'SidelightErrorRateHigh', sidelight_upstream_name: 'files' },
    })
    for (let minute = 0; minute < 10; minute += 1) at(book, minute, condition(true), files)
    assert.equal(at(book, 10, condition(true), files), 'firing,firing')
  })

  it('of an upstream that is gone is resolved', () => {
    const book = new AlertBook({})
    at(book, 0, condition(true))
    at(book, 5, condition(true))
    assert.equal(at(book, 6), 'resolved firing>resolved')
  })

  it('is shown for 15 minutes after it was resolved', () => {
    const book = new AlertBook({})
    at(book, 0, condition(true))
    at(book, 5, condition(true))
    at(book, 10, condition(false))
    assert.equal(at(book, 24, condition(false)), 'resolved')
    assert.equal(at(book, 25, condition(false)), '-')
  })
})

describe('Silences', () => {
  let ids = 0
  const make = (): Silences => new Silences(() => `s${(ids += 1)}`)
  const order = {
    matchers: { sidelight_upstream_name: 'weather' },
    ttlMs: 1_000,
    reason: 'maintenance',
    author: 'ann',
  }
  const alertOf = (rule: AlertRuleName, upstream: string): AlertView => {
    const book = new AlertBook({})
    const labels = { alertname: 'x', sidelight_upstream_name: upstream }
    const { settings } = condition(true)
    const now = condition(true, { rule, labels, settings: { ...settings, forMs: 0 } })
    book.evaluate([now], { nowMs: 0, wallMs: 0 })
    const [alert] = book.alerts()
    assert.ok(alert)
    return alert
  }

  it('hold for alerts with all their labels, and for their time', () => {
    const silences = make()
    const silence = silences.add(order, 5_000)
    assert.ok(typeof silence === 'object')
    assert.deepEqual(silence.endsAtMs, 6_000)
    assert.equal(silences.applyTo(alertOf('errorRate', 'weather')).silencedBy, silence.id)
    assert.equal(silences.applyTo(alertOf('errorRate', 'files')).silencedBy, undefined)
    assert.equal(silences.list(5_999).length, 1)
    assert.equal(silences.list(6_000).length, 0)
    assert.equal(silences.applyTo(alertOf('errorRate', 'weather')).silencedBy, undefined)
  })

  it('can be ended by hand, once', () => {
    const silences = make()
    const silence = silences.add(order, 0)
    assert.ok(typeof silence === 'object')
    assert.equal(silences.end(silence.id)?.id, silence.id)
    assert.equal(silences.end(silence.id), undefined)
  })

  it('need a label, a reason, an author and an end', () => {
    const silences = make()
    for (const wrong of [
      { matchers: {} },
      { reason: '' },
      { author: 'two\nlines' },
      { ttlMs: 0 },
      { ttlMs: Infinity },
      { ttlMs: 31 * 24 * 3_600_000 },
      { matchers: { alertname: 'x'.repeat(201) } },
    ]) {
      assert.equal(silences.add({ ...order, ...wrong }, 0), 'invalid', JSON.stringify(wrong))
    }
  })

  it('are bounded, and old ones make room', () => {
    const silences = make()
    for (let i = 0; i < 100; i += 1) assert.equal(typeof silences.add(order, 0), 'object')
    assert.equal(silences.add(order, 999), 'full')
    assert.equal(typeof silences.add(order, 1_000), 'object')
  })
})

describe('The growth of a count', () => {
  it('is that within the window, and counts begin at 0', () => {
    const increase = new Increase()
    const seen = [
      [0, 3],
      [1, 3],
      [5, 4],
      [9, 4],
      [10, 4],
      [14, 4],
      [16, 4],
    ].map(([minute = 0, total = 0]) => increase.over(10 * MINUTE_MS, total, minute * MINUTE_MS))
    assert.deepEqual(seen, [3, 3, 4, 4, 4, 1, 0])
  })
})
