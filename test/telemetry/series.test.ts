import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Instruments } from '../../src/telemetry/instruments.ts'
import type { MetricDefinition } from '../../src/telemetry/names.ts'
import { CounterFamily, HistogramFamily, SERIES_MAX } from '../../src/telemetry/series.ts'
import { renderPrometheus } from '../../src/telemetry/prometheus.ts'

const HISTOGRAM: MetricDefinition = {
  name: 'h',
  kind: 'histogram',
  unit: 's',
  description: '',
  attributes: ['a', 'b'],
  buckets: [1, 2, 5],
}
const COUNTER: MetricDefinition = { ...HISTOGRAM, name: 'c', kind: 'counter' }

describe('A histogram', () => {
  it('counts a value in the first bucket whose bound is not below it', () => {
    const family = new HistogramFamily(HISTOGRAM, () => assert.fail('no overflow'))
    for (const value of [0, 1, 1.01, 2, 5, 5.1, 100]) family.record(['x', ''], value)
    const [series, ...rest] = [...family.series()]
    assert.deepEqual(rest, [])
    assert.deepEqual(series?.values, ['x', ''])
    assert.deepEqual([...(series?.value.counts ?? [])], [2, 2, 1, 2])
    const { counts: _counts, ...others } = series?.value ?? {}
    assert.deepEqual(others, { sum: 114.11, count: 7, min: 0, max: 100 })
  })

  it('has a series for each combination of values', () => {
    const family = new HistogramFamily(HISTOGRAM, () => assert.fail('no overflow'))
    for (const values of [
      ['x', 'y'],
      ['xy', ''],
      ['', 'xy'],
      ['x', 'y'],
    ])
      family.record(values, 1)
    const counts = [...family.series()].map(({ values, value }) => [values?.join('|'), value.count])
    assert.deepEqual(counts, [
      ['x|y', 2],
      ['xy|', 1],
      ['|xy', 1],
    ])
  })

  it('keeps the values it was given, whatever happens to them later', () => {
    const family = new HistogramFamily(HISTOGRAM, () => {})
    const values = ['x', 'y']
    family.record(values, 1)
    values[0] = 'changed'
    assert.deepEqual([...family.series()][0]?.values, ['x', 'y'])
  })
})

describe('A counter', () => {
  it('exists from the first time it is named, even with nothing to count', () => {
    const family = new CounterFamily(COUNTER, () => {})
    assert.deepEqual([...family.series()], [])
    family.add(['x', ''], 0)
    family.add(['x', ''], 2)
    family.add(['x', ''], 1)
    assert.deepEqual([...family.series()], [{ values: ['x', ''], value: { total: 3 } }])
  })
})

describe('Too many series', () => {
  it('go to one overflow series, each hit being told', () => {
    assert.equal(SERIES_MAX, 2_000)
    let overflows = 0
    const family = new CounterFamily(COUNTER, () => {
      overflows += 1
    })
    for (let i = 0; i < 2_000; i += 1) family.add([String(i), ''], 1)
    assert.equal(overflows, 0)
    family.add(['new', ''], 5)
    family.add(['newer', ''], 6)
    family.add(['7', ''], 1)
    assert.equal(overflows, 2)
    const all = [...family.series()]
    assert.equal(all.length, 2_001)
    assert.deepEqual(all[7], { values: ['7', ''], value: { total: 2 } })
    assert.deepEqual(all.at(-1), { values: undefined, value: { total: 11 } })
  })
})

describe('The instruments', () => {
  it('show every limit before it is hit, the build and what is in flight', () => {
    let inFlight = 0
    const instruments = new Instruments({
      version: '1.2.3',
      inFlight: () => inFlight,
      sessions: () => [{ upstream: 'up', count: 3 }],
    })
    inFlight = 4
    instruments.limitHit('body')
    const lines = renderPrometheus(instruments.families)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    assert.deepEqual(lines, [
      'sidelight_exchanges_active 4',
      'sidelight_sessions_active{sidelight_upstream_name="up"} 3',
      'sidelight_limit_hits_total{sidelight_limit="body"} 1',
      'sidelight_limit_hits_total{sidelight_limit="bodies"} 0',
      'sidelight_limit_hits_total{sidelight_limit="headers"} 0',
      'sidelight_limit_hits_total{sidelight_limit="depth"} 0',
      'sidelight_limit_hits_total{sidelight_limit="batch"} 0',
      'sidelight_limit_hits_total{sidelight_limit="connections"} 0',
      'sidelight_limit_hits_total{sidelight_limit="streams"} 0',
      'sidelight_limit_hits_total{sidelight_limit="suspended_calls"} 0',
      'sidelight_limit_hits_total{sidelight_limit="request_timeout"} 0',
      'sidelight_limit_hits_total{sidelight_limit="sessions"} 0',
      'sidelight_limit_hits_total{sidelight_limit="processes"} 0',
      'sidelight_limit_hits_total{sidelight_limit="line"} 0',
      'sidelight_limit_hits_total{sidelight_limit="replay"} 0',
      'sidelight_limit_hits_total{sidelight_limit="label_values"} 0',
      'sidelight_limit_hits_total{sidelight_limit="metric_series"} 0',
      'sidelight_telemetry_dropped_total{sidelight_telemetry_signal="traces",sidelight_telemetry_drop_reason="queue_full"} 0',
      'sidelight_telemetry_dropped_total{sidelight_telemetry_signal="traces",sidelight_telemetry_drop_reason="export_failed"} 0',
      'sidelight_telemetry_dropped_total{sidelight_telemetry_signal="logs",sidelight_telemetry_drop_reason="queue_full"} 0',
      'sidelight_telemetry_dropped_total{sidelight_telemetry_signal="logs",sidelight_telemetry_drop_reason="export_failed"} 0',
      'sidelight_build_info{sidelight_version="1.2.3"} 1',
    ])
  })

  it('count processes, sessions and lines by how they ended', () => {
    const instruments = new Instruments({ version: '1', inFlight: () => 0, sessions: () => [] })
    instruments.processStarted('up')
    instruments.processStarted('up')
    instruments.processEnded('up', 'crashed')
    instruments.sessionEnded('up', 'idle')
    instruments.lineDropped('up', 'noise')
    const lines = renderPrometheus(instruments.families)
      .split('\n')
      .filter((line) => /^sidelight_(sessions|processes|stdio)/.test(line))
    assert.deepEqual(lines, [
      'sidelight_sessions_ended_total{sidelight_upstream_name="up",sidelight_session_end="idle"} 1',
      'sidelight_processes_active{sidelight_upstream_name="up"} 1',
      'sidelight_processes_ended_total{sidelight_upstream_name="up",sidelight_process_end="crashed"} 1',
      'sidelight_stdio_lines_dropped_total{sidelight_upstream_name="up",sidelight_stdio_drop_reason="noise"} 1',
    ])
  })

  it('count a full family as a limit that was hit', () => {
    const instruments = new Instruments({ version: '1', inFlight: () => 0, sessions: () => [] })
    for (let i = 0; i < 2_001; i += 1) instruments.calls.add([String(i), '', '', ''], 1)
    const text = renderPrometheus(instruments.families)
    assert.match(text, /sidelight_limit_hits_total\{sidelight_limit="metric_series"\} 1\n/)
  })
})
