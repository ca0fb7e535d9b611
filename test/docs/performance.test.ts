/** The goals of docs/performance.md: none is dropped or made easier because it is missed. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { barChart, lineChart } from '../../scripts/charts.ts'
import { busyText, conditionsText, shapesText } from '../../scripts/performance-conditions.ts'
import { goalRows } from '../../scripts/performance-goals.ts'
import { readCalls, type CallsResult } from '../../scripts/performance-result.ts'

describe('the goals of performance', () => {
  it('are these, whether they are met or missed', () => {
    assert.deepEqual(
      goalRows().map(({ text, limit }) => [
        text.replace(/of [\d.]+ minutes/, 'of N minutes'),
        limit,
      ]),
      [
        [
          'CPU per call, everything on, 1 in 10 traced, in relation to the raw undici pipe',
          'at most 1.35 ×',
        ],
        [
          'CPU per call, bare (telemetry off), in relation to the raw undici pipe',
          'at most 1.15 ×',
        ],
        [
          'CPU per call, everything on, all traced, in relation to the raw undici pipe',
          'at most 1.6 ×',
        ],
        ['CPU per call, the dearest of these, in relation to the node:http pipe', 'at most 1 ×'],
        [
          'calls/s at saturation, everything on, 1 in 10 traced, in relation to the raw undici pipe',
          'at least 0.75 ×',
        ],
        [
          'calls/s at saturation, everything on, 1 in 10 traced, in relation to mcp-proxy (a server over pipes behind HTTP)',
          'at least 5 ×',
        ],
        [
          'calls/s at saturation, everything on, 1 in 10 traced, in relation to supergateway (a server over pipes behind HTTP)',
          'at least 5 ×',
        ],
        [
          '500 calls/s over 32 of 1,000 open sessions: added p50, everything on, 1 in 10 traced',
          'at most 0.5 ms',
        ],
        [
          '500 calls/s over 32 of 1,000 open sessions: added p99 in relation to that of the raw undici pipe',
          'at most 1.5 ×',
        ],
        [
          'results of 1 MB: CPU per call, everything on, 1 in 10 traced, in relation to the raw undici pipe',
          'at most 1.5 ×',
        ],
        ['results of 1 MB: p99 of the delay of the event loop', 'at most 10 ms'],
        ['resident memory with 1,000 open sessions and streams, everything on', 'at most 170 MB'],
        [
          'growth of the heap after collections, after the warm-up of N minutes of churn',
          'at most 3 MB',
        ],
        ['resident memory when idle, the larger of image and npm', 'at most 75 MB'],
        ['from the start until it listens, the larger of image and npm', 'at most 400 ms'],
        ['CPU per call with 1,000 connections in relation to 32', 'at most 1.15 ×'],
      ],
    )
  })

  it('are judged by what is shown', () => {
    for (const { limit, measured, verdict } of goalRows()) {
      if (verdict === 'not measured') continue
      const [, direction, bound] = /^at (most|least) ([\d.]+) /.exec(limit) ?? []
      const holds =
        direction === 'most'
          ? Number.parseFloat(measured) <= Number(bound)
          : Number.parseFloat(measured) >= Number(bound)
      assert.equal(verdict, holds ? 'met' : 'missed', `${measured}, ${limit}`)
    }
  })
})

describe('what is said of the conditions of a run', () => {
  it('is that other programs were busy when they were, and nothing of it when they were not', () => {
    assert.deepEqual(busyText(resultOf({ one: { foreignCores: 0.25 } }), 'one'), [])
    assert.deepEqual(busyText(resultOf({ one: { foreignCores: null } }), 'one'), [])
    assert.deepEqual(busyText(resultOf({ one: { foreignCores: 0.9 } }), 'one'), [
      'Other programs kept 0.9 of the 2 cores busy meanwhile: every level is too high, and the ratios are worse than those of a quiet machine.',
    ])
  })

  it('names shapes that were disturbed, those of another commit or day, and those that are missing', () => {
    const result = resultOf({
      one: {},
      two: { foreignCores: 1.2 },
      three: { commit: 'def' },
      four: { endedAt: '2026-12-02T10:00:00.000Z' },
    })
    assert.deepEqual(shapesText({ ...result, missing: ['five'] }, 'one'), [
      'Disturbed by other programs, with the cores that these kept busy: `two` (1.2).',
      'Of another day or commit: `three` (2026-12-01, def), `four` (2026-12-02, abc).',
      'Not measured: `five`.',
    ])
    assert.deepEqual(shapesText(resultOf({ one: {}, two: {} }), 'one'), [])
  })

  it('is how the shape itself was measured, not the last shape of the run', () => {
    const warmUpCalls = { bare: 30_000, direct: 29_000 }
    const content = resultOf({ one: { rounds: 9, starts: 3, warmUpCalls }, two: {} })
    assert.match(
      conditionsText({ file: 'bench/results/x.json', content }, 'one'),
      /commit abc; 9 rounds of 1\.2 s after at least 29000 calls of warm-up in each of 3 starts, load by wrk, .*\nload average 0\.2 before and 0\.9 after\.$/,
    )
  })
})

type Conditions = NonNullable<CallsResult['shapes'][number]['conditions']>

/** The recorded run with shapes of these names in place of its own. */
function resultOf(shapes: Readonly<Record<string, Partial<Conditions>>>): CallsResult {
  const load = (oneMinute: number): Conditions['loadAverage']['before'] => ({
    oneMinute,
    fiveMinutes: 0,
    fifteenMinutes: 0,
  })
  const usual: Conditions = {
    startedAt: '2026-12-01T10:00:00.000Z',
    endedAt: '2026-12-01T10:01:00.000Z',
    commit: 'abc',
    rounds: 5,
    starts: 1,
    seconds: 1.2,
    warmUpCalls: {},
    loadAverage: { before: load(0.2), after: load(0.9) },
    foreignCores: 0,
  }
  const { content } = readCalls()
  return {
    ...content,
    machine: { ...content.machine, cores: 2 },
    options: { ...content.options, generator: 'wrk' },
    missing: [],
    shapes: Object.entries(shapes).map(([shape, conditions]) => ({
      shape,
      connections: 32,
      targets: [],
      conditions: { ...usual, ...conditions },
    })),
  }
}

describe('a chart', () => {
  it('is as wide as the largest bar allows, and leaves no text to be read as markup', () => {
    const svg = barChart('A < B & C', 'note', [
      { label: 'one', values: [1, 1], text: '2', ours: true },
      { label: 'two', values: [1], text: '1', ours: false },
    ])
    assert.match(svg, /<title>A &lt; B &amp; C<\/title>/)
    assert.deepEqual(
      [...svg.matchAll(/<rect class="(\w+)" x="([\d.]+)" y="\d+" width="([\d.]+)"/g)].map((found) =>
        found.slice(1),
      ),
      [
        ['ours', '190.0', '200.0'],
        ['ours2', '390.0', '200.0'],
        ['other', '190.0', '200.0'],
      ],
    )
  })

  it('of a line begins its values at nothing', () => {
    const svg = lineChart(
      'T',
      'n',
      [
        {
          name: 'a',
          points: [
            [0, 0],
            [10, 100],
          ],
        },
      ],
      ['minutes', 'MB'],
    )
    assert.match(svg, /points="48\.0,244\.0 610\.0,62\.2"/)
  })
})
