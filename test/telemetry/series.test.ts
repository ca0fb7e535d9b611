import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LIMIT_NAMES } from '../../src/core/limits.ts'
import { Instruments, type InstrumentSources } from '../../src/telemetry/instruments.ts'
import type { MetricDefinition } from '../../src/telemetry/names.ts'
import { renderMetrics } from '../../src/telemetry/prometheus.ts'
import { CounterFamily, HistogramFamily } from '../../src/telemetry/series.ts'
import {
  EXEMPLARS_MAX,
  SERIES_MAX,
  TOTAL_SERIES_MAX,
  UPSTREAM_SERIES_MAX,
} from '../../src/telemetry/series-limits.ts'
import { seriesSettings, textOf } from '../support/series-settings.ts'

const HISTOGRAM: MetricDefinition = {
  name: 'h',
  kind: 'histogram',
  unit: 's',
  description: '',
  attributes: ['a', 'b'],
  buckets: [1, 2, 5],
}
const COUNTER: MetricDefinition = { ...HISTOGRAM, name: 'c', kind: 'counter' }
const OF_UPSTREAM: MetricDefinition = {
  ...COUNTER,
  attributes: ['a', 'sidelight.upstream.name'],
}

describe('A histogram', () => {
  it('counts a value in the first bucket whose bound is not below it', () => {
    const family = new HistogramFamily(HISTOGRAM, seriesSettings())
    for (const value of [0, 1, 1.01, 2, 5, 5.1, 100]) family.record(['x', ''], value)
    const [series, ...rest] = [...family.series()]
    assert.deepEqual(rest, [])
    assert.deepEqual(series?.values, ['x', ''])
    assert.deepEqual(series?.read(), {
      counts: [2, 2, 1, 2],
      sum: 114.11,
      count: 7,
      min: 0,
      max: 100,
    })
  })

  it('ignores what is no measurement', () => {
    const family = new HistogramFamily(HISTOGRAM, seriesSettings())
    for (const value of [NaN, Infinity, -Infinity, -1]) family.record(['x', ''], value)
    const read = [...family.series()][0]?.read()
    assert.deepEqual(read, {
      counts: [0, 0, 0, 0],
      sum: 0,
      count: 0,
      min: Infinity,
      max: -Infinity,
    })
  })

  it('has a series for each combination of values', () => {
    const family = new HistogramFamily(HISTOGRAM, seriesSettings())
    for (const values of [
      ['x', 'y'],
      ['xy', ''],
      ['', 'xy'],
      ['x', 'y'],
    ])
      family.record(values, 1)
    const counts = [...family.series()].map((one) => [one.values?.join('|'), one.read().count])
    assert.deepEqual(counts, [
      ['x|y', 2],
      ['xy|', 1],
      ['|xy', 1],
    ])
  })

  it('keeps the values it was given, whatever happens to them later', () => {
    const family = new HistogramFamily(HISTOGRAM, seriesSettings())
    const values = ['x', 'y']
    family.record(values, 1)
    values[0] = 'changed'
    assert.deepEqual([...family.series()][0]?.values, ['x', 'y'])
  })

  it('keeps many series apart, though they share memory', () => {
    const family = new HistogramFamily(HISTOGRAM, seriesSettings())
    const handles = Array.from({ length: 300 }, (_, i) => family.bind([String(i), '']))
    for (const [i, handle] of handles.entries()) for (let n = 0; n <= i; n += 1) handle.record(1.5)
    for (const [i, handle] of handles.entries()) {
      const read = handle.read()
      assert.deepEqual(read.counts, [0, i + 1, 0, 0])
      assert.deepEqual([read.min, read.max], [1.5, 1.5])
    }
  })

  it('gives the same handle for the same values', () => {
    const family = new HistogramFamily(HISTOGRAM, seriesSettings())
    const handle = family.bind(['x', 'y'])
    for (let i = 0; i < 20; i += 1) family.bind([String(i), ''])
    assert.equal(family.bind(['x', 'y']), handle)
    handle.record(1)
    family.record(['x', 'y'], 1)
    assert.equal(handle.read().count, 2)
  })
})

const span = (traceId: string, sampled = true): Parameters<HistogramFamily['record']>[2] => ({
  sampled,
  context: { traceId, spanId: `${traceId}s` },
  endMs: 1_000,
})

