/** Several starts of one target, whose windows count together: two of them differ by some percent. */

import type { StartFigures } from './launch.ts'
import type { SinkStats } from './messages.ts'
import { quartiles, toTelemetry, type Measured } from './summary.ts'
import type { WindowFigures } from './window.ts'

/** What came of a target from one start to its end. */
export interface OneStart {
  readonly target: string
  readonly windows: readonly WindowFigures[]
  /** All right answers, those outside of windows included. */
  readonly callsInAll: number
  /** What its telemetry sink has taken, if it has one. */
  readonly sink: SinkStats | undefined
  readonly rssIdleMb: number | null
  readonly rssAfterMb: number | null
  /** Undefined for targets that the load starts. */
  readonly start: StartFigures | undefined
}

/** Windows in the order of their rounds, sums of what was counted, and medians of what each start has once. */
export function together(target: string, starts: readonly OneStart[]): Measured {
  const windows = starts.flatMap((each) => each.windows).toSorted((a, b) => a.round - b.round)
  const calls = starts.reduce((sum, each) => sum + each.callsInAll, 0)
  const figures = starts.flatMap(({ start }) => start ?? [])
  return {
    target,
    windows,
    telemetry: toTelemetry(sumOf(starts.flatMap(({ sink }) => sink ?? [])), calls),
    rssIdleMb: medianOf(starts.map(({ rssIdleMb }) => rssIdleMb)),
    rssAfterMb: medianOf(starts.map(({ rssAfterMb }) => rssAfterMb)),
    start: startOf(figures),
  }
}

function startOf(figures: readonly StartFigures[]): StartFigures | null {
  const wallMs = medianOf(figures.map((each) => each.wallMs))
  return wallMs === null ? null : { wallMs, cpuMs: medianOf(figures.map(({ cpuMs }) => cpuMs)) }
}

function sumOf(sinks: readonly SinkStats[]): SinkStats | undefined {
  if (sinks.length === 0) return undefined
  const sum = (read: (sink: SinkStats) => number): number =>
    sinks.reduce((all, each) => all + read(each), 0)
  return {
    kind: 'stats',
    exports: sum(({ exports }) => exports),
    bytes: sum(({ bytes }) => bytes),
    spans: sum(({ spans }) => spans),
  }
}

function medianOf(values: readonly (number | null)[]): number | null {
  return quartiles(values.flatMap((value) => value ?? []))?.median ?? null
}
