import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DDSketch } from '@datadog/sketches-js'
import * as fc from 'fast-check'
import {
  firstSlotOf,
  History,
  Scratch,
  TOOL_LEVELS,
  UPSTREAM_LEVELS,
  type Level,
} from '../../src/insight/history.ts'
import { Resolution } from '../../src/insight/quantiles.ts'
import { TallySum } from '../../src/insight/sums.ts'
import type { CallRecord } from '../../src/insight/tally.ts'
import { TOOL_WINDOWS, UPSTREAM_WINDOWS } from '../../src/insight/window-stats.ts'

interface Recorded {
  readonly slot: number
  readonly call: CallRecord
}

const RESOLUTION = new Resolution(0.025)

/** Gaps between calls in slots of 5 s: mostly none, sometimes hours, now and then days. */
const gap = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 3 }) },
  { weight: 2, arbitrary: fc.integer({ min: 4, max: 800 }) },
  { weight: 1, arbitrary: fc.integer({ min: 801, max: 24_000 }) },
)

const call = fc.record({
  ending: fc.integer({ min: 0, max: 20 }),
  timing: fc.constantFrom('answered', 'failed', 'none'),
  us: fc.integer({ min: 0, max: 400_000_000 }),
  firstEventUs: fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 5_000_000 })),
  requestBytes: fc.integer({ min: 0, max: 10_000 }),
  responseBytes: fc.integer({ min: 0, max: 2 ** 40 }),
  resultTokens: fc.integer({ min: 0, max: 100_000 }),
})

/** What a plain list of the same calls says of a window. */
function reference(calls: readonly Recorded[], from: number): Record<string, unknown> {
  const within = calls.filter(({ slot }) => slot >= from).map((one) => one.call)
  const timing = (values: readonly number[]): unknown => [
    values.length,
    values.reduce((sum, value) => sum + value, 0),
    Math.min(...values, Infinity),
    Math.max(...values, 0),
    binsOf(values),
  ]
  const endings = new Map<number, number>()
  for (const { ending } of within) endings.set(ending, (endings.get(ending) ?? 0) + 1)
  const sum = (read: (one: CallRecord) => number): number =>
    within.reduce((total, one) => total + read(one), 0)
  return {
    endings: [...endings].toSorted(([a], [b]) => a - b).flat(),
    bytes: [sum((one) => one.requestBytes), sum((one) => one.responseBytes)],
    tokens: sum((one) => one.resultTokens),
    answered: timing(within.filter((one) => one.timing === 'answered').map((one) => one.us)),
    failed: timing(within.filter((one) => one.timing === 'failed').map((one) => one.us)),
    firstEvent: timing(within.map((one) => one.firstEventUs).filter((us) => us >= 0)),
  }
}

function binsOf(values: readonly number[]): number[] {
  const bins = new Map<number, number>()
  for (const value of values) {
    const bin = RESOLUTION.binOf(value)
    bins.set(bin, (bins.get(bin) ?? 0) + 1)
  }
  return [...bins].toSorted(([a], [b]) => a - b).flat()
}

function shown(sum: TallySum): Record<string, unknown> {
  const timing = (of: TallySum['answered']): unknown => [
    of.calls,
    of.sumUs,
    of.minUs,
    of.maxUs,
    of.bins,
  ]
  return {
    endings: sum.endings,
    bytes: [sum.requestBytes, sum.responseBytes],
    tokens: sum.resultTokens,
    answered: timing(sum.answered),
    failed: timing(sum.failed),
    firstEvent: timing(sum.firstEvent),
  }
}

