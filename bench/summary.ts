/**
 * From windows to figures: medians over rounds, and ratios pair by pair.
 *
 * A ratio is taken within one round, between windows that ran seconds apart, and only then
 * summarised: what slows the whole machine for a while slows both sides of a pair.
 */

import type { StartFigures } from './launch.ts'
import type { SinkStats } from './messages.ts'
import type { Shape } from './shapes.ts'
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
  readonly target: string
  /** Medians over the rounds. */
  readonly callsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly cpuUsPerCall: number | null
  readonly cpuUserUsPerCall: number | null
  readonly cpuSystemUsPerCall: number | null
  /** Under load; before any call, and when the load was over. */
  readonly rssMb: number | null
  readonly rssIdleMb: number | null
  readonly rssAfterMb: number | null
  /** From its start until it listened, once. */
  readonly start: StartFigures | null
  readonly loopDelayP99Ms: number | null
  readonly lateP99Ms: number | null
  /** Summed over the rounds. */
  readonly calls: number
  readonly errors: number
  /** To the base target in the same round; null without it. */
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
  readonly target: string
  readonly windows: readonly WindowFigures[]
  readonly telemetry: Telemetry | null
  readonly rssIdleMb?: number | null
  readonly rssAfterMb?: number | null
  readonly start?: StartFigures | null
}

/** What a sink has taken, if there is one, for so many calls. */
export function toTelemetry(stats: SinkStats | undefined, calls: number): Telemetry | null {
  if (stats === undefined) return null
  const { spans, exports, bytes } = stats
  return {
    spans,
    spansPerCall: Number((spans / Math.max(1, calls)).toFixed(3)),
    exports,
    bytes,
  }
}

/** `baseTarget` is the one that ratios are to. */
export function summariseShape(
  shape: Shape,
  measured: readonly Measured[],
  baseTarget: string,
): ShapeResult {
  const base = measured.find(({ target }) => target === baseTarget)?.windows ?? []
  return {
    shape: shape.id,
    connections: shape.connections,
    targets: measured.map((each) => summariseTarget(each, base)),
  }
}

/** The one speed that is required: calls a second in relation to the base target. */
export interface Goal {
  readonly text: string
  readonly target: string
  /** The shape's id. */
  readonly shape: string
  /** Least median ratio of calls/s. */
  readonly ratio: number
}

export function judge(shapes: readonly ShapeResult[], goal: Goal): Requirement {
  const { text } = goal
  const targets = shapes.find(({ shape }) => shape === goal.shape)?.targets ?? []
  const measured = targets.find(({ target }) => target === goal.target)
  const throughputRatio = measured?.throughputRatio ?? null
  if (throughputRatio === null) return { text, verdict: 'not_measured', throughputRatio }
  // Fast but wrong answers are no pass.
  const holds = throughputRatio.median >= goal.ratio && measured?.errors === 0
  return { text, verdict: holds ? 'pass' : 'fail', throughputRatio }
}

export function quartiles(values: readonly number[]): Quartiles | null {
  if (values.length === 0) return null
  const sorted = values.toSorted((a, b) => a - b)
  return { q1: quantile(sorted, 0.25), median: quantile(sorted, 0.5), q3: quantile(sorted, 0.75) }
}

function summariseTarget(
  { target, windows, telemetry, rssIdleMb = null, rssAfterMb = null, start = null }: Measured,
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
    cpuUserUsPerCall: median(windows.map((each) => each.cpuUserUsPerCall)),
    cpuSystemUsPerCall: median(windows.map((each) => each.cpuSystemUsPerCall)),
    rssMb: median(windows.map((each) => each.rssMb)),
    rssIdleMb,
    rssAfterMb,
    start,
    loopDelayP99Ms: median(windows.map((each) => each.loopDelayP99Ms)),
    lateP99Ms: median(windows.map((each) => each.lateP99Ms)),
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
