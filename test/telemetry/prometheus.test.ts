import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { MetricDefinition } from '../../src/telemetry/names.ts'
import { prometheusName, prometheusUnit, renderMetrics } from '../../src/telemetry/prometheus.ts'
import { CounterFamily, GaugeFamily, HistogramFamily } from '../../src/telemetry/series.ts'
import { SERIES_MAX } from '../../src/telemetry/series-limits.ts'
import { parseExposition } from '../support/exposition.ts'
import { seriesSettings, textOf } from '../support/series-settings.ts'

const define = (given: Partial<MetricDefinition>): MetricDefinition => ({
  name: 'a.b',
  kind: 'counter',
  unit: '{x}',
  description: 'What it is.',
  attributes: ['one.name', 'two'],
  ...given,
})

function example(): (HistogramFamily | CounterFamily | GaugeFamily)[] {
  const histogram = new HistogramFamily(
    define({ name: 'op.duration', kind: 'histogram', unit: 's', buckets: [0.01, 1, 2.5] }),
    seriesSettings(),
  )
  histogram.record(['x', ''], 0.005)
  histogram.record(['x', ''], 1, {
    sampled: true,
    context: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' },
    endMs: 1_790_000_000_123.4,
  })
  histogram.record(['x', ''], 99)
  const counter = new CounterFamily(
    define({ unit: 'By', description: 'a\\b\nc "d"' }),
    seriesSettings(),
  )
  counter.add(['quo"te', 'back\\slash\nline'], 1.5)
  counter.add(['', ''], 0)
  const gauge = new GaugeFamily(
    define({ name: 'g', kind: 'gauge', unit: '1', attributes: [] }),
    () => [{ values: [], value: -1 }],
  )
  const falling = new GaugeFamily(
    define({ name: 'u', kind: 'updowncounter', unit: '1', attributes: [] }),
    () => [{ values: [], value: Infinity }],
  )
  return [histogram, counter, gauge, falling]
}

describe('The text for Prometheus', () => {
  it('is this for a small example', () => {
    assert.equal(
      textOf(renderMetrics(example(), 'text')),
      `# HELP op_duration_seconds What it is.
# TYPE op_duration_seconds histogram
op_duration_seconds_bucket{one_name="x",le="0.01"} 1
op_duration_seconds_bucket{one_name="x",le="1"} 2
op_duration_seconds_bucket{one_name="x",le="2.5"} 2
op_duration_seconds_bucket{one_name="x",le="+Inf"} 3
op_duration_seconds_sum{one_name="x"} 100.005
op_duration_seconds_count{one_name="x"} 3
# HELP a_b_bytes_total a\\\\b\\nc "d"
# TYPE a_b_bytes_total counter
a_b_bytes_total{one_name="quo\\"te",two="back\\\\slash\\nline"} 1.5
a_b_bytes_total 0
# HELP g_ratio What it is.
# TYPE g_ratio gauge
g_ratio -1
# HELP u What it is.
# TYPE u gauge
u +Inf
`,
    )
  })

  it('has a histogram without attributes in braces of its own', () => {
    const definition = define({ kind: 'histogram', unit: 's', attributes: [], buckets: [1] })
    const histogram = new HistogramFamily(definition, seriesSettings())
    histogram.record([], 0.5)
    const lines = textOf(renderMetrics([histogram], 'text'))
      .split('\n')
      .slice(2, -1)
    assert.deepEqual(lines, [
      'a_b_seconds_bucket{le="1"} 1',
      'a_b_seconds_bucket{le="+Inf"} 1',
      'a_b_seconds_sum 0.5',
      'a_b_seconds_count 1',
    ])
  })

  it('marks the overflow series', () => {
    const counter = new CounterFamily(
      define({}),
      seriesSettings({}, () => {}),
    )
    for (let i = 0; i <= SERIES_MAX; i += 1) counter.add([String(i), ''], 1)
    const last = textOf(renderMetrics([counter], 'text'))
      .trimEnd()
      .split('\n')
      .at(-1)
    assert.equal(last, 'a_b_total{otel_metric_overflow="true"} 1')
  })

  it('describes a metric that has no series yet', () => {
    const counter = new CounterFamily(define({}), seriesSettings())
    assert.equal(
      textOf(renderMetrics([counter], 'text')),
      '# HELP a_b_total What it is.\n# TYPE a_b_total counter\n',
    )
  })

  it('shows a resource attribute that begins with a digit as Prometheus names it', () => {
    const text = [...renderMetrics([], 'text', { '3d.zone': 'x' })].join('')
    assert.equal(
      text,
      '# HELP target_info What this process is: the resource of its telemetry.\n# TYPE target_info gauge\ntarget_info{key_3d_zone="x"} 1\n',
    )
  })

  it('shows the resource as target_info, attributes that become one label together', () => {
    const resource = { 'service.name': 'sidelight', 'a.b': '1', a_b: '2' }
    assert.equal(
      textOf(renderMetrics([], 'text', resource)),
      '# HELP target_info What this process is: the resource of its telemetry.\n# TYPE target_info gauge\ntarget_info{service_name="sidelight",a_b="1;2"} 1\n',
    )
    assert.equal(
      textOf(renderMetrics([], 'openmetrics', resource)),
      '# HELP target What this process is: the resource of its telemetry.\n# TYPE target info\ntarget_info{service_name="sidelight",a_b="1;2"} 1\n# EOF\n',
    )
  })
})

