/** One shape of a run: its targets are started, warmed up, measured in turns, and stopped. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Caller } from './caller.ts'
import type { Child, Pinning } from './children.ts'
import { startWorker, type RunningTarget } from './launch.ts'
import { loadAverage } from './machine.ts'
import type { Options } from './options.ts'
import { readProcess } from './procfs.ts'
import { measureRounds, roundsOfStarts } from './rounds.ts'
import type { MeasuredShape } from './run-result.ts'
import { beginSessions, holdStreams } from './sessions.ts'
import type { Shape } from './shapes.ts'
import { together, type OneStart } from './starts.ts'
import { quartiles, summariseShape, type Measured } from './summary.ts'
import { BASE_TARGETS, startTarget } from './targets.ts'
import { warmUp } from './warm-up.ts'
import { measureWindow, type LoadTarget, type WindowFigures } from './window.ts'

/** wrk, or our own where there is none: it spends about as much, and checks answers as well. */
export type Generator = 'wrk' | 'node'

export interface Bench {
  readonly options: Options
  readonly pinning: Pinning | undefined
  readonly caller: Caller
  readonly upstreamPort: number
  readonly generator: Generator
  /** Of what is measured. */
  readonly commit: string | null
}

/** What loads the targets of a shape; bridges have a load of their own. */
interface Loads {
  /** A closed loop on Node, which ends at a number of calls. */
  readonly warmUp: Child
  readonly measured: Child
  /** The measured load is itself on Node and has done nothing yet. */
  readonly isCold: boolean
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

export async function measureShape(
  bench: Bench,
  shape: Shape,
  names: readonly string[],
): Promise<MeasuredShape> {
  const startedAt = new Date()
  const before = loadAverage()
  const { rounds, seconds } = bench.options
  const starts: Start[] = []
  for (const ofStart of roundsOfStarts(rounds, shape.starts)) {
    starts.push(await measureStart(bench, shape, names, ofStart))
  }
  const measured = names.map((name) =>
    together(
      name,
      starts.flatMap((start) => start.targets.filter(({ target }) => target === name)),
    ),
  )
  return {
    ...summariseShape(shape, measured, BASE_TARGETS[shape.job]),
    conditions: {
      startedAt: startedAt.toISOString(),
      endedAt: new Date().toISOString(),
      commit: bench.commit,
      rounds,
      starts: starts.length,
      seconds,
      warmUpCalls: fewestCalls(names, starts),
      loadAverage: { before, after: loadAverage() },
      foreignCores: foreignCoresOf(measured),
    },
  }
}

/** What came of one start of all targets. */
interface Start {
  readonly targets: readonly OneStart[]
  readonly warmUpCalls: Readonly<Record<string, number>>
}

/** Whatever goes wrong, nothing that it has started is left running. */
async function measureStart(
  bench: Bench,
  shape: Shape,
  names: readonly string[],
  rounds: readonly number[],
): Promise<Start> {
  const { source, peers, settleSeconds } = bench.options
  const loads = startLoads(shape, bench)
  const targets: RunningTarget[] = []
  try {
    for (const name of names) {
      targets.push(await startTarget(name, { ...bench, shape, source }, peers))
    }
    await sleep(settleSeconds * 1_000)
    const entries: Entry[] = []
    for (const target of targets) entries.push(await prepare(bench, shape, target))
    const warmUpCalls = await warmUpAll(bench, shape, loads, entries)
    await measureRounds(entries, rounds, async (entry, round) => {
      entry.windows.push(await measure(bench, shape, loads.measured, entry, round))
    })
    await sleep(settleSeconds * 1_000)
    return { targets: await Promise.all(entries.map(finish)), warmUpCalls }
  } finally {
    await Promise.allSettled(targets.map((target) => target.stop()))
    await Promise.all([loads.warmUp.stop(), loads.measured.stop()])
  }
}

function fewestCalls(
  names: readonly string[],
  starts: readonly Start[],
): Readonly<Record<string, number>> {
  const fewest = (name: string): number =>
    Math.min(...starts.map(({ warmUpCalls }) => warmUpCalls[name] ?? 0))
  return Object.fromEntries(names.map((name) => [name, fewest(name)]))
}

function startLoads({ sdk, rate }: Shape, { generator, pinning }: Bench): Loads {
  const start = (script: string): Child => startWorker(`processes/${script}.ts`, pinning)
  const closed = start('load')
  if (sdk) return { warmUp: closed, measured: start('sdk-load'), isCold: true }
  if (rate !== undefined) return { warmUp: closed, measured: start('open-load'), isCold: true }
  const measured = generator === 'wrk' ? start('wrk-load') : closed
  return { warmUp: closed, measured, isCold: false }
}

async function prepare({ caller }: Bench, shape: Shape, target: RunningTarget): Promise<Entry> {
  const rssIdleMb = rssMbOf(target)
  const { era } = shape
  const facts = { port: target.port, path: target.path, era, headers: caller.headers }
  const sessionIds = await beginSessions(facts, shape.sessions)
  const streams = shape.streams ? await holdStreams(facts, sessionIds) : undefined
  return { target, windows: [], sessionIds, streams, rssIdleMb, callsInAll: 0 }
}

/** Resolves to the calls that each target has had, in the order of the targets' names. */
async function warmUpAll(
  bench: Bench,
  shape: Shape,
  loads: Loads,
  entries: readonly Entry[],
): Promise<Readonly<Record<string, number>>> {
  const calls: Record<string, number> = {}
  for (const entry of entries) {
    const load = entry.target.load ?? loads.warmUp
    const made = await warmUp(load, loadTargetOf(bench, entry), shape, bench.options.warmUp)
    entry.callsInAll += made
    calls[entry.target.name] = made
  }
  if (loads.isCold) {
    for (const entry of entries) await measure(bench, shape, loads.measured, entry, -1)
  }
  return calls
}

async function measure(
  bench: Bench,
  shape: Shape,
  load: Child,
  entry: Entry,
  round: number,
): Promise<WindowFigures> {
  const longer = shape.rate === undefined ? 1 : RATE_WINDOWS
  const options = { round, seconds: bench.options.seconds * longer }
  const to = loadTargetOf(bench, entry)
  const outcome = await measureWindow(entry.target.load ?? load, to, shape, options)
  entry.callsInAll += outcome.callsInAll
  return outcome.figures
}

function loadTargetOf({ caller }: Bench, { target, sessionIds }: Entry): LoadTarget {
  return { ...target, headers: caller.headers, sessionIds }
}

async function finish(entry: Entry): Promise<OneStart> {
  const { target, windows, streams, rssIdleMb, callsInAll } = entry
  const rssAfterMb = rssMbOf(target)
  streams?.close()
  const sink = await target.stop()
  const { name, start } = target
  return { target: name, windows, callsInAll, sink, rssIdleMb, rssAfterMb, start }
}

function rssMbOf({ pid }: RunningTarget): number | null {
  const rssBytes = readProcess(pid)?.rssBytes
  return rssBytes === undefined ? null : Number((rssBytes / 1024 ** 2).toFixed(1))
}

function foreignCoresOf(measured: readonly Measured[]): number | null {
  const cores = measured.flatMap(({ windows }) =>
    windows.flatMap((each) => each.foreignCores ?? []),
  )
  return quartiles(cores)?.median ?? null
}
