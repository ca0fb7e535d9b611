/**
 * The benchmark: every target in front of the same upstream, under the same load, in turns.
 *
 * See README.md for how to read the figures.
 */

import { createCaller } from './caller.ts'
import { choosePinning, isInstalled } from './children.ts'
import { describeMachine, loadAverage } from './machine.ts'
import { runBenchmark, type Measurement, type Problem } from './command.ts'
import { startHelper } from './launch.ts'
import { measureShape, type Bench } from './measure-shape.ts'
import type { Options } from './options.ts'
import { formatShape, printConditions, write } from './report.ts'
import {
  mergeShapes,
  readEarlier,
  whyApart,
  type MeasuredShape,
  type RunResult,
} from './run-result.ts'
import { ALL_SHAPES, DEFAULT_SHAPES, REQUIRED_SHAPE, type Shape } from './shapes.ts'
import { judge, type Goal } from './summary.ts'
import { TARGET_NAMES, targetsFor, whyAbsent } from './targets.ts'

const GOAL: Goal = {
  text: `calls/s through full-10 >= 0.75 of undici-pipe at ${REQUIRED_SHAPE}`,
  target: 'full-10',
  shape: REQUIRED_SHAPE,
  ratio: 0.75,
}

const CATALOGUE = {
  command: 'npm run bench',
  shapes: ALL_SHAPES,
  defaultShapes: DEFAULT_SHAPES,
  targets: TARGET_NAMES,
  seconds: 1.2,
  goal: `full-10 has ${GOAL.ratio} of the calls/s of undici-pipe at ${REQUIRED_SHAPE}`,
  name: 'run',
  addsToFiles: true,
}

/** A run as it is before its first shape. */
interface Begun {
  readonly options: Options
  readonly startedAt: Date
  readonly facts: Pick<RunResult, 'machine' | 'options' | 'absent'>
  readonly before: RunResult['loadAverage']['before']
  /** What the shapes are added to. */
  readonly earlier: RunResult | undefined
}

async function run(options: Options, startedAt: Date): Promise<Measurement<RunResult> | Problem> {
  const pinning = choosePinning(options.pin)
  const generator = options.generator ?? (isInstalled('wrk') ? 'wrk' : 'node')
  const found = options.adds === undefined ? undefined : readEarlier(options.adds)
  if (found?.kind === 'problem') return found
  const earlier = found?.earlier
  const { rounds, seconds, warmUp } = options
  const program = options.source ? 'source' : 'bundle'
  const facts = {
    // Now, because the working copy may have changed by the end.
    machine: describeMachine(),
    options: { rounds, seconds, warmUp, pinned: pinning ?? null, generator, program },
    absent: findAbsent(options),
  } as const
  const apart = earlier === undefined ? undefined : whyApart(earlier, facts)
  if (apart !== undefined) {
    const message = `${options.adds}: its ${apart} is not that of this run: measure all in one`
    return { kind: 'problem', message }
  }
  const begun: Begun = { options, startedAt, facts, before: loadAverage(), earlier }
  printConditions(pinning, begun.before, facts.absent)
  const upstream = await startHelper('processes/upstream.ts', pinning)
  const { commit } = facts.machine
  const caller = await createCaller()
  const bench = {
    options,
    pinning,
    caller,
    upstreamPort: upstream.port,
    generator,
    commit,
  } as const
  const measured = await measureShapes(bench, begun)
  await upstream.child.stop()
  return measured
}

/** What is measured is written after every shape, so that a run that is broken off leaves it. */
async function measureShapes(bench: Bench, begun: Begun): Promise<Measurement<RunResult>> {
  const { options, facts, earlier } = begun
  const asked = options.resumes ? onlyMissing(earlier, options.shapes) : options.shapes
  const shapes: MeasuredShape[] = []
  const failed: string[] = []
  for (const shape of asked) {
    const names = [...targetsFor(shape, options.targets), ...peersFor(shape, options.peers)]
    const present = names.filter((name) => !facts.absent.some(({ target }) => target === name))
    if (present.length === 0) continue
    try {
      const result = await measureShape(bench, shape, present)
      console.log(formatShape(result))
      shapes.push(result)
    } catch (error) {
      // The others are worth as much without it; it is named as missing, and can be measured again.
      console.error(`${shape.id} is not measured: ${String(error)}`)
      failed.push(shape.id)
    }
    if (options.out !== undefined) write(toResult(begun, asked, shapes), options.out)
    const minutes = (Date.now() - begun.startedAt.getTime()) / 60_000
    console.log(`${shapes.length} of ${asked.length} shapes after ${minutes.toFixed(1)} minutes`)
  }
  return { kind: 'measured', result: toResult(begun, asked, shapes), failed }
}

function toResult(
  { startedAt, facts, before, earlier }: Begun,
  asked: readonly Shape[],
  measured: readonly MeasuredShape[],
): RunResult {
  const order = ALL_SHAPES.map(({ id }) => id)
  const shapes = mergeShapes(earlier?.shapes ?? [], measured, order)
  const wanted = [...(earlier?.missing ?? []), ...asked.map(({ id }) => id)]
  const missing = wanted.filter((id) => !shapes.some(({ shape }) => shape === id))
  return {
    version: 2,
    startedAt: earlier?.startedAt ?? startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    missing: [...new Set(missing)],
    options: facts.options,
    machine: facts.machine,
    loadAverage: { before: earlier?.loadAverage.before ?? before, after: loadAverage() },
    absent: facts.absent,
    requirement: judge(shapes, GOAL),
    shapes,
  }
}

/** What an earlier run was to measure and has not; of it what is chosen now, when something is. */
function onlyMissing(earlier: RunResult | undefined, chosen: readonly Shape[]): readonly Shape[] {
  const missing = ALL_SHAPES.filter(({ id }) => earlier?.missing.includes(id) === true)
  return chosen === DEFAULT_SHAPES ? missing : missing.filter((shape) => chosen.includes(shape))
}

function findAbsent({ shapes, targets }: Options): RunResult['absent'] {
  const needed = new Set(shapes.flatMap((shape) => targetsFor(shape, targets)))
  return [...needed].flatMap((target) => {
    const reason = whyAbsent(target)
    return reason === undefined ? [] : [{ target, reason }]
  })
}

/** Configured commands take part in the shapes of their job. */
function peersFor({ job }: Shape, peers: ReadonlyMap<string, string>): readonly string[] {
  return [...peers].flatMap(([name, command]) =>
    (command.includes('{server}') ? 'stdio' : 'http') === job ? [name] : [],
  )
}

process.exitCode = await runBenchmark(CATALOGUE, run)
