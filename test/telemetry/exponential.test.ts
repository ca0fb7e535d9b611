import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  AggregationTemporality,
  AggregationType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import * as fc from 'fast-check'
import { ExponentialBuckets } from '../../src/telemetry/exponential.ts'

/** What OpenTelemetry's own SDK makes of the same values. */
async function official(values: readonly number[]): Promise<unknown> {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1_000_000 })
  const provider = new MeterProvider({
    readers: [reader],
    views: [
      {
        instrumentName: 'h',
        aggregation: {
          type: AggregationType.EXPONENTIAL_HISTOGRAM,
          options: { maxSize: 160, recordMinMax: true },
        },
      },
    ],
  })
  const histogram = provider.getMeter('m').createHistogram('h')
  for (const value of values) histogram.record(value)
  await reader.forceFlush()
  const value = exporter.getMetrics()[0]?.scopeMetrics[0]?.metrics[0]?.dataPoints[0]?.value
  await provider.shutdown()
  return value
}

function own(values: readonly number[]): unknown {
  const buckets = new ExponentialBuckets()
  for (const value of values) buckets.record(value)
  const { scale, zeroCount, offset, counts, sum, count, min, max } = buckets.read()
  const positive = { offset, bucketCounts: counts }
  return {
    min,
    max,
    sum,
    positive,
    negative: { offset: 0, bucketCounts: [] },
    count,
    scale,
    zeroCount,
  }
}

const DURATION = fc.double({ min: 1e-6, max: 10_000, noNaN: true })
const ANY = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map(Math.abs)
const POWER = fc.integer({ min: -1074, max: 1023 }).map((exponent) => 2 ** exponent)

describe('An exponential histogram', () => {
  it('has the buckets of the SDK for the same durations', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(DURATION, { minLength: 1, maxLength: 300 }), async (values) => {
        assert.deepEqual(own(values), await official(values))
      }),
      { numRuns: 100 },
    )
  })

  it('has the buckets of the SDK for any values that are not negative, and for powers of two', async () => {
    const value = fc.oneof(ANY, POWER, fc.constant(0), fc.constant(5e-324), fc.constant(2 ** -1022))
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 100 }), async (values) => {
        assert.deepEqual(own(values), await official(values))
      }),
      { numRuns: 100 },
    )
  })

  it('starts at the finest scale and takes the coarser ones that it needs', () => {
    const buckets = new ExponentialBuckets()
    buckets.record(1.5)
    assert.deepEqual(buckets.read(), {
      scale: 20,
      zeroCount: 0,
      offset: 613_377,
      counts: [1],
      count: 1,
      sum: 1.5,
      min: 1.5,
      max: 1.5,
    })
    for (let i = 0; i <= 160; i += 1) buckets.record(2 ** (i - 80))
    const { scale, offset, counts, count } = buckets.read()
    assert.deepEqual(
      { scale, offset, length: counts.length, count },
      {
        scale: -1,
        offset: -41,
        length: 81,
        count: 162,
      },
    )
  })

  it('never has more than 160 buckets', () => {
    fc.assert(
      fc.property(fc.array(ANY, { maxLength: 400 }), (values) => {
        const buckets = new ExponentialBuckets()
        for (const value of values) buckets.record(value)
        const { counts, zeroCount, count } = buckets.read()
        assert.ok(counts.length <= 160)
        assert.equal(
          counts.reduce((total, one) => total + one, zeroCount),
          count,
        )
      }),
    )
  })

  it('is empty and fine again after a reset', () => {
    const buckets = new ExponentialBuckets()
    for (const value of [0, 1e-9, 1e9]) buckets.record(value)
    buckets.reset()
    buckets.record(1.5)
    const { scale, counts, count, zeroCount } = buckets.read()
    assert.deepEqual(
      { scale, counts, count, zeroCount },
      {
        scale: 20,
        counts: [1],
        count: 1,
        zeroCount: 0,
      },
    )
  })
})
