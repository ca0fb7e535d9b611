/** What Sidelight is to cost, and whether the recorded runs met it. */

import { REQUIRED_SHAPE } from '../bench/shapes.ts'
import type { TargetResult } from '../bench/summary.ts'
import {
  addedMsOf,
  findTarget,
  ratioOf,
  readCalls,
  readSoak,
  readStartup,
  type CallsResult,
  type Figure,
  type SoakResult,
} from './performance-result.ts'

export interface GoalRow {
  readonly text: string
  readonly limit: string
  readonly measured: string
  readonly verdict: 'met' | 'missed' | 'not measured'
}

/** Growth of memory after the warm-up that scatter alone explains. */
const FLAT_MB = 3

const CROWD_AT_RATE = 'idle1000-200B@32/500'
const LARGE = 'json-1MB@8'
const PIPES = 'stdio-200B@32'

export function goalRows(): readonly GoalRow[] {
  const calls = readCalls().content
  const soak = readSoak()?.content
  return [
    ...cpuGoals(calls),
    ...throughputGoals(calls),
    ...rateGoals(calls),
    ...largeGoals(calls),
    ...memoryGoals(soak),
    ...startGoals(),
    flatGoal(calls),
  ]
}

function cpuGoals(calls: CallsResult): readonly GoalRow[] {
  const toPipe = (target: string, limit: number): GoalRow =>
    atMost(
      `CPU per call, ${nameOf(target)}, in relation to the raw undici pipe`,
      ratio(calls, REQUIRED_SHAPE, target, 'undici-pipe', 'cpuUsPerCall'),
      limit,
    )
  const others = ['bare', 'full-10', 'full-100'].map((target) =>
    ratio(calls, REQUIRED_SHAPE, target, 'node-http', 'cpuUsPerCall'),
  )
  const most = others.includes(undefined) ? undefined : Math.max(...others.map((each) => each ?? 0))
  return [
    toPipe('full-10', 1.35),
    toPipe('bare', 1.15),
    toPipe('full-100', 1.6),
    atMost('CPU per call, the dearest of these, in relation to the node:http pipe', most, 1),
  ]
}

function throughputGoals(calls: CallsResult): readonly GoalRow[] {
  return [
    atLeast(
      `calls/s at saturation, ${nameOf('full-10')}, in relation to the raw undici pipe`,
      ratio(calls, REQUIRED_SHAPE, 'full-10', 'undici-pipe', 'callsPerSecond'),
      0.75,
    ),
    ...['mcp-proxy', 'supergateway'].map((peer) =>
      atLeast(
        `calls/s at saturation, ${nameOf('full-10')}, in relation to ${peer} (a server over pipes behind HTTP)`,
        ratio(calls, PIPES, 'full-10', peer, 'callsPerSecond'),
        5,
      ),
    ),
  ]
}

function rateGoals(calls: CallsResult): readonly GoalRow[] {
  const added = (target: string, figure: 'p50Ms' | 'p99Ms'): number | undefined =>
    areRight(calls, CROWD_AT_RATE, [target, 'direct'])
      ? addedMsOf(calls, CROWD_AT_RATE, target, figure)
      : undefined
  const where = '500 calls/s over 32 of 1,000 open sessions'
  const pipe = added('undici-pipe', 'p99Ms')
  const full = added('full-10', 'p99Ms')
  return [
    atMost(`${where}: added p50, ${nameOf('full-10')}`, added('full-10', 'p50Ms'), 0.5, 'ms'),
    atMost(
      `${where}: added p99 in relation to that of the raw undici pipe`,
      pipe === undefined || full === undefined || pipe <= 0 ? undefined : full / pipe,
      1.5,
    ),
  ]
}

function largeGoals(calls: CallsResult): readonly GoalRow[] {
  return [
    atMost(
      `results of 1 MB: CPU per call, ${nameOf('full-10')}, in relation to the raw undici pipe`,
      ratio(calls, LARGE, 'full-10', 'undici-pipe', 'cpuUsPerCall'),
      1.5,
    ),
    atMost(
      'results of 1 MB: p99 of the delay of the event loop',
      rightTarget(calls, LARGE, 'full-10')?.loopDelayP99Ms ?? undefined,
      10,
      'ms',
    ),
  ]
}

