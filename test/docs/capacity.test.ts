/** The capacity page rests on what a sidecar really emits, and its arithmetic on what a page says. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { loadOf, FLEET_DEFAULTS, type CapacityFigures } from '../../scripts/capacity-model.ts'
import { bytesText, FIGURES_FILE, readFleet, report, short } from '../../scripts/capacity.ts'
import { measureCapacityFigures } from '../support/capacity-figures.ts'

/** A new metric or two changes no plan; a histogram of every tool does. */
const TOLERANCE = 0.1

const recordTo = process.env['SIDELIGHT_RECORD_CAPACITY']

describe('the figures of docs/capacity.md', () => {
  it('are those of a sidecar with everything on', async () => {
    const measured = await measureCapacityFigures()
    if (recordTo !== undefined) writeFileSync(recordTo, `${JSON.stringify(measured, null, 2)}\n`)
    const recorded: CapacityFigures = JSON.parse(readFileSync(recordTo ?? FIGURES_FILE, 'utf8'))
    const difference = [...numbersIn(measured)].flatMap(([name, value]) => {
      const before = new Map(numbersIn(recorded)).get(name) ?? Number.NaN
      const most = Math.max(2, before * (name.includes('gzipped') ? 0.3 : TOLERANCE))
      return Math.abs(value - before) <= most ? [] : [`${name}: ${before}, now ${value}`]
    })
    assert.deepEqual(
      difference,
      [],
      `SIDELIGHT_RECORD_CAPACITY=${FIGURES_FILE} npm test -- test/docs/capacity.test.ts, then npm run docs`,
    )
  })
})

function numbersIn(value: unknown, name = ''): [string, number][] {
  if (typeof value === 'number') return [[name, value]]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) => numbersIn(member, `${name}.${key}`))
}

const FIGURES: CapacityFigures = {
  series: {
    classic: { sidecar: 100, upstreamIdle: 120, upstreamUsed: 300, tool: 50, toolError: 35 },
    native: { sidecar: 90, upstreamIdle: 70, upstreamUsed: 90, tool: 4, toolError: 3 },
    bytes: 180,
    gzippedBytes: 13,
  },
  spans: { perCall: 2, bytes: 600, gzippedBytes: 50 },
  audit: { callBytes: 1000 },
  log: { callBytes: 400, failureBytes: 500 },
}

const PROMETHEUS = {
  version: '3.5.3',
  series: 1,
  residentBytesPerSeries: 2000,
  cpuMicrosPerSample: 4,
}

describe('the load of a fleet', () => {
  const fleet = {
    ...FLEET_DEFAULTS,
    pods: 1000,
    upstreams: 2,
    tools: 4,
    errorKinds: 1,
    calls: 2,
    sampling: 0.5,
    failing: 0.01,
    scrapeSeconds: 10,
  }
  const load = loadOf(fleet, FIGURES, PROMETHEUS)

  it('has the series of sidecars, upstreams, tools and errors', () => {
    assert.equal(load.seriesPerPod, 100 + 2 * (300 + 4 * 50 + 35))
    assert.equal(load.series, 1_170_000)
    assert.equal(load.samplesPerSecond, 117_000)
    const native = loadOf({ ...fleet, histograms: 'native' }, FIGURES, PROMETHEUS)
    assert.equal(native.seriesPerPod, 90 + 2 * (90 + 4 * 4 + 3))
  })

  it('has spans for what is sampled, and audit records for every call', () => {
    assert.equal(load.spansPerSecond, 2000)
    assert.equal(load.spanBytesPerDay, 2000 * 600 * 86_400)
    assert.equal(load.auditBytesPerPodDay, 2 * 86_400 * 1000)
    assert.equal(load.logBytesPerDay, 2000 * 0.01 * 86_400 * 500)
  })

  it('takes gateways for spans, and for traces that wait, and two at least', () => {
    assert.equal(load.gateways, 2)
    // 20,000 spans a second are 2.1 gateways; 10,000 traces wait 35 s each, of 60,000 in a gateway.
    assert.equal(loadOf({ ...fleet, calls: 20 }, FIGURES, PROMETHEUS).gateways, 6)
  })

  it('takes memory and processors as the makers of the backends say', () => {
    assert.equal(load.prometheus.bytes, 1_170_000 * 2000 * 2)
    assert.equal(load.prometheus.servers, 1)
    assert.equal(load.mimir.ingesterCores, 11.7)
    assert.equal(load.mimir.ingesterBytes, 11.7 * 2.5e9)
    assert.equal(load.mimir.distributorCores, 4.68)
  })
})

describe('npm run capacity', () => {
  it('takes what describes a fleet, and says what it does not understand', () => {
    assert.deepEqual(readFleet(['--pods', '7', '--upstreams=2', '--sampling', '0.1', '--native']), {
      ...FLEET_DEFAULTS,
      pods: 7,
      upstreams: 2,
      sampling: 0.1,
      histograms: 'native',
    })
    assert.equal(readFleet(['--sampling', '10']), '--sampling is a number from 0 to 1')
    const unknown = readFleet(['--pod', '10'])
    assert.match(typeof unknown === 'string' ? unknown : '', /--pod/)
  })

  it('prints what it takes, up to a hundred thousand sidecars', () => {
    const text = report({ ...FLEET_DEFAULTS, pods: 100_000 })
    assert.match(text, /^series {2,}\d+ million$/m)
    assert.match(text, /^metrics {2,}\d+ Prometheus servers/m)
    assert.match(text, /^collectors {2,}an agent on each of 3334 nodes/m)
  })

  it('writes numbers as people do', () => {
    assert.deepEqual([0, 0.5, 42, 1234, 2_500_000].map(short), [
      '0',
      '0.5',
      '42',
      '1,234',
      '2.5 million',
    ])
    assert.deepEqual([999, 1500, 4.32e13].map(bytesText), ['999 B', '1.5 kB', '43 TB'])
  })
})
