/** The table of docs/resilience.md, from a recorded run of `npm run bench:faults`. */

import { readFileSync } from 'node:fs'
import type { LaneFigures } from '../bench/fault-messages.ts'
import { SCENARIOS } from '../bench/fault-scenarios.ts'
import {
  backToFullMs,
  othersLost,
  othersP99Ratio,
  type FaultRun,
  type ScenarioRun,
  type Target,
} from '../bench/fault-summary.ts'
import { quartiles } from '../bench/summary.ts'

/** Rows of the table, and what stands above it. */
export interface FaultTable {
  readonly lead: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export function readFaultTable(file: string): FaultTable {
  const run: FaultRun = JSON.parse(readFileSync(file, 'utf8'))
  const { cpu, cores, node } = run.machine
  const { callsPerSecond, seconds } = run.options
  const name = file.split('/').at(-1)
  return {
    lead: `${callsPerSecond} calls a second to four upstreams in turn, the first of them bad for ${seconds.bad} s, everything by default (${cpu}, ${cores} cores, Node ${node}; [${name}](../${file})):`,
    head: [
      'The upstream is',
      'Its callers, without Sidelight',
      'Its callers, with Sidelight',
      'Calls that reach it, of those made',
      'p99 of the other three, to before',
      'Lost by the other three',
      'Full traffic after',
    ],
    rows: SCENARIOS.map(({ name: scenario, what }) => {
      const of = (target: Target): readonly ScenarioRun[] => {
        const found = run.runs.filter((one) => one.scenario === scenario && one.target === target)
        if (found.length === 0) throw new Error(`${file} has no ${scenario} with ${target}`)
        return found
      }
      const [direct, sidelight] = [of('direct'), of('sidelight')]
      return [
        what,
        describeCallers(direct[0]?.phases['bad']?.[0]),
        describeCallers(sidelight[0]?.phases['bad']?.[0]),
        reachedOf(sidelight[0]),
        `${ratioOf(sidelight)} (without: ${ratioOf(direct)})`,
        `${sum(sidelight.map(othersLost))} (without: ${sum(direct.map(othersLost))})`,
        `${(Math.max(...sidelight.map(backToFullMs)) / 1000).toFixed(1)} s`,
      ]
    }),
  }
}

/** What became of their calls, and how long they waited for that. */
function describeCallers(lane: LaneFigures | undefined): string {
  if (lane === undefined) return ''
  const { calls, answered, refused, failed, open, p50Ms, p99Ms } = lane
  const told = sum(Object.values(refused))
  const shares = [
    [answered, 'answered'],
    [told, 'told why not'],
    [failed, 'an error'],
    [open, 'no answer'],
  ] as const
  const words = shares
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${percentOf(count, calls)} ${word}`)
  return `${words.join(', ')}; half wait ${waitOf(p50Ms)}, one in a hundred ${waitOf(p99Ms)}`
}

function percentOf(count: number, all: number): string {
  const percent = (100 * count) / Math.max(1, all)
  return percent < 1 ? '< 1 %' : `${percent.toFixed(0)} %`
}

function waitOf(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`
}

function reachedOf(run: ScenarioRun | undefined): string {
  const calls = run?.phases['bad']?.[0]?.calls ?? 0
  return `${run?.reached['bad'] ?? 0} of ${calls}`
}

function ratioOf(runs: readonly ScenarioRun[]): string {
  return (quartiles(runs.map(othersP99Ratio))?.median ?? 0).toFixed(2)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
