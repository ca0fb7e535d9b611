/** The recorded runs that docs/performance.md and the README show: the newest of each kind. */

import { readFileSync } from 'node:fs'
import { newestResult } from '../bench/newest-result.ts'
import { quartiles, type Quartiles, type ShapeResult, type TargetResult } from '../bench/summary.ts'
import type { Machine, LoadAverage } from '../bench/machine.ts'
import type { ShapeConditions } from '../bench/run-result.ts'
import type { Costs } from '../bench/soak.ts'
import type { WindowFigures } from '../bench/window.ts'

export interface Recorded<T> {
  /** From the root of the repository. */
  readonly file: string
  readonly content: T
}

interface Conditions {
  readonly machine: Machine
  readonly loadAverage: { readonly before: LoadAverage; readonly after: LoadAverage }
}

export interface CallsShape extends ShapeResult {
  /** Undefined in results of version 1, whose shapes were all measured in one run. */
  readonly conditions?: ShapeConditions
}

/** What `npm run bench` writes. */
export interface CallsResult extends Conditions {
  readonly endedAt: string
  /** Undefined in results of version 1, which were written at the end alone. */
  readonly missing?: readonly string[]
  readonly options: {
    readonly rounds: number
    readonly seconds: number
    readonly generator: string
    readonly pinned: object | null
  }
  readonly absent: readonly { readonly target: string; readonly reason: string }[]
  readonly shapes: readonly CallsShape[]
}

/** What `npm run bench:gate` writes. */
export interface GateResult extends Conditions {
  readonly limit: number
  readonly margin: number
  readonly burnUs: number
  readonly verdict: string
  readonly estimate: { readonly median: number; readonly low: number; readonly high: number }
  readonly pairs: readonly { readonly ratio: number; readonly fullUs: number }[]
}

interface Trend {
  readonly firstMb: number
  readonly lastMb: number
  readonly mostMb: number
  readonly slopeMbPerHour: number
}

/** What `npm run bench:soak` writes. */
export interface SoakResult extends Conditions {
  readonly callsPerSecond: number
  readonly costs: Costs
  readonly soak: {
    readonly minutes: number
    readonly churn: Readonly<Record<string, number>>
    readonly rss: Trend
    readonly live: Trend
    readonly samples: readonly {
      readonly seconds: number
      readonly rssMb: number
      readonly liveMb: number | null
    }[]
  }
}

/** What `npm run bench:startup` writes. */
export interface StartupResult {
  readonly results: readonly {
    readonly way: string
    readonly wallMs: { readonly median: number } | null
    readonly idleMb: { readonly median: number } | null
  }[]
}

export function readCalls(): Recorded<CallsResult> {
  const found = readNewest<CallsResult>('performance')
  if (found === undefined) throw new Error('no run of npm run bench -- --name performance is there')
  return found
}

export const readGate = (): Recorded<GateResult> | undefined => readNewest('gate')
/** With calls made more expensive on purpose. */
export const readBurnt = (): Recorded<GateResult> | undefined => readNewest('gate-burnt')
export const readStartup = (): Recorded<StartupResult> | undefined => readNewest('startup')
export const readSoak = (): Recorded<SoakResult> | undefined => readNewest('soak')

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- what a file holds, its writer says
function readNewest<T>(kind: string): Recorded<T> | undefined {
  const file = newestResult(kind)
  return file === undefined ? undefined : { file, content: JSON.parse(readFileSync(file, 'utf8')) }
}

export function findTarget(
  { shapes }: CallsResult,
  shape: string,
  target: string,
): TargetResult | undefined {
  return shapes.find((each) => each.shape === shape)?.targets.find((each) => each.target === target)
}

export type Figure = 'cpuUsPerCall' | 'callsPerSecond'

/** Of one target to another, in the same round of the same shape. */
export function ratioOf(
  result: CallsResult,
  shape: string,
  [target, base]: readonly [target: string, base: string],
  figure: Figure,
): Quartiles | undefined {
  const ratios = pairsOf(result, shape, [target, base]).flatMap(([window, partner]) => {
    const [value, reference] = [window[figure], partner[figure]]
    return value === null || reference === null || reference === 0 ? [] : [value / reference]
  })
  return quartiles(ratios) ?? undefined
}

/** Milliseconds that a target adds to what a call takes without a proxy, in the same round of the same shape. */
export function addedMsOf(
  result: CallsResult,
  shape: string,
  target: string,
  figure: 'p50Ms' | 'p99Ms',
): number | undefined {
  const pairs = pairsOf(result, shape, [target, 'direct'])
  return quartiles(pairs.map(([window, direct]) => window[figure] - direct[figure]))?.median
}

/** Windows of two targets in the same round. */
function pairsOf(
  result: CallsResult,
  shape: string,
  [target, base]: readonly [target: string, base: string],
): readonly (readonly [WindowFigures, WindowFigures])[] {
  const windows = findTarget(result, shape, target)?.windows ?? []
  const partners = findTarget(result, shape, base)?.windows ?? []
  return windows.flatMap((window) => {
    const partner = partners.find(({ round }) => round === window.round)
    return partner === undefined ? [] : [[window, partner] as const]
  })
}
