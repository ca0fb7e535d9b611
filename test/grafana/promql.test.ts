/** What dashboards write in PromQL, evaluated by promtool: of buckets, of native histograms, of nothing. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { stringify } from 'yaml'
import { countRate, orZero, quantile, ratio } from '../../grafana/src/dashboards/promql.ts'
import { runTool, skipWithout } from '../support/monitoring-tools.ts'

interface Case {
  readonly series: readonly (readonly [series: string, values: string])[]
  readonly expr: string
  /** The one value, or undefined for nothing. */
  readonly value: number | undefined
}

/** Ten calls a minute between 1 and 2 s, for ten minutes. */
const CLASSIC = [
  ['h_bucket{le="1"}', '0+0x10'],
  ['h_bucket{le="2"}', '0+10x10'],
  ['h_bucket{le="+Inf"}', '0+10x10'],
  ['h_count', '0+10x10'],
] as const

/** The same as a native histogram; its schema 0 has a bucket from 1 to 2. */
const NATIVE = [
  ['h', '{{schema:0 sum:0 count:0 buckets:[0 0]}}+{{schema:0 sum:15 count:10 buckets:[0 10]}}x10'],
] as const

function evaluate(cases: readonly Case[]): void {
  const directory = mkdtempSync(join(tmpdir(), 'sidelight-promql-'))
  try {
    const tests = cases.map(({ series, expr, value }) => ({
      interval: '1m',
      input_series: series.map(([name, values]) => ({ series: name, values })),
      promql_expr_test: [
        {
          expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('{}', ''),
          eval_time: '10m',
          exp_samples: value === undefined ? [] : [{ labels: '{}', value }],
        },
      ],
    }))
    writeFileSync(join(directory, 'test.yaml'), stringify({ fuzzy_compare: true, tests }))
    const { ok, text } = runTool('promtool', ['test', 'rules', 'test.yaml'], directory)
    assert.ok(ok, text)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

describe('PromQL of dashboards', { skip: skipWithout('promtool') }, () => {
  it('finds a quantile in buckets and in native histograms alike', () => {
    evaluate([
      { series: CLASSIC, expr: quantile(0.5, 'h', '', []), value: 1.5 },
      // Between bounds of a native histogram values are taken to lie exponentially: the root of 2.
      { series: NATIVE, expr: quantile(0.5, 'h', '', []), value: Math.SQRT2 },
      { series: [], expr: quantile(0.5, 'h', '', []), value: undefined },
    ])
  })

  it('counts calls of either form once', () => {
    evaluate([
      { series: CLASSIC, expr: countRate('h', '', []), value: 10 / 60 },
      { series: NATIVE, expr: countRate('h', '', []), value: 10 / 60 },
    ])
  })

  it('divides by nothing without an answer, and takes no failures for none', () => {
    const idle = [['calls', '0x10']] as const
    const busy = [['calls', '0+60x10']] as const
    const calls = 'sum(rate(calls[5m]))'
    const failed = 'sum(rate(failed[5m]))'
    evaluate([
      { series: idle, expr: ratio(orZero(failed, calls), calls), value: undefined },
      { series: busy, expr: ratio(orZero(failed, calls), calls), value: 0 },
      {
        series: [...busy, ['failed', '0+15x10']],
        expr: ratio(orZero(failed, calls), calls),
        value: 0.25,
      },
    ])
  })
})