function holds(levels: readonly Level[], windows: Readonly<Record<string, Level>>): void {
  const scratch = new Scratch()
  fc.assert(
    fc.property(
      fc.array(fc.tuple(gap, call, fc.boolean()), { maxLength: 120 }),
      gap,
      (steps, silence) => {
        const history = new History(levels)
        const calls: Recorded[] = []
        let slot = 0
        for (const [after, one, looked] of steps) {
          slot += after
          // Somebody may look after the series at any time, or never.
          if (looked) history.roll(slot, scratch)
          const bins = {
            duration: RESOLUTION.binOf(one.us),
            firstEvent: RESOLUTION.binOf(one.firstEventUs),
          }
          history.record(slot, one, bins, scratch)
          calls.push({ slot, call: one })
        }
        slot += silence
        for (const window of Object.values(windows)) {
          const from = firstSlotOf(slot, window)
          const sum = new TallySum()
          history.sumInto(sum, slot, window)
          assert.deepEqual(shown(sum), reference(calls, from))
          const total: number[] = []
          history.timeline(slot, window, new TallySum(), (point) =>
            total.push(point.answered.calls),
          )
          const expected = Array.from({ length: window.keep }, (_, point) => {
            const start = from + point * window.slots
            return calls.filter(
              (one) =>
                one.call.timing === 'answered' &&
                one.slot >= start &&
                one.slot < start + window.slots,
            ).length
          })
          assert.deepEqual(total, expected)
        }
      },
    ),
    { numRuns: 150 },
  )
}

describe('The history of a series', () => {
  it('says of every window what a list of all calls says, for a tool', () => {
    holds(TOOL_LEVELS, TOOL_WINDOWS)
  })

  it('says the same for an upstream, and the same minute by minute', () => {
    holds(UPSTREAM_LEVELS, UPSTREAM_WINDOWS)
  })

  it('forgets what is older than its longest window', () => {
    const history = new History(TOOL_LEVELS)
    const scratch = new Scratch()
    const one = {
      ending: 0,
      timing: 'answered',
      us: 5,
      firstEventUs: -1,
      requestBytes: 1,
      responseBytes: 1,
      resultTokens: 1,
    } as const
    history.record(0, one, { duration: 1, firstEvent: 0 }, scratch)
    history.roll(7 * 2_160, scratch)
    assert.equal(history.empty, false)
    history.roll(8 * 2_160, scratch)
    assert.equal(history.empty, true)
  })
})

describe('Percentiles', () => {
  const values = fc.array(fc.integer({ min: 1, max: 86_400_000_000 }), {
    minLength: 1,
    maxLength: 300,
  })
  const quantiles = [0, 0.5, 0.9, 0.95, 0.99, 1]

  for (const error of [0.01, 0.025]) {
    it(`are those of the library's sketch, at ${error * 100} %`, () => {
      fc.assert(
        fc.property(values, (list) => {
          const resolution = new Resolution(error)
          const sketch = new DDSketch({ relativeAccuracy: error })
          const bins = new Map<number, number>()
          for (const value of list) {
            sketch.accept(value)
            const bin = resolution.binOf(value)
            bins.set(bin, (bins.get(bin) ?? 0) + 1)
          }
          const pairs = [...bins].toSorted(([a], [b]) => a - b).flat()
          assert.deepEqual(
            resolution.quantiles(pairs, list.length, quantiles),
            quantiles.map((quantile) => sketch.getValueAtQuantile(quantile)),
          )
        }),
      )
    })

    it(`lie within ${error * 100} % of the true ones`, () => {
      fc.assert(
        fc.property(values, (list) => {
          const resolution = new Resolution(error)
          const sorted = list.toSorted((a, b) => a - b)
          const pairs = sorted.flatMap((value) => [resolution.binOf(value), 1])
          const found = resolution.quantiles(pairs, list.length, quantiles)
          for (const [index, quantile] of quantiles.entries()) {
            const exact = sorted[Math.floor(quantile * (list.length - 1))] ?? NaN
            const off = Math.abs((found[index] ?? NaN) - exact) / exact
            assert.ok(off <= error * 1.000_001, `q ${quantile}: ${found[index]} for ${exact}`)
          }
        }),
      )
    })
  }

  it('of 1 to 20 and of 1 to 100 are no place too high', () => {
    const resolution = new Resolution(0.01)
    const of = (count: number, quantile: number): number | undefined => {
      const bins = Array.from({ length: count }, (_, i) => [resolution.binOf((i + 1) * 1_000), 1])
      return resolution.quantiles(bins.flat(), count, [quantile])[0]
    }
    assert.ok(Math.abs((of(20, 0.95) ?? 0) - 19_000) <= 190)
    assert.ok(Math.abs((of(100, 0.99) ?? 0) - 99_000) <= 990)
  })
})