describe('OpenMetrics', () => {
  it('is this for a small example', () => {
    assert.equal(
      textOf(renderMetrics(example(), 'openmetrics')),
      `# HELP op_duration_seconds What it is.
# TYPE op_duration_seconds histogram
# UNIT op_duration_seconds seconds
op_duration_seconds_bucket{one_name="x",le="0.01"} 1
op_duration_seconds_bucket{one_name="x",le="1.0"} 2 # {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"} 1 1790000000.123
op_duration_seconds_bucket{one_name="x",le="2.5"} 2
op_duration_seconds_bucket{one_name="x",le="+Inf"} 3
op_duration_seconds_sum{one_name="x"} 100.005
op_duration_seconds_count{one_name="x"} 3
# HELP a_b_bytes a\\\\b\\nc \\"d\\"
# TYPE a_b_bytes counter
# UNIT a_b_bytes bytes
a_b_bytes_total{one_name="quo\\"te",two="back\\\\slash\\nline"} 1.5
a_b_bytes_total 0
# HELP g_ratio What it is.
# TYPE g_ratio gauge
# UNIT g_ratio ratio
g_ratio -1
# HELP u What it is.
# TYPE u gauge
u +Inf
# EOF
`,
    )
  })
})

describe('Both formats', () => {
  const value = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.constantFrom('', '"', '\\', '\n', '\\n', 'a"b\\c\nd', '}', '{le="1"} 2', '# EOF', ' # {'),
  )
  const duration = fc.double({ min: 0, max: 1e9, noNaN: true })
  const records = fc.array(fc.tuple(value, value, duration, fc.boolean()), { maxLength: 60 })

  for (const format of ['text', 'openmetrics'] as const) {
    it(`are read back to what was recorded, whatever the values: ${format}`, () => {
      fc.assert(
        fc.property(records, (rows) => {
          const histogram = new HistogramFamily(
            define({ name: 'h', kind: 'histogram', unit: 's', buckets: [0.01, 1, 60, 1000] }),
            seriesSettings(),
          )
          const counter = new CounterFamily(define({ name: 'c' }), seriesSettings())
          const counts = new Map<string, number>()
          for (const [one, two, seconds, sampled] of rows) {
            const context = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }
            histogram.record([one, two], seconds, { sampled, context, endMs: 1e12 })
            counter.add([one, two], 1)
            const key = JSON.stringify([one, two])
            counts.set(key, (counts.get(key) ?? 0) + 1)
          }
          const families = parseExposition(
            textOf(renderMetrics([histogram, counter], format)),
            format,
          )
          const found = (name: string): Map<string, number> =>
            new Map(
              families
                .flatMap(({ samples }) => samples)
                .filter((sample) => sample.name === name)
                .map(({ labels, value: count }) => [
                  JSON.stringify([labels['one_name'] ?? '', labels['two'] ?? '']),
                  count,
                ]),
            )
          assert.deepEqual(found('c_total'), counts)
          assert.deepEqual(found('h_seconds_count'), counts)
        }),
        { numRuns: 200 },
      )
    })
  }

  it('come in slices that are cut between series and together are the whole', () => {
    const histogram = new HistogramFamily(
      define({ kind: 'histogram', unit: 's', buckets: [1, 2, 5] }),
      seriesSettings(),
    )
    for (let i = 0; i < 1_500; i += 1) histogram.record([String(i), 'x'.repeat(40)], i)
    const slices = [...renderMetrics([histogram], 'openmetrics')]
    assert.ok(slices.length >= 8, String(slices.length))
    for (const slice of slices) {
      assert.ok(slice.length < 70_000, String(slice.length))
      assert.ok(slice.endsWith('\n'))
    }
    const [family] = parseExposition(slices.join(''), 'openmetrics')
    assert.equal(family?.samples.length, 1_500 * 6)
  })
})

describe('Names in Prometheus', () => {
  const rows: readonly (readonly [Partial<MetricDefinition>, string, string])[] = [
    [{ name: 'x.duration', kind: 'histogram', unit: 's' }, 'x_duration_seconds', 'seconds'],
    [{ name: 'x.size', kind: 'histogram', unit: 'By' }, 'x_size_bytes', 'bytes'],
    [{ name: 'x.calls', kind: 'counter', unit: '{call}' }, 'x_calls_total', ''],
    [{ name: 'x.total', kind: 'counter', unit: '{call}' }, 'x_total', ''],
    [{ name: 'x.time', kind: 'counter', unit: 's' }, 'x_time_seconds_total', 'seconds'],
    [{ name: 'x.up', kind: 'gauge', unit: '1' }, 'x_up_ratio', 'ratio'],
    [{ name: 'x.status', kind: 'updowncounter', unit: '1' }, 'x_status', ''],
    [{ name: 'x.seconds', kind: 'gauge', unit: 's' }, 'x_seconds', 'seconds'],
    [{ name: 'x.snake_case', kind: 'gauge', unit: '%' }, 'x_snake_case_percent', 'percent'],
  ]
  for (const [definition, name, unit] of rows) {
    it(`are those that Prometheus gives what comes by OTLP: ${name}`, () => {
      assert.equal(prometheusName(define(definition)), name)
      assert.equal(prometheusUnit(define(definition)), unit)
    })
  }
})
