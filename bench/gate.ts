/**
 * The gate: `npm run bench:gate` fails when a call through Sidelight, with everything switched on and
 * one call in ten traced, costs too much CPU in relation to a raw pipe on the same stack in the same run.
 *
 * Each pair of processes is started anew, warmed up, and measured in short windows in turns; the median
 * of its ratios counts once, because two instances of one program differ more than two windows of one.
 * Pairs are added until it is clear on which side of the limit the median lies, or until the time is up.
 */

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createCaller, type Caller } from './caller.ts'
import { choosePinning, type Child, type Pinning } from './children.ts'
import {
  estimate,
  judge,
  RATIOS_MIN,
  type Estimate,
  type PairFigures,
  type Verdict,
} from './gate-verdict.ts'
import {
  besideProgram,
  startHelper,
  startWorker,
  type Place,
  type RunningTarget,
} from './launch.ts'
import { describeMachine, loadAverage } from './machine.ts'
import { newestResult } from './newest-result.ts'
import { save } from './report.ts'
import { beginSessions } from './sessions.ts'
import { shape } from './shapes.ts'
import { quartiles } from './summary.ts'
import { SAMPLED_TEN_PERCENT, startFull } from './target-sidelight.ts'
import { startTarget } from './targets.ts'
import { WARM_UP, warmUp } from './warm-up.ts'
import { measureWindow, type LoadTarget, type WindowFigures } from './window.ts'

/**
 * So much worse than recorded may a call be. The median of a run moves by a few percent from run to run
 * (docs/performance.md), and a fifth more CPU per call must fail. Whoever makes calls cheaper records anew.
 */
const MARGIN = 1.12

const PAIRS_MAX = 9
/** No pair is begun after that, once there are enough to say anything. */
const TIME_MAX_MS = 80_000
const SETTLE_MS = 300
const MEASURED = { rounds: 6, seconds: 0.3 }

/** Does nothing unless it is told how much. */
const BURN = besideProgram('burn.ts')

const SHAPE = shape('json-200B', 200, 32)

interface Bench {
  readonly pinning: Pinning | undefined
  readonly caller: Caller
  readonly upstreamPort: number
  readonly load: Child
  readonly burnUs: number
}

interface Pair extends PairFigures {
  readonly pipeUs: number
  readonly fullUs: number
}

interface Ready {
  readonly target: RunningTarget
  readonly sessionIds: readonly string[]
}

async function measurePair(bench: Bench): Promise<Pair> {
  const place: Place = { ...bench, shape: SHAPE, source: false, nodeArgs: BURN }
  const env = { ...SAMPLED_TEN_PERCENT, ...burning(bench.burnUs) }
  const pipe = await prepare(await startTarget('undici-pipe', place), bench)
  const full = await prepare(await startFull('full-10', place, env), bench)
  await sleep(SETTLE_MS)
  for (const each of [pipe, full])
    await warmUp(bench.load, loadTargetOf(bench, each), SHAPE, WARM_UP)
  const pipeUs: number[] = []
  const fullUs: number[] = []
  const foreign: number[] = []
  for (let round = 0; round < MEASURED.rounds; round += 1) {
    // Each goes first as often as the other.
    const first = round % 2 === 0 ? pipe : full
    const one = await measure(bench, first, MEASURED.seconds)
    const other = await measure(bench, first === pipe ? full : pipe, MEASURED.seconds)
    const [ofPipe, ofFull] = first === pipe ? [one, other] : [other, one]
    if (!isGood(ofPipe) || !isGood(ofFull)) continue
    pipeUs.push(ofPipe.cpuUsPerCall ?? 0)
    fullUs.push(ofFull.cpuUsPerCall ?? 0)
    foreign.push(ofPipe.foreignCores ?? 0, ofFull.foreignCores ?? 0)
  }
  await Promise.all([pipe.target.stop(), full.target.stop()])
  const ratios = fullUs.map((us, at) => us / (pipeUs[at] ?? us))
  return {
    ratio: medianOf(ratios),
    foreignCores: medianOf(foreign),
    pipeUs: medianOf(pipeUs),
    fullUs: medianOf(fullUs),
  }
}

async function prepare(target: RunningTarget, { caller }: Bench): Promise<Ready> {
  const { port, path } = target
  const facts = { port, path, era: SHAPE.era, headers: caller.headers }
  return { target, sessionIds: await beginSessions(facts, SHAPE.sessions) }
}

