/**
 * The benchmark: every target in front of the same upstream, under the same load, in turns.
 *
 * See README.md for how to read the figures.
 */

import { choosePinning, type Child, type Pinning } from './children.ts'
import { describeMachine, loadAverage, type LoadAverage, type Machine } from './machine.ts'
import { runBenchmark } from './command.ts'
import type { Options } from './options.ts'
import { formatShape, printConditions } from './report.ts'
import { measureRounds } from './rounds.ts'
import { ALL_SHAPES, DEFAULT_SHAPES, REQUIRED_SHAPE, type Shape } from './shapes.ts'
import {
  judge,
  summariseShape,
  toTelemetry,
  type Goal,
  type Measured,
  type Requirement,
  type ShapeResult,
} from './summary.ts'
import {
  BASE_TARGET,
  TARGET_NAMES,
  startHelper,
  startTarget,
  startWorker,
  whyAbsent,
  type RunningTarget,
  type TargetName,
} from './targets.ts'
import { measureWindow, type WindowFigures } from './window.ts'

/** The file that a run writes; README.md documents it. */
interface RunResult {
  readonly version: 1
  readonly startedAt: string
  readonly endedAt: string
  readonly options: {
    readonly rounds: number
    readonly seconds: number
    readonly warmupSeconds: number
    readonly pinned: Pinning | null
  }
  readonly machine: Machine
  readonly loadAverage: { readonly before: LoadAverage; readonly after: LoadAverage }
  readonly absent: readonly { readonly target: TargetName; readonly reason: string }[]
  readonly requirement: Requirement
  readonly shapes: readonly ShapeResult[]
}

const GOAL: Goal = {
  text: `calls/s through sidelight >= ${BASE_TARGET} at ${REQUIRED_SHAPE}`,
  target: 'sidelight',
  shape: REQUIRED_SHAPE,
  ratio: 1,
}

const CATALOGUE = {
  command: 'npm run bench',
  shapes: ALL_SHAPES,
  defaultShapes: DEFAULT_SHAPES,
  targets: TARGET_NAMES,
  seconds: 3,
  goal: `sidelight is as fast as ${BASE_TARGET} at ${REQUIRED_SHAPE}`,
  name: 'run',
}

async function run(options: Options<TargetName>, startedAt: Date): Promise<RunResult> {
  const pinning = choosePinning(options.pin)
  const before = loadAverage()
  // Now, because the working copy may have changed by the end.
  const machine = describeMachine()
  const absent = options.targets.flatMap((target) => {
    const reason = whyAbsent(target)
    return reason === undefined ? [] : [{ target, reason }]
  })
  printConditions(pinning, before, absent)
  const present = options.targets.filter((name) => !absent.some(({ target }) => target === name))
  const upstream = await startHelper('processes/upstream.ts', pinning)
  const load = startWorker('processes/load.ts', pinning)
  const shapes: ShapeResult[] = []
  for (const shape of options.shapes) {
    const bench: Bench = { options, shape, pinning, load, upstream: upstream.child }
    const result = await measureShape(bench, present, upstream.port)
    console.log(formatShape(result))
    shapes.push(result)
  }
  await load.stop()
  await upstream.child.stop()
  return {
    version: 1,
    startedAt: startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    options: {
      rounds: options.rounds,
      seconds: options.seconds,
      warmupSeconds: options.warmupSeconds,
      pinned: pinning ?? null,
    },
    machine,
    loadAverage: { before, after: loadAverage() },
    absent,
    requirement: judge(shapes, GOAL),
    shapes,
  }
}

interface Bench {
  readonly options: Options
  readonly shape: Shape
  readonly pinning: Pinning | undefined
  readonly load: Child
  readonly upstream: Child
}

/** One target while its shape is measured. */
interface Entry {
  readonly target: RunningTarget
  readonly windows: WindowFigures[]
  callsInAll: number
}

async function measureShape(
  bench: Bench,
  names: readonly TargetName[],
  upstreamPort: number,
): Promise<ShapeResult> {
  const { shape, pinning, options } = bench
  const entries: Entry[] = []
  for (const name of names) {
    const target = await startTarget(name, { shape, upstreamPort, pinning })
    entries.push({ target, windows: [], callsInAll: 0 })
  }
  await measureRounds(entries, options, async (entry, round, seconds) => {
    const figures = await measure(bench, entry, round, seconds)
    if (round >= 0) entry.windows.push(figures)
  })
  const measured: Measured[] = []
  for (const entry of entries) measured.push(await finish(entry))
  return summariseShape(shape, measured, BASE_TARGET)
}

async function measure(
  { load, upstream, shape }: Bench,
  entry: Entry,
  round: number,
  seconds: number,
): Promise<WindowFigures> {
  const { target } = entry
  const outcome = await measureWindow(load, target, shape, [upstream.pid], { round, seconds })
  entry.callsInAll += outcome.callsInAll
  return outcome.figures
}

async function finish({ target, windows, callsInAll }: Entry): Promise<Measured> {
  const telemetry = toTelemetry(await target.stop(), callsInAll)
  return { target: target.name, windows, telemetry }
}

process.exitCode = await runBenchmark(CATALOGUE, run)
