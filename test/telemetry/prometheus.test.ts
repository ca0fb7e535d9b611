import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { MetricDefinition } from '../../src/telemetry/names.ts'
import { renderPrometheus } from '../../src/telemetry/prometheus.ts'
import {
  CounterFamily,
  GaugeFamily,
  HistogramFamily,
  SERIES_MAX,
} from '../../src/telemetry/series.ts'

const define = (given: Partial<MetricDefinition>): MetricDefinition => ({
  name: 'a.b',
  kind: 'counter',
  unit: '{x}',
  description: 'What it is.',
  attributes: ['one.name', 'two'],
  ...given,
})

describe('The text for Prometheus', () => {
  it('is this for a small example', () => {
    const histogram = new HistogramFamily(
      define({ name: 'op.duration', kind: 'histogram', unit: 's', buckets: [0.01, 1, 2.5] }),
      () => {},
    )
    histogram.record(['x', ''], 0.005)
    histogram.record(['x', ''], 1)
    histogram.record(['x', ''], 99)
    const counter = new CounterFamily(define({ unit: 'By', description: 'a\\b\nc' }), () => {})
    counter.add(['quo"te', 'back\\slash\nline'], 1.5)
    counter.add(['', ''], 0)
    const gauge = new GaugeFamily(define({ name: 'g', kind: 'gauge', attributes: [] }), () => [
      { values: [], value: -1 },
    ])
    assert.equal(
      renderPrometheus([histogram, counter, gauge]),
      `# HELP op_duration_seconds What it is.
# TYPE op_duration_seconds histogram
op_duration_seconds_bucket{one_name="x",le="0.01"} 1
op_duration_seconds_bucket{one_name="x",le="1"} 2
op_duration_seconds_bucket{one_name="x",le="2.5"} 2
op_duration_seconds_bucket{one_name="x",le="+Inf"} 3
op_duration_seconds_sum{one_name="x"} 100.005
op_duration_seconds_count{one_name="x"} 3
# HELP a_b_bytes_total a\\\\b\\nc
# TYPE a_b_bytes_total counter
a_b_bytes_total{one_name="quo\\"te",two="back\\\\slash\\nline"} 1.5
a_b_bytes_total 0
# HELP g What it is.
# TYPE g gauge
g -1
`,
    )
  })

  it('has a histogram without attributes in braces of its own', () => {
    const definition = define({ kind: 'histogram', unit: 's', attributes: [], buckets: [1] })
    const histogram = new HistogramFamily(definition, () => {})
    histogram.record([], 0.5)
    const lines = renderPrometheus([histogram]).split('\n').slice(2, -1)
    assert.deepEqual(lines, [
      'a_b_seconds_bucket{le="1"} 1',
      'a_b_seconds_bucket{le="+Inf"} 1',
      'a_b_seconds_sum 0.5',
      'a_b_seconds_count 1',
    ])
  })

  it('marks the overflow series', () => {
    const counter = new CounterFamily(define({}), () => {})
    for (let i = 0; i <= SERIES_MAX; i += 1) counter.add([String(i), ''], 1)
    const last = renderPrometheus([counter]).trimEnd().split('\n').at(-1)
    assert.equal(last, 'a_b_total{otel_metric_overflow="true"} 1')
  })

  it('describes a metric that has no series yet', () => {
    const counter = new CounterFamily(define({}), () => {})
    assert.equal(
      renderPrometheus([counter]),
      '# HELP a_b_total What it is.\n# TYPE a_b_total counter\n',
    )
  })
})