describe('An exemplar', () => {
  it('is the last sampled span of its bucket', () => {
    const series = new HistogramFamily(HISTOGRAM, seriesSettings()).bind(['x', ''])
    series.record(0.5, span('one'))
    series.record(4, span('two'))
    series.record(0.7, span('three'))
    series.record(0.8, span('unsampled', false))
    series.record(0.9)
    const exemplars = [0, 1, 2, 3].map((bucket) => series.exemplar(bucket))
    assert.deepEqual(exemplars, [
      { value: 0.7, epochMs: 1_000, traceId: 'three', spanId: 'threes' },
      undefined,
      { value: 4, epochMs: 1_000, traceId: 'two', spanId: 'twos' },
      undefined,
    ])
  })

  it('is kept only when exemplars are wanted', () => {
    const family = new HistogramFamily(HISTOGRAM, seriesSettings({ exemplars: false }))
    const series = family.bind(['x', ''])
    series.record(0.5, span('one'))
    assert.equal(series.exemplar(0), undefined)
  })

  it('finds no room beyond the limit, which is told; those that are there still change', () => {
    assert.equal(EXEMPLARS_MAX, 10_000)
    const hits: string[] = []
    const settings = seriesSettings({}, (limit) => void hits.push(limit))
    const families = [0, 1, 2, 3, 4, 5].map(() => new HistogramFamily(HISTOGRAM, settings))
    for (const family of families) {
      for (let i = 0; i < 500; i += 1) {
        for (const value of [0.5, 1.5, 4, 9]) family.record([String(i), ''], value, span('one'))
      }
    }
    assert.equal(hits.length, 2_000)
    assert.deepEqual(new Set(hits), new Set(['metric_exemplars']))
    const first = families[0]?.bind(['0', ''])
    first?.record(0.6, span('two'))
    assert.equal(first?.exemplar(0)?.traceId, 'two')
    assert.equal(families[5]?.bind(['499', '']).exemplar(3), undefined)
  })
})

describe('A counter', () => {
  it('exists from the first time it is named, even with nothing to count', () => {
    const family = new CounterFamily(COUNTER, seriesSettings())
    assert.deepEqual([...family.series()], [])
    family.add(['x', ''], 0)
    family.add(['x', ''], 2)
    family.bind(['x', '']).add(1)
    const series = [...family.series()].map(({ values, total }) => ({ values, total }))
    assert.deepEqual(series, [{ values: ['x', ''], total: 3 }])
  })
})

describe('Too many series', () => {
  it('of a family go to one overflow series, each hit being told', () => {
    assert.equal(SERIES_MAX, 2_000)
    const hits: string[] = []
    const family = new CounterFamily(
      COUNTER,
      seriesSettings({}, (limit) => void hits.push(limit)),
    )
    for (let i = 0; i < 2_000; i += 1) family.add([String(i), ''], 1)
    assert.deepEqual(hits, [])
    family.add(['new', ''], 5)
    family.add(['newer', ''], 6)
    family.add(['7', ''], 1)
    assert.deepEqual(hits, ['metric_series', 'metric_series'])
    const all = [...family.series()].map(({ values, total }) => ({ values, total }))
    assert.equal(all.length, 2_001)
    assert.deepEqual(all[7], { values: ['7', ''], total: 2 })
    assert.deepEqual(all.at(-1), { values: undefined, total: 11 })
  })

  it('of one upstream leave room for the others', () => {
    assert.equal(UPSTREAM_SERIES_MAX, 4_000)
    const hits: string[] = []
    const settings = seriesSettings({}, (limit) => void hits.push(limit))
    const families = [0, 1, 2].map(() => new CounterFamily(OF_UPSTREAM, settings))
    for (const family of families) {
      for (let i = 0; i < 1_500; i += 1) family.add([String(i), 'noisy'], 1)
    }
    assert.equal(hits.length, 500)
    assert.deepEqual(new Set(hits), new Set(['metric_series_upstream']))
    families[2]?.add(['1', 'quiet'], 1)
    assert.equal(hits.length, 500)
    assert.deepEqual(
      families.map((family) => [...family.series()].length),
      [1_500, 1_500, 1_002],
    )
  })

  it('in all go to the overflow series of their family', () => {
    assert.equal(TOTAL_SERIES_MAX, 20_000)
    const hits: string[] = []
    const settings = seriesSettings({}, (limit) => void hits.push(limit))
    const families = Array.from({ length: 11 }, () => new CounterFamily(COUNTER, settings))
    for (const family of families) {
      for (let i = 0; i < 1_900; i += 1) family.add([String(i), ''], 1)
    }
    assert.equal(hits.length, 900)
    assert.deepEqual(new Set(hits), new Set(['metric_series_total']))
    assert.equal([...(families[10]?.series() ?? [])].at(-1)?.total, 900)
  })
})

const SOURCES: InstrumentSources = {
  version: '1',
  inFlight: () => new Map(),
  sessions: () => [],
  health: () => [],
  methods: new Set(),
  revisions: new Set(['2025-06-18']),
  target: () => ({ upstreamName: 'up', carrier: 'pipe', address: undefined, port: undefined }),
}

