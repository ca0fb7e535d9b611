/** The result of the fault benchmark, and what is required of it. */

import type { LaneFigures } from './fault-messages.ts'
import type { LoadAverage, Machine } from './machine.ts'
import { quartiles } from './summary.ts'

/** `direct`: the agents call the upstreams themselves. */
export const TARGETS = ['direct', 'sidelight'] as const

export type Target = (typeof TARGETS)[number]

export interface ScenarioRun {
  readonly scenario: string
  readonly target: Target
  readonly round: number
  /** By phase (`well`, `bad`, `again`), then by upstream; the first is the bad one. */
  readonly phases: Readonly<Record<string, readonly LaneFigures[]>>
  /** Of the three good upstreams together, by phase. */
  readonly othersP99Ms: Readonly<Record<string, number>>
  /** Requests that came to the bad upstream, by phase, health checks included. */
  readonly reached: Readonly<Record<string, number>>
}

export interface FaultRequirement {
  readonly text: string
  readonly verdict: 'pass' | 'fail' | 'not_measured'
  /** Median over the rounds. */
  readonly othersP99Ratio: number | null
  readonly othersLost: number | null
  readonly backToFullMs: number | null
}

/** The file that a run writes; README.md documents it. */
export interface FaultRun {
  readonly version: 1
  readonly startedAt: string
  readonly endedAt: string
  readonly options: {
    readonly rounds: number
    readonly seconds: { readonly well: number; readonly bad: number; readonly again: number }
    readonly callsPerSecond: number
  }
  readonly machine: Machine
  readonly loadAverage: { readonly before: LoadAverage; readonly after: LoadAverage }
  readonly requirement: FaultRequirement
  readonly runs: readonly ScenarioRun[]
}

const P99_RATIO_MAX = 1.2
const BACK_TO_FULL_MS_MAX = 15_000

const REQUIRED = `with one of four upstreams hanging, the other three keep p99 within ${P99_RATIO_MAX} of undisturbed and lose no call, and full traffic is back within ${BACK_TO_FULL_MS_MAX / 1000} s`

export function judgeFaults(runs: readonly ScenarioRun[]): FaultRequirement {
  const hanging = runs.filter(
    ({ scenario, target }) => scenario === 'hanging' && target === 'sidelight',
  )
  const ratio = quartiles(hanging.map(othersP99Ratio))?.median ?? null
  if (ratio === null) {
    return {
      text: REQUIRED,
      verdict: 'not_measured',
      othersP99Ratio: null,
      othersLost: null,
      backToFullMs: null,
    }
  }
  const lost = hanging.reduce((sum, each) => sum + othersLost(each), 0)
  const back = Math.max(...hanging.map(backToFullMs))
  const holds = ratio <= P99_RATIO_MAX && lost === 0 && back <= BACK_TO_FULL_MS_MAX
  return {
    text: `${REQUIRED} (ratio ${ratio.toFixed(2)}, ${lost} lost, ${(back / 1000).toFixed(1)} s)`,
    verdict: holds ? 'pass' : 'fail',
    othersP99Ratio: ratio,
    othersLost: lost,
    backToFullMs: back,
  }
}

/** While the first upstream is bad, to before. */
export function othersP99Ratio({ othersP99Ms }: ScenarioRun): number {
  return (othersP99Ms['bad'] ?? 0) / Math.max(0.001, othersP99Ms['well'] ?? 0)
}

/** Calls to the three good upstreams that were not answered by them. */
export function othersLost({ phases }: ScenarioRun): number {
  const others = Object.values(phases).flatMap((lanes) => lanes.slice(1))
  return others.reduce((sum, { calls, answered }) => sum + calls - answered, 0)
}

/** From the end of the fault to the last call that was not answered because of it. */
export function backToFullMs({ phases }: ScenarioRun): number {
  return phases['again']?.[0]?.lastBadMs ?? 0
}

/** One line for each, for people who watch. */
export function formatScenarios(runs: readonly ScenarioRun[]): string {
  return runs
    .map((each) => {
      const bad = each.phases['bad']?.[0]
      const refused = Object.entries(bad?.refused ?? {}).map(([why, count]) => `${why} ${count}`)
      return [
        `${each.scenario.padEnd(12)} ${each.target.padEnd(9)}`,
        `bad: ${bad?.calls} calls, ${bad?.answered} answered, ${bad?.failed} failed, ${bad?.open} open`,
        `refused: ${refused.join(', ') || 'none'}`,
        `p50 ${bad?.p50Ms} p99 ${bad?.p99Ms} max ${bad?.maxMs} ms`,
        `reached ${each.reached['bad']}`,
        `others: p99 ${each.othersP99Ms['well']} -> ${each.othersP99Ms['bad']} ms, ${othersLost(each)} lost`,
        `back after ${backToFullMs(each)} ms`,
      ].join(' | ')
    })
    .join('\n')
}
