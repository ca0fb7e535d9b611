/**
 * From windows to figures: medians over rounds, and ratios pair by pair.
 *
 * A ratio is taken within one round, between windows that ran seconds apart, and only then
 * summarised: what slows the whole machine for a while slows both sides of a pair.
 */

import { REQUIRED_SHAPE, type Shape } from './shapes.ts'
import { BASE_TARGET, type TargetName } from './targets.ts'
import type { WindowFigures } from './window.ts'

export interface Quartiles {
  readonly q1: number
  readonly median: number
  readonly q3: number
}

export interface Telemetry {
  readonly spans: number
  /** Two spans a call when every span has arrived: one for the client's side, one for the upstream's. */
  readonly spansPerCall: number
  readonly exports: number
  readonly bytes: number
}

export interface TargetResult {
  readonly target: TargetName
  /** Medians over the rounds. */
  readonly callsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly cpuUsPerCall: number | null
  readonly rssMb: number | null
  /** Summed over the rounds. */
  readonly calls: number
  readonly errors: number
  /** To `node-http` in the same round; null without it. */
  readonly throughputRatio: Quartiles | null
  readonly cpuRatio: Quartiles | null
  /** What the sink of `sidelight` has taken; null for others. */
  readonly telemetry: Telemetry | null
  readonly windows: readonly WindowFigures[]
}

export interface ShapeResult {
  readonly shape: string
  readonly connections: number
  readonly targets: readonly TargetResult[]
}

export interface Requirement {
  readonly text: string
  readonly verdict: 'pass' | 'fail' | 'not_measured'
  readonly throughputRatio: Quartiles | null
}

export interface Measured {
  readonly target: TargetName
  readonly windows: readonly WindowFigures[]
  readonly telemetry: Telemetry | null
}

export function summariseShape(shape: Shape, measured: readonly Measured[]): ShapeResult {
  const base = measured.find(({ target }) => target === BASE_TARGET)?.windows ?? []
  return {
    shape: shape.id,
    connections: shape.connections,
    targets: measured.map((each) => summariseTarget(each, base)),
  }
}

/** The one speed that is required: as many calls a second as the plain Node proxy. */
export function judge(shapes: readonly ShapeResult[]): Requirement {
  const text = `calls/s through sidelight >= node-http at ${REQUIRED_SHAPE}`
  const targets = shapes.find(({ shape }) => shape === REQUIRED_SHAPE)?.targets ?? []
  const sidelight = targets.find(({ target }) => target === 'sidelight')
  const throughputRatio = sidelight?.throughputRatio ?? null
  if (throughputRatio === null) return { text, verdict: 'not_measured', throughputRatio }
  // Fast but wrong answers are no pass.
  const holds = throughputRatio.median >= 1 && sidelight?.errors === 0
  return { text, verdict: holds ? 'pass' : 'fail', throughputRatio }
}

export function quartiles(values: readonly number[]): Quartiles | null {
  if (values.length === 0) return null
  const sorted = values.toSorted((a, b) => a - b)
  return { q1: quantile(sorted, 0.25), median: quantile(sorted, 0.5), q3: quantile(sorted, 0.75) }
}

function summariseTarget(
  { target, windows, telemetry }: Measured,
  base: readonly WindowFigures[],
): TargetResult {
  const medianOf = (read: (figures: WindowFigures) => number): number =>
    median(windows.map(read)) ?? 0
  return {
    target,
    callsPerSecond: medianOf((each) => each.callsPerSecond),
    p50Ms: medianOf((each) => each.p50Ms),
    p99Ms: medianOf((each) => each.p99Ms),
    p999Ms: medianOf((each) => each.p999Ms),
    cpuUsPerCall: median(windows.map((each) => each.cpuUsPerCall)),
    rssMb: median(windows.map((each) => each.rssMb)),
    calls: windows.reduce((sum, each) => sum + each.calls, 0),
    errors: windows.reduce((sum, each) => sum + errorsOf(each), 0),
    throughputRatio: pairwise(windows, base, (each) => each.callsPerSecond),
    cpuRatio: pairwise(windows, base, (each) => each.cpuUsPerCall),
    telemetry,
    windows,
  }
}

function errorsOf({ errors }: WindowFigures): number {
  return errors.status + errors.content + errors.connection + errors.unanswered
}

function pairwise(
  windows: readonly WindowFigures[],
  base: readonly WindowFigures[],
  read: (figures: WindowFigures) => number | null,
): Quartiles | null {
  const ratios: number[] = []
  for (const each of windows) {
    const partner = base.find(({ round }) => round === each.round)
    const value = read(each)
    const reference = partner === undefined ? null : read(partner)
    if (value !== null && reference !== null && reference > 0) ratios.push(value / reference)
  }
  return quartiles(ratios)
}

function median(values: readonly (number | null)[]): number | null {
  return quartiles(values.filter((value) => value !== null))?.median ?? null
}

/** Between neighbours, in proportion; `sorted` is not empty. */
function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)] ?? 0
  const above = sorted[Math.ceil(at)] ?? below
  return Number((below + (above - below) * (at - Math.floor(at))).toFixed(3))
}
