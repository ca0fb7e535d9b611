/**
 * The soak: `npm run bench:soak` says what a session and a stream cost in memory, whether a stream of any
 * size passes in a constant amount of it, and whether anything grows over twenty minutes of clients that
 * come, do all sorts of things, and go. Sidelight has everything switched on, and runs from its bundle.
 */

import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createCaller, type Caller } from './caller.ts'
import { Churn, type ChurnCounts } from './churn.ts'
import { besideProgram, startHelper, type Place, type RunningTarget } from './launch.ts'
import { describeMachine, loadAverage } from './machine.ts'
import { isMemory, type Memory } from './messages.ts'
import { readProcess } from './procfs.ts'
import { save } from './report.ts'
import { beginSessions, holdStreams } from './sessions.ts'
import { shape } from './shapes.ts'
import { readThrough } from './stream-client.ts'
import { SAMPLED_TEN_PERCENT, startFull } from './target-sidelight.ts'
import { medianOf, trendOf, type Sample, type Trend } from './trend.ts'

const SHAPE = shape('json-200B', 200, 32)

/** Sessions, and streams, whose cost is measured. */
const CROWD = 1_000

/** Streams of these sizes pass; what they take must not grow with them. */
const STREAMS_MB = [64, 512]

const SETTLE_MS = 3_000
const SAMPLE_MS = 5_000
/** Of samples: the heap is collected before the sixth, so that what is garbage does not count. */
const COLLECTED_EVERY = 6
const ANSWER_MS = 20_000

const MB = 1_048_576

interface Bench {
  readonly caller: Caller
  readonly upstreamPort: number
}

function startSidecar({ caller, upstreamPort }: Bench, few: boolean): Promise<RunningTarget> {
  const nodeArgs = ['--expose-gc', ...besideProgram('memory-probe.ts')]
  const place: Place = {
    shape: SHAPE,
    upstreamPort,
    pinning: undefined,
    caller,
    source: false,
    nodeArgs,
    few,
  }
  return startFull('full-10', place, SAMPLED_TEN_PERCENT)
}

async function ask(target: RunningTarget, what: 'memory' | 'memory_collected'): Promise<Memory> {
  const { channel } = target
  if (channel === undefined) throw new Error('the sidecar has no channel')
  const answer = once(channel, 'message', { signal: AbortSignal.timeout(ANSWER_MS) })
  channel.send(what)
  const [message]: unknown[] = await answer
  if (!isMemory(message)) throw new Error('the sidecar does not say what memory it has')
  return message
}

/** What sessions and streams cost, as the result has it. */
export interface Costs {
  readonly rssIdleMb: number
  readonly crowd: number
  readonly rssWithSessionsMb: number
  readonly rssWithStreamsMb: number
  /** Of what cannot be collected, buffers included. */
  readonly bytesPerSession: number
  readonly bytesPerStream: number
  readonly streams: readonly {
    readonly megabytes: number
    /** Most resident memory while it passed, above what there was before. */
    readonly rssGrowthMb: number
  }[]
}

/** Each step is looked at as it is, and then after everything that can be collected was. */
async function measureCosts(bench: Bench): Promise<Costs> {
  const target = await startSidecar(bench, false)
  const facts = {
    port: target.port,
    path: target.path,
    era: SHAPE.era,
    headers: bench.caller.headers,
  }
  const look = async (): Promise<{ readonly rssMb: number; readonly live: number }> => {
    await sleep(SETTLE_MS)
    const { rssBytes } = await ask(target, 'memory')
    const { heapBytes, externalBytes } = await ask(target, 'memory_collected')
    return { rssMb: rssBytes / MB, live: heapBytes + externalBytes }
  }
  const idle = await look()
  // What the first sessions load and grow is no cost of each.
  await beginSessions(facts, SHAPE.sessions)
  const before = await look()
  const sessionIds = await beginSessions(facts, CROWD)
  const withSessions = await look()
  const streams = await holdStreams(facts, sessionIds)
  const withStreams = await look()
  streams.close()
  const measuredStreams: StreamCost[] = []
  for (const size of STREAMS_MB) measuredStreams.push(await measureStream(target, bench, size))
  await target.stop()
  return {
    rssIdleMb: rounded(idle.rssMb),
    crowd: CROWD,
    rssWithSessionsMb: rounded(withSessions.rssMb),
    rssWithStreamsMb: rounded(withStreams.rssMb),
    bytesPerSession: Math.round((withSessions.live - before.live) / CROWD),
    bytesPerStream: Math.round((withStreams.live - withSessions.live) / CROWD),
    streams: measuredStreams,
  }
}

/** A stream much larger than what the process has, read slowly at times. */
type StreamCost = Costs['streams'][number]

