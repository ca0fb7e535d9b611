/**
 * What the sidecar's own statistics cost: `npm run bench:insight`. The record of a call, the memory of
 * 50 upstreams with 200 tools each whose windows are all filled, and what reading them takes. `--save`
 * writes the figures to bench/results.
 */

import { writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import type { Call } from '../src/core/exchange.ts'
import { newAttempt } from '../src/core/observer.ts'
import { InsightEngine } from '../src/insight/engine.ts'
import { Statistics } from '../src/insight/statistics.ts'
import { TOOL_WINDOWS } from '../src/insight/window-stats.ts'
import { callOf } from '../test/insight/calls.ts'
import { describeMachine } from './machine.ts'

const UPSTREAMS = Array.from({ length: 50 }, (_, index) => `upstream-${index}`)
const TOOLS = Array.from({ length: 200 }, (_, index) => `some_tool_name_${index}`)
const CALLS = 400_000
const ROUNDS = 5

/** Stands still unless it is moved. */
const clock = {
  nowMs: 0,
  wallMs: () => 1_790_000_000_000 + clock.nowMs,
  monotonicMs: () => clock.nowMs,
}

/** Repeatable chance, from 0 up to 1 (Numerical Recipes, "quick and dirty" generators). */
let seed = 1
function chance(): number {
  seed = (seed * 1_664_525 + 1_013_904_223) % 2 ** 32
  return seed / 2 ** 32
}

/** Around 80 ms, over two orders of magnitude, as tools take. */
function durationUs(): number {
  const normal = Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance())
  return Math.round(80_000 * Math.exp(0.8 * normal))
}

function engineOf(): InsightEngine {
  return new InsightEngine({
    upstreams: UPSTREAMS,
    health: {
      warning: { errorRate: 0.05, p95Ms: 3_000 },
      critical: { errorRate: 0.1, p95Ms: 10_000 },
      callsMin: 10,
      recoverAfterMs: 60_000,
    },
    findRule: () => ({
      enabled: true,
      threshold: 0.05,
      windowMs: 300_000,
      forMs: 300_000,
      keepFiringForMs: 300_000,
      callsMin: 0,
      badCallsMin: 5,
    }),
    receivers: [],
    clock,
    log: { enabled: () => false, write: () => {} },
    toolsMax: 15_000,
    recentMax: 1_000,
    labels: {},
    externalUrl: () => '',
    breakerOf: () => 'closed',
    isUp: () => true,
    losses: () => [],
    admitName: (_upstream, name) => name,
    admitMethod: (method) => method,
    tokensOf: (bytes) => Math.ceil(bytes / 4),
    isLongLived: () => false,
    newId: () => '',
    random: () => 0,
    send: () => Promise.resolve({ kind: 'sent' }),
    limitHit: () => {},
    delivered: () => {},
  })
}

/** Microseconds of CPU for all that the statistics do for one call, in the second half of two. */
function recordCost(): number {
  const { observer } = engineOf()
  const calls: Call[] = TOOLS.map((tool) => callOf({ upstream: 'upstream-3', tool, startMs: 0 }))
  const ok = { kind: 'ok' } as const
  const answer = { bytes: 500, resultBytes: 400, result: undefined }
  const durations = Array.from({ length: 1_024 }, () => durationUs() / 1_000)
  const run = (): void => {
    for (let i = 0; i < CALLS; i += 1) {
      const call = calls[i % calls.length]
      if (call === undefined) continue
      const atMs = clock.nowMs + (durations[i & 1_023] ?? 0)
      const follower = observer.begin(call)
      follower?.answered?.(answer)
      follower?.attemptEnded(ok, atMs, newAttempt(1, clock.nowMs))
      follower?.ended(ok, atMs)
    }
  }
  run()
  const before = process.threadCpuUsage()
  run()
  const used = process.threadCpuUsage(before)
  return (used.user + used.system) / CALLS
}

/** Calls of every tool at this moment, then some time passes. */
function fill(statistics: Statistics, callsPerTool: number, thenMs: number): void {
  for (const upstream of UPSTREAMS) {
    const series = statistics.seriesOf(upstream)
    for (const tool of TOOLS) {
      for (let i = 0; i < callsPerTool; i += 1) {
        const us = durationUs()
        const fails = chance() < 0.03
        const record = {
          ending: fails ? 3 : 0,
          timing: fails ? 'failed' : 'answered',
          us,
          firstEventUs: chance() < 0.5 ? Math.round(us * 0.9) : -1,
          requestBytes: 300,
          responseBytes: 2_000 + Math.floor(chance() * 5_000),
          resultTokens: 500,
        } as const
        statistics.record(series, tool, record, clock.nowMs)
      }
    }
  }
  clock.nowMs += thenMs
  for (let i = 0; i < 25; i += 1) statistics.tick()
}

async function heapBytes(): Promise<number> {
  for (let i = 0; i < 3; i += 1) {
    globalThis.gc?.()
    await setTimeout(100)
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Every window has calls in each of its stretches, and one is under way. */
async function memory(): Promise<{ readonly bytes: number; readonly statistics: Statistics }> {
  const options = { clock, upstreams: UPSTREAMS, toolsMax: 15_000, onFull: () => {} }
  // What is compiled and allocated once is not the statistics'.
  fill(new Statistics(options), 1, 0)
  const before = await heapBytes()
  const statistics = new Statistics(options)
  for (let i = 0; i < 46; i += 1) fill(statistics, 12, 1_800_000)
  for (let i = 0; i < 6; i += 1) fill(statistics, 12, 600_000)
  for (let i = 0; i < 5; i += 1) fill(statistics, 12, 60_000)
  for (let i = 0; i < 4; i += 1) fill(statistics, 12, 15_000)
  fill(statistics, 12, 0)
  return { bytes: (await heapBytes()) - before, statistics }
}

/** Milliseconds of CPU. */
function millis(work: () => void, times: number): number {
  work()
  const before = process.threadCpuUsage()
  for (let i = 0; i < times; i += 1) work()
  const used = process.threadCpuUsage(before)
  return (used.user + used.system) / 1_000 / times
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

const rounded = (value: number): number => Number(value.toPrecision(3))

recordCost()
const records = Array.from({ length: ROUNDS }, recordCost)
const { bytes, statistics } = await memory()
const series = statistics.seriesOf('upstream-3')
const tools = [...series.tools.values()]
const result = {
  machine: describeMachine(),
  recordMicros: records.map(rounded),
  tools: UPSTREAMS.length * TOOLS.length,
  stretchesPerTool: Object.values(TOOL_WINDOWS).reduce((sum, { keep }) => sum + keep, 0),
  memoryMB: rounded(bytes / 1e6),
  readUpstreamMs: {
    '5m': rounded(millis(() => statistics.upstreamStats(series, '5m'), 50)),
    '1h': rounded(millis(() => statistics.upstreamStats(series, '1h'), 50)),
    '24h': rounded(millis(() => statistics.upstreamStats(series, '24h'), 50)),
  },
  readToolMs: {
    '5m': rounded(millis(() => tools.map((tool) => statistics.toolStats(tool, '5m')), 5) / 200),
    '24h': rounded(millis(() => tools.map((tool) => statistics.toolStats(tool, '24h')), 5) / 200),
  },
}
const text = `${JSON.stringify(result, undefined, 2)}\n`
console.log(text)
console.log(`record of a call: ${median(records).toFixed(3)} µs (at most 1)`)
console.log(`memory of 10,000 tools of 50 upstreams: ${result.memoryMB} MB (at most 30)`)
if (process.argv.includes('--save')) writeFileSync('bench/results/2026-11-30-insight.json', text)
