/**
 * The benchmark: every target in front of the same upstream, under the same load, in turns.
 *
 * See README.md for how to read the figures.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { createCaller, type Caller } from './caller.ts'
import { choosePinning, isInstalled, type Child, type Pinning } from './children.ts'
import { describeMachine, loadAverage, type LoadAverage, type Machine } from './machine.ts'
import { runBenchmark } from './command.ts'
import { startHelper, startWorker, type RunningTarget } from './launch.ts'
import type { Options } from './options.ts'
import { readProcess } from './procfs.ts'
import { formatShape, printConditions } from './report.ts'
import { measureRounds } from './rounds.ts'
import { beginSessions, holdStreams } from './sessions.ts'
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
import { BASE_TARGETS, TARGET_NAMES, startTarget, targetsFor, whyAbsent } from './targets.ts'
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
    readonly generator: Generator
    readonly program: 'bundle' | 'source'
  }
  readonly machine: Machine
  readonly loadAverage: { readonly before: LoadAverage; readonly after: LoadAverage }
  readonly absent: readonly { readonly target: string; readonly reason: string }[]
  readonly requirement: Requirement
  readonly shapes: readonly ShapeResult[]
}

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
}

async function run(options: Options, startedAt: Date): Promise<RunResult> {
  const pinning = choosePinning(options.pin)
  const before = loadAverage()
  // Now, because the working copy may have changed by the end.
  const machine = describeMachine()
  const needed = new Set(options.shapes.flatMap((shape) => targetsFor(shape, options.targets)))
  const absent = [...needed].flatMap((target) => {
    const reason = whyAbsent(target)
    return reason === undefined ? [] : [{ target, reason }]
  })
  printConditions(pinning, before, absent)
  const generator = options.generator ?? (isInstalled('wrk') ? 'wrk' : 'node')
  const upstream = await startHelper('processes/upstream.ts', pinning)
  const setting = {
    options,
    pinning,
    caller: await createCaller(),
    upstreamPort: upstream.port,
    loads: startLoads(options.shapes, generator, pinning),
  }
  const shapes: ShapeResult[] = []
  for (const shape of options.shapes) {
    const names = [...targetsFor(shape, options.targets), ...peersFor(shape, options.peers)]
    const present = names.filter((name) => !absent.some(({ target }) => target === name))
    if (present.length === 0) continue
    const result = await measureShape({ ...setting, shape }, present)
    console.log(formatShape(result))
    shapes.push(result)
  }
  await Promise.all([...setting.loads.values()].map((load) => load.stop()))
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
      generator,
      program: options.source ? 'source' : 'bundle',
    },
    machine,
    loadAverage: { before, after: loadAverage() },
    absent,
    requirement: judge(shapes, GOAL),
    shapes,
  }
}

/** wrk, or our own where there is none: it spends about as much, and checks answers as well. */
type Generator = 'wrk' | 'node'

type LoadKind = 'closed' | 'open' | 'sdk'

/** Those that the shapes need; bridges have a load of their own. */
type Loads = ReadonlyMap<LoadKind, Child>

/** `closed`: the next call follows the answer. `open`: calls are made when they are due. */
function kindOfLoad({ sdk, rate }: Shape): LoadKind {
  if (sdk) return 'sdk'
  return rate === undefined ? 'closed' : 'open'
}

function startLoads(
  shapes: readonly Shape[],
  generator: Generator,
  pinning: Pinning | undefined,
): Loads {
  const scripts: Readonly<Record<LoadKind, string>> = {
    closed: generator === 'wrk' ? 'processes/wrk-load.ts' : 'processes/load.ts',
    open: 'processes/open-load.ts',
    sdk: 'processes/sdk-load.ts',
  }
  const kinds = new Set(shapes.filter(({ job }) => job !== 'bridge').map(kindOfLoad))
  return new Map([...kinds].map((kind) => [kind, startWorker(scripts[kind], pinning)]))
}

/** Configured commands take part in the shapes of their job. */
function peersFor({ job }: Shape, peers: ReadonlyMap<string, string>): readonly string[] {
  return [...peers].flatMap(([name, command]) =>
    (command.includes('{server}') ? 'stdio' : 'http') === job ? [name] : [],
  )
}

interface Bench {
  readonly options: Options
  readonly shape: Shape
  readonly pinning: Pinning | undefined
  readonly caller: Caller
  readonly upstreamPort: number
  readonly loads: Loads
}

/** One target while its shape is measured. */
interface Entry {
  readonly target: RunningTarget
  readonly windows: WindowFigures[]
  readonly sessionIds: readonly string[]
  readonly streams: { close(): void } | undefined
  readonly rssIdleMb: number | null
  callsInAll: number
}

/** At a fixed rate there are fewer calls, and the slowest of them are what is asked for. */
const RATE_WINDOWS = 3

/** What a target still does after its start or its load is over by then. */
const SETTLE_MS = 1_500

async function measureShape(bench: Bench, names: readonly string[]): Promise<ShapeResult> {
  const { shape, options } = bench
  const targets: RunningTarget[] = []
  for (const name of names) {
    const place = { ...bench, source: options.source }
    targets.push(await startTarget(name, place, options.peers))
  }
  await sleep(SETTLE_MS)
  const entries: Entry[] = []
  for (const target of targets) entries.push(await prepare(bench, target))
  await measureRounds(entries, options, async (entry, round, seconds) => {
    const figures = await measure(bench, entry, round, seconds)
    if (round >= 0) entry.windows.push(figures)
  })
  await sleep(SETTLE_MS)
  const measured: Measured[] = []
  for (const entry of entries) measured.push(await finish(entry))
  return summariseShape(shape, measured, BASE_TARGETS[shape.job])
}

async function prepare({ shape, caller }: Bench, target: RunningTarget): Promise<Entry> {
  const rssIdleMb = rssMbOf(target)
  const { era } = shape
  const facts = { port: target.port, path: target.path, era, headers: caller.headers }
  const sessionIds = await beginSessions(facts, shape.sessions)
  const streams = shape.streams ? await holdStreams(facts, sessionIds) : undefined
  return { target, windows: [], sessionIds, streams, rssIdleMb, callsInAll: 0 }
}

async function measure(
  { loads, shape, caller }: Bench,
  entry: Entry,
  round: number,
  seconds: number,
): Promise<WindowFigures> {
  const { target, sessionIds } = entry
  const load = target.load ?? loads.get(kindOfLoad(shape))
  if (load === undefined) throw new Error(`nothing loads ${shape.id}`)
  const to = { ...target, headers: caller.headers, sessionIds }
  const longer = shape.rate === undefined ? 1 : RATE_WINDOWS
  const outcome = await measureWindow(load, to, shape, { round, seconds: seconds * longer })
  entry.callsInAll += outcome.callsInAll
  return outcome.figures
}

async function finish(entry: Entry): Promise<Measured> {
  const { target, windows, streams, rssIdleMb, callsInAll } = entry
  const rssAfterMb = rssMbOf(target)
  streams?.close()
  const telemetry = toTelemetry(await target.stop(), callsInAll)
  const start = target.start ?? null
  return { target: target.name, windows, telemetry, rssIdleMb, rssAfterMb, start }
}

function rssMbOf({ pid }: RunningTarget): number | null {
  const rssBytes = readProcess(pid)?.rssBytes
  return rssBytes === undefined ? null : Number((rssBytes / 1024 ** 2).toFixed(1))
}

process.exitCode = await runBenchmark(CATALOGUE, run)