async function measureStream(
  target: RunningTarget,
  { caller }: Bench,
  sizeMb: number,
): Promise<StreamCost> {
  await ask(target, 'memory_collected')
  const rssOf = (): number => (readProcess(target.pid)?.rssBytes ?? 0) / MB
  const before = rssOf()
  let most = before
  const timer = setInterval(() => (most = Math.max(most, rssOf())), 50)
  const url = `http://127.0.0.1:${target.port}${target.path}`
  const megabytes = await readThrough(url, caller, `list_stream_${sizeMb}`)
  clearInterval(timer)
  return { megabytes: Math.round(megabytes), rssGrowthMb: rounded(most - before) }
}

interface Soak {
  readonly minutes: number
  readonly churn: ChurnCounts
  /** Resident memory as it was. */
  readonly rss: Trend
  /** Heap after everything that can be collected was; buffers come and go with streams. */
  readonly live: Trend
  readonly samples: readonly Sample[]
}

async function soak(bench: Bench, minutes: number, callsPerSecond: number): Promise<Soak> {
  // What is kept of clients that are gone is bounded: with low limits that is so within the warm-up.
  const target = await startSidecar(bench, true)
  const url = `http://127.0.0.1:${target.port}${target.path}`
  const churn = new Churn(url, bench.caller, callsPerSecond)
  const running = churn.run()
  const samples: Sample[] = []
  const begunAt = performance.now()
  for (let at = 0; at < minutes * 60_000; at = performance.now() - begunAt) {
    await sleep(SAMPLE_MS)
    const seconds = Math.round((performance.now() - begunAt) / 1_000)
    const { rssBytes } = await ask(target, 'memory')
    const due = (samples.length + 1) % COLLECTED_EVERY === 0
    const kept = due ? await ask(target, 'memory_collected') : undefined
    const liveMb = kept === undefined ? null : rounded(kept.heapBytes / MB, 2)
    const buffersMb = kept === undefined ? null : rounded(kept.externalBytes / MB, 2)
    samples.push({ seconds, rssMb: rounded(rssBytes / MB), liveMb, buffersMb })
    if (due)
      console.log(
        `${seconds} s: RSS ${rounded(rssBytes / MB)} MB, live ${liveMb} MB and ${buffersMb} MB of buffers`,
      )
  }
  churn.stop()
  await running
  await target.stop()
  return {
    minutes,
    churn: { ...churn.counts, streamedMb: Math.round(churn.counts.streamedMb) },
    rss: trendOf(samples.map(({ seconds, rssMb }) => ({ seconds, mb: rssMb }))),
    live: trendOf(
      samples.flatMap(({ seconds, liveMb }) => (liveMb === null ? [] : [{ seconds, mb: liveMb }])),
    ),
    samples,
  }
}

function rounded(value: number, digits = 1): number {
  return Number(value.toFixed(digits))
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    rate: { type: 'string', default: '200' },
    repeat: { type: 'string', default: '3' },
    out: { type: 'string' },
  },
})

const before = loadAverage()
const upstream = await startHelper('processes/soak-upstream.ts', undefined)
const bench: Bench = { caller: await createCaller(), upstreamPort: upstream.port }
const all: Costs[] = []
for (let i = 0; i < Number(values.repeat); i += 1) {
  const measured = await measureCosts(bench)
  console.log(JSON.stringify(measured))
  all.push(measured)
}
const soaked = await soak(bench, Number(values.minutes), Number(values.rate))
await upstream.child.stop()
const { rss, live, churn } = soaked
console.log(JSON.stringify(churn))
console.log(
  `after warm-up: RSS ${rss.firstMb} to ${rss.lastMb} MB, ${rss.slopeMbPerHour} MB/h; live ${live.firstMb} to ${live.lastMb} MB, ${live.slopeMbPerHour} MB/h`,
)
if (values.out !== undefined) {
  const medianCost = (read: (costs: Costs) => number): number => medianOf(all.map(read))
  save(
    {
      version: 1,
      machine: describeMachine(),
      loadAverage: { before, after: loadAverage() },
      callsPerSecond: Number(values.rate),
      costs: {
        rssIdleMb: medianCost((each) => each.rssIdleMb),
        crowd: CROWD,
        rssWithSessionsMb: medianCost((each) => each.rssWithSessionsMb),
        rssWithStreamsMb: medianCost((each) => each.rssWithStreamsMb),
        bytesPerSession: medianCost((each) => each.bytesPerSession),
        bytesPerStream: medianCost((each) => each.bytesPerStream),
        streams: STREAMS_MB.map((megabytes, at) => ({
          megabytes,
          rssGrowthMb: medianCost(({ streams }) => streams[at]?.rssGrowthMb ?? 0),
        })),
        runs: all,
      },
      soak: soaked,
    },
    values.out,
  )
}