async function measure(bench: Bench, ready: Ready, seconds: number): Promise<WindowFigures> {
  const to = loadTargetOf(bench, ready)
  return (await measureWindow(bench.load, to, SHAPE, { round: 0, seconds })).figures
}

function loadTargetOf({ caller }: Bench, { target, sessionIds }: Ready): LoadTarget {
  return { ...target, headers: caller.headers, sessionIds }
}

function burning(us: number): Record<string, string> {
  if (us === 0) return {}
  return { BENCH_BURN_US: String(us) }
}

/** A window in which something went wrong says nothing of what a call costs. */
function isGood({ errors, cpuUsPerCall }: WindowFigures): boolean {
  const { status, content, connection, unanswered } = errors
  return cpuUsPerCall !== null && status + content + connection + unanswered === 0
}

function medianOf(values: readonly number[]): number {
  const median = quartiles(values)?.median
  if (median === undefined) throw new Error('the gate: no window was without errors')
  return median
}

interface Recorded {
  readonly estimate: Estimate
  readonly pairs: readonly Pair[]
}

function readRecorded(): Recorded | undefined {
  const file = newestResult('gate')
  return file === undefined ? undefined : JSON.parse(readFileSync(file, 'utf8'))
}

function recordedUs({ pairs }: Recorded): number {
  return medianOf(pairs.map(({ fullUs }) => fullUs))
}

interface Outcome {
  readonly verdict: Verdict
  readonly estimate: Estimate
  readonly pairs: readonly Pair[]
}

async function measureAll(bench: Bench, limit: number, pairsMin: number): Promise<Outcome> {
  const begunAt = performance.now()
  const pairs: Pair[] = []
  for (;;) {
    const pair = await measurePair(bench)
    pairs.push(pair)
    const { ratio, foreignCores, pipeUs, fullUs } = pair
    const levels = `${fullUs.toFixed(0)} to ${pipeUs.toFixed(0)} us of CPU per call`
    console.log(
      `pair ${pairs.length}: ${ratio.toFixed(3)} (${levels}; others kept ${foreignCores.toFixed(1)} cores busy)`,
    )
    const found = estimate(pairs.map((each) => each.ratio))
    if (found === undefined) continue
    const verdict = judge(pairs, limit)
    const over = pairs.length >= PAIRS_MAX || performance.now() - begunAt > TIME_MAX_MS
    if (over || (verdict !== 'unclear' && pairs.length >= pairsMin)) {
      return { verdict, estimate: found, pairs }
    }
  }
}

/**
 * `--out FILE` records the run; what is recorded as `DATE-gate.json` sets the limit from then on.
 * `--burn SHARE` makes calls so much more expensive on purpose, to see that the gate notices.
 */
const { values } = parseArgs({
  options: {
    limit: { type: 'string' },
    pairs: { type: 'string', default: String(RATIOS_MIN) },
    burn: { type: 'string', default: '0' },
    out: { type: 'string' },
  },
})

if (process.platform !== 'linux') {
  console.log('the gate reads CPU time from /proc, which only Linux has: nothing is measured here')
  process.exit(0)
}
const recorded = readRecorded()
const limit = Number(
  values.limit ?? (recorded === undefined ? NaN : recorded.estimate.median * MARGIN),
)
if (Number.isNaN(limit)) throw new Error('no run is recorded: give --limit and --out')
const pinning = choosePinning(true)
const before = loadAverage()
const upstream = await startHelper('processes/upstream.ts', pinning)
const bench: Bench = {
  pinning,
  caller: await createCaller(),
  upstreamPort: upstream.port,
  load: startWorker('processes/load.ts', pinning),
  burnUs: Number(values.burn) * (recorded === undefined ? 0 : recordedUs(recorded)),
}
const outcome = await measureAll(bench, limit, Number(values.pairs))
await bench.load.stop()
await upstream.child.stop()
const { median, low, high } = outcome.estimate
console.log(
  `${outcome.verdict.toUpperCase()}: CPU per call of full-10 is ${median.toFixed(3)} times the raw pipe's (between ${low.toFixed(3)} and ${high.toFixed(3)}); limit ${limit.toFixed(3)}`,
)
if (outcome.verdict === 'unclear')
  console.log('The machine is too noisy to tell, which is no failure.')
if (values.out !== undefined) {
  const { burnUs } = bench
  save(
    {
      version: 1,
      machine: describeMachine(),
      loadAverage: { before, after: loadAverage() },
      margin: MARGIN,
      limit,
      burnUs,
      ...outcome,
    },
    values.out,
  )
}
process.exitCode = outcome.verdict === 'fail' ? 1 : 0