describe('The instruments', () => {
  it('show every limit before it is hit, the build and what is in flight', () => {
    const inFlight = new Map<string, number>()
    const instruments = new Instruments({
      ...SOURCES,
      version: '1.2.3',
      inFlight: () => inFlight,
      sessions: () => [{ upstream: 'up', count: 3 }],
      health: () => [],
    })
    inFlight.set('up', 4)
    instruments.limitHit('body')
    const lines = textOf(renderMetrics(instruments.families, 'text')).split('\n')
    for (const line of [
      'sidelight_exchanges_active{sidelight_upstream_name="up"} 4',
      'sidelight_sessions_active{sidelight_upstream_name="up"} 3',
      'sidelight_limit_hits_total{sidelight_limit="body"} 1',
      'sidelight_limit_hits_total{sidelight_limit="bodies"} 0',
      'sidelight_limit_hits_total{sidelight_limit="metric_series"} 0',
      'sidelight_limit_hits_total{sidelight_limit="scrapes"} 0',
      'sidelight_limit_hits_total{sidelight_limit="subscribers"} 0',
      'sidelight_telemetry_dropped_total{sidelight_telemetry_signal="traces",sidelight_telemetry_drop_reason="queue_full"} 0',
      'sidelight_telemetry_dropped_total{sidelight_telemetry_signal="logs",sidelight_telemetry_drop_reason="export_failed"} 0',
      'sidelight_config_reloads_total{sidelight_config_reload_outcome="invalid"} 0',
      'sidelight_build_info{sidelight_version="1.2.3"} 1',
    ]) {
      assert.ok(lines.includes(line), line)
    }
    const limits = lines.filter((line) => line.startsWith('sidelight_limit_hits_total{'))
    assert.equal(limits.length, LIMIT_NAMES.length)
  })

  it('count processes, sessions and lines by how they ended', () => {
    const instruments = new Instruments(SOURCES)
    instruments.processStarted('up')
    instruments.processStarted('up')
    instruments.processEnded('up', 'crashed')
    instruments.sessionEnded('up', 'idle', undefined)
    instruments.lineDropped('up', 'noise')
    const lines = textOf(renderMetrics(instruments.families, 'text'))
      .split('\n')
      .filter((line) => /^sidelight_(sessions|processes|stdio)/.test(line))
    assert.deepEqual(lines, [
      'sidelight_sessions_ended_total{sidelight_upstream_name="up",sidelight_session_end="idle"} 1',
      'sidelight_processes_active{sidelight_upstream_name="up"} 1',
      'sidelight_processes_ended_total{sidelight_upstream_name="up",sidelight_process_end="crashed"} 1',
      'sidelight_stdio_lines_dropped_total{sidelight_upstream_name="up",sidelight_stdio_drop_reason="noise"} 1',
    ])
  })

  it('show what an alert on an upstream is about before anything happened', () => {
    const instruments = new Instruments(SOURCES)
    instruments.expectUpstream('web', false)
    instruments.expectUpstream('program', true)
    const lines = textOf(renderMetrics(instruments.families, 'text')).split('\n')
    for (const line of [
      'sidelight_calls_total{sidelight_upstream_name="web",mcp_method_name="tools/call",sidelight_outcome="ok"} 0',
      'sidelight_calls_total{sidelight_upstream_name="web",mcp_method_name="tools/call",sidelight_outcome="upstream_failed",sidelight_outcome_reason="timeout"} 0',
      'sidelight_sessions_ended_total{sidelight_upstream_name="web",sidelight_session_end="lost"} 0',
      'sidelight_processes_active{sidelight_upstream_name="program"} 0',
      'sidelight_processes_ended_total{sidelight_upstream_name="program",sidelight_process_end="crashed"} 0',
      'sidelight_processes_restarts_total{sidelight_upstream_name="program"} 0',
    ]) {
      assert.ok(lines.includes(line), line)
    }
    assert.ok(!lines.some((line) => /^sidelight_(processes|stdio).*"web"/.test(line)))
  })

  it('leave room for what happens when there are very many upstreams', () => {
    const instruments = new Instruments(SOURCES)
    for (let i = 0; i < 500; i += 1) instruments.expectUpstream(`up${i}`, true)
    assert.equal([...instruments.calls.series()].length, 50 * 13)
  })

  it('count a full family as a limit that was hit', () => {
    const instruments = new Instruments(SOURCES)
    for (let i = 0; i < 2_001; i += 1) instruments.calls.add([String(i), '', '', ''], 1)
    const text = textOf(renderMetrics(instruments.families, 'text'))
    assert.match(text, /sidelight_limit_hits_total\{sidelight_limit="metric_series"\} 1\n/)
  })
})
