import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { emptyResource } from '@opentelemetry/resources'
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics'
import type { MetricDefinition } from '../../src/telemetry/names.ts'
import { createMetricProducer } from '../../src/telemetry/otlp-metrics.ts'
import {
  CounterFamily,
  GaugeFamily,
  HistogramFamily,
  type MetricFamily,
} from '../../src/telemetry/series.ts'
import { seriesSettings } from '../support/series-settings.ts'

const define = (name: string, kind: MetricDefinition['kind']): MetricDefinition => ({
  name,
  kind,
  unit: '1',
  description: '',
  attributes: ['a'],
  ...(kind === 'histogram' ? { buckets: [1, 2] } : {}),
})

interface Collector {
  /** The metrics of one export, by name; time goes on by a second with each. */
  readonly collect: () => Promise<ReadonlyMap<string, MetricData>>
}

function collector(families: readonly MetricFamily[], delta: boolean): Collector {
  let seconds = 100
  const producer = createMetricProducer({
    families,
    resource: emptyResource(),
    version: '1',
    startTime: [100, 0],
    delta,
    now: () => [(seconds += 1), 0],
  })
  return {
    collect: async () => {
      const { resourceMetrics } = await producer.collect()
      const [scope] = resourceMetrics.scopeMetrics
      return new Map(scope?.metrics.map((metric) => [metric.descriptor.name, metric]))
    },
  }
}

function points(metric: MetricData | undefined): unknown[] {
  return (metric?.dataPoints ?? []).map(({ startTime, endTime, attributes, value }) => [
    startTime[0],
    endTime[0],
    attributes,
    value,
  ])
}

describe('Cumulative metrics', () => {
  it('count from the start, every time', async () => {
    const counter = new CounterFamily(define('c', 'counter'), seriesSettings())
    const histogram = new HistogramFamily(define('h', 'histogram'), seriesSettings())
    const { collect } = collector([counter, histogram], false)
    counter.add(['x'], 2)
    histogram.record(['x'], 1.5)
    await collect()
    counter.add(['x'], 1)
    histogram.record(['x'], 4)
    const metrics = await collect()
    const c = metrics.get('c')
    assert.equal(c?.aggregationTemporality, AggregationTemporality.CUMULATIVE)
    assert.deepEqual(points(c), [[100, 102, { a: 'x' }, 3]])
    assert.deepEqual(points(metrics.get('h')), [
      [
        100,
        102,
        { a: 'x' },
        {
          buckets: { boundaries: [1, 2], counts: [0, 1, 1] },
          sum: 5.5,
          count: 2,
          min: 1.5,
          max: 4,
        },
      ],
    ])
  })

  it('have exponential buckets when that is asked for', async () => {
    const histogram = new HistogramFamily(
      define('h', 'histogram'),
      seriesSettings({ exponential: true }),
    )
    const { collect } = collector([histogram], false)
    histogram.record(['x'], 1)
    histogram.record(['x'], 0)
    const metric = (await collect()).get('h')
    assert.equal(metric?.dataPointType, DataPointType.EXPONENTIAL_HISTOGRAM)
    assert.deepEqual(points(metric), [
      [
        100,
        101,
        { a: 'x' },
        {
          scale: 20,
          zeroCount: 1,
          positive: { offset: -1, bucketCounts: [1] },
          negative: { offset: 0, bucketCounts: [] },
          sum: 1,
          count: 2,
          min: 0,
          max: 1,
        },
      ],
    ])
    // What is scraped keeps the registry's buckets.
    assert.deepEqual(histogram.bind(['x']).read().counts, [2, 0, 0])
  })
})

describe('Delta metrics', () => {
  it('are what was added since the last export, and only of series that changed', async () => {
    const settings = seriesSettings({ delta: true })
    const counter = new CounterFamily(define('c', 'counter'), settings)
    const histogram = new HistogramFamily(define('h', 'histogram'), settings)
    const { collect } = collector([counter, histogram], true)
    counter.add(['x'], 2)
    counter.add(['zero'], 0)
    histogram.record(['x'], 0.5)
    histogram.record(['x'], 1.5)
    const first = await collect()
    assert.equal(first.get('c')?.aggregationTemporality, AggregationTemporality.DELTA)
    assert.deepEqual(points(first.get('c')), [[100, 101, { a: 'x' }, 2]])
    counter.add(['y'], 7)
    histogram.record(['x'], 9)
    const second = await collect()
    assert.deepEqual(points(second.get('c')), [[101, 102, { a: 'y' }, 7]])
    assert.deepEqual(points(second.get('h')), [
      [
        101,
        102,
        { a: 'x' },
        { buckets: { boundaries: [1, 2], counts: [0, 0, 1] }, sum: 9, count: 1, min: 9, max: 9 },
      ],
    ])
    assert.deepEqual([...(await collect()).keys()], [])
    // What is scraped stays cumulative.
    assert.deepEqual(histogram.bind(['x']).read(), {
      counts: [1, 1, 1],
      sum: 11,
      count: 3,
      min: 0.5,
      max: 9,
    })
    assert.equal(counter.bind(['x']).total, 2)
  })

  it('start their exponential buckets anew, at the finest scale', async () => {
    const settings = seriesSettings({ delta: true, exponential: true })
    const histogram = new HistogramFamily(define('h', 'histogram'), settings)
    const { collect } = collector([histogram], true)
    for (const value of [1e-9, 1, 1e9]) histogram.record(['x'], value)
    await collect()
    histogram.record(['x'], 4)
    const [point] = (await collect()).get('h')?.dataPoints ?? []
    assert.deepEqual(point?.value, {
      scale: 20,
      zeroCount: 0,
      positive: { offset: 2 * 2 ** 20 - 1, bucketCounts: [1] },
      negative: { offset: 0, bucketCounts: [] },
      sum: 4,
      count: 1,
      min: 4,
      max: 4,
    })
  })

  it('leave what may fall cumulative', async () => {
    const settings = seriesSettings({ delta: true })
    const falling = new CounterFamily(define('u', 'updowncounter'), settings)
    const observed = new GaugeFamily(define('o', 'updowncounter'), () => [
      { values: ['x'], value: 3 },
    ])
    const gauge = new GaugeFamily(define('g', 'gauge'), () => [{ values: ['x'], value: 4 }])
    const { collect } = collector([falling, observed, gauge], true)
    falling.add(['x'], 5)
    await collect()
    falling.add(['x'], -1)
    const metrics = await collect()
    for (const [name, value] of [
      ['u', 4],
      ['o', 3],
    ] as const) {
      const metric = metrics.get(name)
      assert.equal(metric?.aggregationTemporality, AggregationTemporality.CUMULATIVE)
      assert.ok(metric?.dataPointType === DataPointType.SUM && !metric.isMonotonic)
      assert.deepEqual(points(metric), [[100, 102, { a: 'x' }, value]])
    }
    assert.equal(metrics.get('g')?.dataPointType, DataPointType.GAUGE)
  })
})