function memoryGoals(soak: SoakResult | undefined): readonly GoalRow[] {
  const growth = soak === undefined ? undefined : soak.soak.live.lastMb - soak.soak.live.firstMb
  return [
    atMost(
      'resident memory with 1,000 open sessions and streams, everything on',
      soak?.costs.rssWithStreamsMb,
      170,
      'MB',
    ),
    atMost(
      `growth of the heap after collections, after the warm-up of ${soak?.soak.minutes ?? 20} minutes of churn`,
      growth,
      FLAT_MB,
      'MB',
    ),
  ]
}

/** The ways in which it runs for users, after what is done once. */
const WAYS = ['image: compiled ahead', 'npm: second start and later']

function startGoals(): readonly GoalRow[] {
  const results = readStartup()?.content.results.filter(({ way }) => WAYS.includes(way)) ?? []
  const most = (
    read: (result: (typeof results)[number]) => number | undefined,
  ): number | undefined =>
    results.length === 0 ? undefined : Math.max(...results.map((each) => read(each) ?? Infinity))
  const which = 'the larger of image and npm'
  return [
    atMost(
      `resident memory when idle, ${which}`,
      most(({ idleMb }) => idleMb?.median),
      75,
      'MB',
    ),
    atMost(
      `from the start until it listens, ${which}`,
      most(({ wallMs }) => wallMs?.median),
      400,
      'ms',
    ),
  ]
}

function flatGoal(calls: CallsResult): GoalRow {
  const few = rightTarget(calls, 'json-200B@32', 'full-10')?.cpuUsPerCall ?? undefined
  const many = rightTarget(calls, 'json-200B@1000', 'full-10')?.cpuUsPerCall ?? undefined
  return atMost(
    'CPU per call with 1,000 connections in relation to 32',
    few === undefined || many === undefined ? undefined : many / few,
    1.15,
  )
}

function ratio(
  calls: CallsResult,
  shape: string,
  target: string,
  base: string,
  figure: Figure,
): number | undefined {
  if (!areRight(calls, shape, [target, base])) return undefined
  return ratioOf(calls, shape, [target, base], figure)?.median
}

/** Figures with wrong answers among them mean nothing, and meet no goal. */
function areRight(calls: CallsResult, shape: string, targets: readonly string[]): boolean {
  return targets.every((target) => rightTarget(calls, shape, target) !== undefined)
}

function rightTarget(calls: CallsResult, shape: string, target: string): TargetResult | undefined {
  const found = findTarget(calls, shape, target)
  return found?.errors === 0 ? found : undefined
}

export function nameOf(target: string): string {
  return (
    {
      bare: 'bare (telemetry off)',
      'full-10': 'everything on, 1 in 10 traced',
      'full-100': 'everything on, all traced',
    }[target] ?? target
  )
}

function atMost(text: string, value: number | undefined, limit: number, unit = '×'): GoalRow {
  return row(text, value, `at most ${limit} ${unit}`, unit, (found) => found <= limit)
}

function atLeast(text: string, value: number | undefined, limit: number, unit = '×'): GoalRow {
  return row(text, value, `at least ${limit} ${unit}`, unit, (found) => found >= limit)
}

function row(
  text: string,
  value: number | undefined,
  limit: string,
  unit: string,
  holds: (value: number) => boolean,
): GoalRow {
  if (value === undefined) return { text, limit, measured: '', verdict: 'not measured' }
  const digits = Math.abs(value) >= 20 ? 0 : 2
  // Judged as it is shown.
  const shown = Number(value.toFixed(digits))
  const verdict = holds(shown) ? 'met' : 'missed'
  return { text, limit, measured: `${value.toFixed(digits)} ${unit}`, verdict }
}
