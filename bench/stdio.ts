/**
 * The benchmark over pipes: `sidelight wrap -- server` next to a process that only knows lines, and
 * to no process at all, under the same load, in turns.
 *
 * See README.md for how to read the figures.
 */

import { choosePinning, type Pinning } from './children.ts'
import { describeMachine, loadAverage, type LoadAverage, type Machine } from './machine.ts'
import { runBenchmark, type Measurement } from './command.ts'
import type { Options } from './options.ts'
import { formatShape, printConditions } from './report.ts'
import { measureRounds, roundsOfStarts } from './rounds.ts'
import type { Shape } from './shapes.ts'
import { STDIO_REQUIRED_SHAPE, STDIO_SHAPES } from './stdio-shapes.ts'
import {
  STDIO_BASE_TARGET,
  STDIO_TARGET_NAMES,
  startStdioTarget,
  type StdioTarget,
  type StdioTargetName,
} from './stdio-targets.ts'
import {
  judge,
  summariseShape,
  toTelemetry,
  type Goal,
  type Measured,
  type Requirement,
  type ShapeResult,
  type TargetResult,
} from './summary.ts'
import { warmUp, type WarmUp } from './warm-up.ts'
import { measureWindow, type LoadTarget, type WindowFigures } from './window.ts'

/** The file that a run writes; README.md documents it. */
interface RunResult {
  readonly version: 2
  readonly startedAt: string
  readonly endedAt: string
  readonly options: {
    readonly rounds: number
    readonly seconds: number
    readonly warmUp: WarmUp
    readonly pinned: Pinning | null
  }
  readonly machine: Machine
  readonly loadAverage: { readonly before: LoadAverage; readonly after: LoadAverage }
  readonly requirement: Requirement
  readonly shapes: readonly StdioShapeResult[]
}

interface StdioShapeResult extends ShapeResult {
  /** Length of a result's line. */
  readonly messageBytes: number
}

const GOAL: Goal = {
  text: `calls/s through wrap-10 >= 0.7 of ${STDIO_BASE_TARGET} at ${STDIO_REQUIRED_SHAPE}`,
  target: 'wrap-10',
  shape: STDIO_REQUIRED_SHAPE,
  ratio: 0.7,
}

const CATALOGUE = {
  command: 'npm run bench:stdio',
  shapes: STDIO_SHAPES,
  defaultShapes: STDIO_SHAPES,
  targets: STDIO_TARGET_NAMES,
  seconds: 2,
  goal: `${GOAL.target} has ${GOAL.ratio} of the calls/s of ${STDIO_BASE_TARGET} at ${GOAL.shape}`,
  name: 'stdio',
  addsToFiles: false,
}

async function run(
  options: Options<StdioTargetName>,
  startedAt: Date,
): Promise<Measurement<RunResult>> {
  const pinning = choosePinning(options.pin)
  const before = loadAverage()
  // Now, because the working copy may have changed by the end.
  const machine = describeMachine()
  printConditions(pinning, before, [])
  const shapes: StdioShapeResult[] = []
  for (const shape of options.shapes) {
    const { messageBytes } = shape
    const result = { ...(await measureShape(options, shape, pinning)), messageBytes }
    const perSecond = {
      title: 'MB/s',
      read: ({ callsPerSecond }: TargetResult) =>
        ((callsPerSecond * messageBytes) / 1_000_000).toFixed(0),
    }
    console.log(formatShape(result, [perSecond]))
    shapes.push(result)
  }
  const result: RunResult = {
    version: 2,
    startedAt: startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    options: {
      rounds: options.rounds,
      seconds: options.seconds,
      warmUp: options.warmUp,
      pinned: pinning ?? null,
    },
    machine,
    loadAverage: { before, after: loadAverage() },
    requirement: judge(shapes, GOAL),
    shapes,
  }
  return { kind: 'measured', result, failed: [] }
}

/** One target while its shape is measured. */
interface Entry {
  readonly target: StdioTarget
  readonly windows: WindowFigures[]
  callsInAll: number
}

async function measureShape(
  options: Options<StdioTargetName>,
  shape: Shape,
  pinning: Pinning | undefined,
): Promise<ShapeResult> {
  const entries: Entry[] = []
  const names = options.targets.length === 0 ? STDIO_TARGET_NAMES : options.targets
  for (const name of names) {
    const target = await startStdioTarget(name, shape, pinning)
    entries.push({ target, windows: [], callsInAll: 0 })
  }
  for (const entry of entries) {
    const { load } = entry.target
    entry.callsInAll += await warmUp(load, placeOf(entry), shape, options.warmUp)
  }
  const { seconds } = options
  const rounds = roundsOfStarts(options.rounds, 1).flat()
  await measureRounds(entries, rounds, async (entry, round) => {
    const outcome = await measureWindow(entry.target.load, placeOf(entry), shape, {
      round,
      seconds,
    })
    entry.callsInAll += outcome.callsInAll
    entry.windows.push(outcome.figures)
  })
  const measured: Measured[] = []
  for (const { target, windows, callsInAll } of entries) {
    const telemetry = toTelemetry(await target.stop(), callsInAll)
    measured.push({ target: target.name, windows, telemetry })
  }
  return summariseShape(shape, measured, STDIO_BASE_TARGET)
}

function placeOf({ target: { pid } }: Entry): LoadTarget {
  return { pid, port: 0, path: '', headers: [], sessionIds: [], loopDelay: noLoopDelay }
}

/** Targets over pipes have no channel to ask on. */
const noLoopDelay = (): Promise<undefined> => Promise.resolve(undefined)

process.exitCode = await runBenchmark(CATALOGUE, run)
