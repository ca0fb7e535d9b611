/** The file that `npm run bench` writes, whole or not yet, and how runs are put together. */

import { existsSync, readFileSync } from 'node:fs'
import type { Pinning } from './children.ts'
import type { Problem } from './command.ts'
import type { LoadAverage, Machine } from './machine.ts'
import type { Requirement, ShapeResult } from './summary.ts'
import type { WarmUp } from './warm-up.ts'

/** README.md documents it. */
export interface RunResult {
  readonly version: 2
  readonly startedAt: string
  readonly endedAt: string
  /** Shapes that were to be measured and have not been; none when the run has come to its end. */
  readonly missing: readonly string[]
  /** Of the last run that has added to the file. */
  readonly options: {
    readonly rounds: number
    readonly seconds: number
    readonly warmUp: WarmUp
    readonly pinned: Pinning | null
    readonly generator: string
    readonly program: 'bundle' | 'source'
  }
  readonly machine: Machine
  readonly loadAverage: { readonly before: LoadAverage; readonly after: LoadAverage }
  readonly absent: readonly { readonly target: string; readonly reason: string }[]
  readonly requirement: Requirement
  readonly shapes: readonly MeasuredShape[]
}

/** Under which conditions a shape was measured: shapes of one file may be of different hours. */
export interface ShapeConditions {
  readonly startedAt: string
  readonly endedAt: string
  readonly commit: string | null
  readonly rounds: number
  /** So often were the targets started anew. */
  readonly starts: number
  readonly seconds: number
  /** By target, the fewest of any start. */
  readonly warmUpCalls: Readonly<Record<string, number>>
  readonly loadAverage: { readonly before: LoadAverage; readonly after: LoadAverage }
  /** Median over all windows; null where nobody can say. */
  readonly foreignCores: number | null
}

export interface MeasuredShape extends ShapeResult {
  readonly conditions: ShapeConditions
}

/** What a file holds that shapes are to be added to, or why none can be. */
export function readEarlier(
  file: string,
): { readonly kind: 'earlier'; readonly earlier: RunResult } | Problem {
  if (!existsSync(file)) return { kind: 'problem', message: `${file}: there is no such file` }
  try {
    const earlier: RunResult = JSON.parse(readFileSync(file, 'utf8'))
    if (earlier.version === 2) return { kind: 'earlier', earlier }
  } catch {
    // Not JSON, which is said like any other content that is none of a run.
  }
  return { kind: 'problem', message: `${file}: expected the result of a run of npm run bench` }
}

/** What must be the same for shapes to stand in one file; undefined when all of it is. */
export function whyApart(
  one: Pick<RunResult, 'machine' | 'options'>,
  other: Pick<RunResult, 'machine' | 'options'>,
): string | undefined {
  const facts = ({ machine, options }: Pick<RunResult, 'machine' | 'options'>): object => ({
    cpu: machine.cpu,
    cores: machine.cores,
    node: machine.node,
    pinned: options.pinned,
    generator: options.generator,
    program: options.program,
  })
  const [before, now] = [Object.entries(facts(one)), Object.entries(facts(other))]
  const at = before.findIndex(
    ([, value], i) => JSON.stringify(value) !== JSON.stringify(now[i]?.[1]),
  )
  return before[at]?.[0]
}

/** The shapes of both, those of `now` in place of the same of `earlier`, in the catalogue's order. */
export function mergeShapes<T extends { readonly shape: string }>(
  earlier: readonly T[],
  now: readonly T[],
  order: readonly string[],
): readonly T[] {
  const kept = earlier.filter(({ shape }) => !now.some((each) => each.shape === shape))
  const place = ({ shape }: T): number => {
    const at = order.indexOf(shape)
    return at < 0 ? order.length : at
  }
  return [...kept, ...now].toSorted((a, b) => place(a) - place(b))
}
