/**
 * What metrics cost: `npm run bench:telemetry`. The record of a call, the longest time that a scrape of
 * 10,000 series holds the event loop, and the memory of these series. `--save` writes the figures to
 * bench/results.
 */

import { writeFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { CallMetrics } from '../src/telemetry/call-metrics.ts'
import type { CallDescription } from '../src/telemetry/describe-call.ts'
import type { SeriesSettings } from '../src/telemetry/histogram-series.ts'
import { Instruments } from '../src/telemetry/instruments.ts'
import { LabelGuard } from '../src/telemetry/label-guard.ts'
import { METRICS } from '../src/telemetry/names.ts'
import { renderMetrics } from '../src/telemetry/prometheus.ts'
import { HistogramFamily } from '../src/telemetry/series.ts'
import { SeriesLimits } from '../src/telemetry/series-limits.ts'
import { describeMachine } from './machine.ts'

const CALLS = 1_000_000
const ROUNDS = 5
const FAMILIES = 5
const SERIES_PER_FAMILY = 2_000

const TARGET = { upstreamName: 'up', carrier: 'tcp', address: '10.0.0.1', port: 80 } as const
const ARRIVAL = { carrier: 'tcp', httpVersion: '1.1' } as const
const SPAN = {
  recording: true,
  sampled: true,
  context: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) },
  endMs: 1_790_000_000_000,
}

function tool(index: number): CallDescription {
  return {
    spanName: `tools/call tool_${index}`,
    method: 'tools/call',
    tool: `tool_${index}`,
    prompt: undefined,
    upstream: 'up',
    operationName: 'execute_tool',
    protocolVersion: '2025-11-25',
    attributes: { tcp: [], pipe: [] },
    handles: new Map(),
  }
}

/** Microseconds of CPU per call: both histograms with an exemplar, and the counter. */
function recordCost(): number {
  const instruments = new Instruments({
    version: '1',
    inFlight: () => new Map(),
    sessions: () => [],
    health: () => [],
    methods: new Set(),
    revisions: new Set(),
    target: () => TARGET,
  })
  const metrics = new CallMetrics(instruments, new LabelGuard(() => {}))
  const tools = Array.from({ length: 64 }, (_, index) => tool(index))
  const ok = { kind: 'ok' } as const
  const before = process.threadCpuUsage()
  for (let i = 0; i < CALLS; i += 1) {
    const about = tools[i & 63] ?? tool(0)
    const seconds = (i % 1_000) / 1_000
    metrics.attempted(about, ok, TARGET, seconds, SPAN)
    metrics.callEnded(about, ok)
    metrics.served(about, ok, ARRIVAL, seconds, SPAN)
  }
  const used = process.threadCpuUsage(before)
  return (used.user + used.system) / CALLS
}

function settings(): SeriesSettings {
  const limits = new SeriesLimits(() => {})
  return { limits, exponential: false, delta: false, exemplars: true }
}

function manySeries(): HistogramFamily[] {
  const common = settings()
  const families = Array.from(
    { length: FAMILIES },
    () => new HistogramFamily(METRICS.serverOperationDuration, common),
  )
  for (const [number, family] of families.entries()) {
    for (let i = 0; i < SERIES_PER_FAMILY; i += 1) {
      const values = ['tools/call', `upstream_${i % 5}_${number}`, `some_tool_name_${i}`, '']
      values.push('execute_tool', i % 3 === 0 ? 'tool_error' : '', '', '2025-11-25')
      values.push('tcp', 'http', '1.1')
      family.record(values, (i % 100) / 100)
    }
  }
  return families
}

function heapBytes(): number {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

interface ScrapeCost {
  /** The longest time that rendering took at a stretch, and what of it was CPU of this thread. */
  readonly longestMs: number
  readonly longestCpuMs: number
  readonly bytes: number
}

async function scrapeCost(families: readonly HistogramFamily[]): Promise<ScrapeCost> {
  let longestMs = 0
  let longestCpuMs = 0
  let bytes = 0
  let since = performance.now()
  let cpuSince = process.threadCpuUsage()
  for (const slice of renderMetrics(families, 'openmetrics')) {
    bytes += Buffer.byteLength(slice)
    const cpu = process.threadCpuUsage(cpuSince)
    longestMs = Math.max(longestMs, performance.now() - since)
    longestCpuMs = Math.max(longestCpuMs, (cpu.user + cpu.system) / 1_000)
    await setImmediate()
    since = performance.now()
    cpuSince = process.threadCpuUsage()
  }
  return { longestMs, longestCpuMs, bytes }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

recordCost()
const records = Array.from({ length: ROUNDS }, recordCost)
const before = heapBytes()
const families = manySeries()
const held = heapBytes() - before
const scrapes: ScrapeCost[] = []
for (let round = 0; round < ROUNDS; round += 1) scrapes.push(await scrapeCost(families))
const shown = heapBytes() - before

const result = {
  machine: describeMachine(),
  recordMicros: records.map((value) => Number(value.toFixed(3))),
  series: families.reduce((sum, family) => sum + [...family.series()].length, 0),
  longestBlockMs: scrapes.map(({ longestMs }) => Number(longestMs.toFixed(2))),
  longestBlockCpuMs: scrapes.map(({ longestCpuMs }) => Number(longestCpuMs.toFixed(2))),
  scrapeMiB: Number(((scrapes[0]?.bytes ?? 0) / 2 ** 20).toFixed(1)),
  bytesHeldMB: Number((held / 1e6).toFixed(2)),
  bytesHeldAfterScrapeMB: Number((shown / 1e6).toFixed(2)),
}
const text = `${JSON.stringify(result, undefined, 2)}\n`
console.log(text)
console.log(`record of a call: ${median(records).toFixed(3)} µs (at most 1)`)
console.log(
  `longest block: ${Math.max(...result.longestBlockCpuMs)} ms of CPU, ${Math.max(...result.longestBlockMs)} ms in all (at most 20)`,
)
console.log(
  `memory of 10,000 series, labels shown: ${result.bytesHeldAfterScrapeMB} MB (at most 10)`,
)
if (process.argv.includes('--save')) writeFileSync('bench/results/2026-11-26-metrics.json', text)
