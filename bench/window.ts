/** One window of load against one target, and what it cost. */

import type { Child } from './children.ts'
import {
  isLoadMessage,
  type LoadErrors,
  type LoadMark,
  type LoadOrder,
  type LoadResult,
  type LoopDelay,
} from './messages.ts'
import { readMachine, readProcess, readTree, type MachineUse, type ProcessUse } from './procfs.ts'
import { bodyBytesOf } from './reply.ts'
import type { Shape } from './shapes.ts'

/** The figures of one window. CPU and memory are null where there is no `/proc`. */
export interface WindowFigures {
  readonly round: number
  readonly calls: number
  readonly seconds: number
  readonly callsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly errors: LoadErrors
  /** User and system time of the target's process, without those that it started. */
  readonly cpuUsPerCall: number | null
  readonly cpuUserUsPerCall: number | null
  readonly cpuSystemUsPerCall: number | null
  readonly rssMb: number | null
  /** Cores kept busy by programs that are no part of this run, and by the hypervisor. */
  readonly foreignCores: number | null
  /** How long the event loop of a target on Node was held up; null for others. */
  readonly loopDelayP99Ms: number | null
  /** At a fixed rate: how late calls were sent, which is the load generator's own fault. */
  readonly lateP99Ms: number | null
}

export interface WindowOptions {
  readonly round: number
  readonly seconds: number
  /** Ends the window early; undefined: so many that only a runaway reaches it. */
  readonly callsMax?: number
}

/** What a window needs to know of a target. */
export interface LoadTarget {
  readonly pid: number
  /** Where the load generator posts to; 0 and empty when it holds the target's pipes. */
  readonly port: number
  readonly path: string
  readonly headers: LoadOrder['headers']
  readonly sessionIds: readonly string[]
  readonly loopDelay: () => Promise<LoopDelay | undefined>
}

/** Connections, those of the target to the upstream too, are opened again in this time. */
const LEAD_MS = 150
const LEAD_PER_CONNECTION_MS = 0.7

const CALLS_MAX = 1_000_000

/** On top of a window's own time: nothing waits for ever. */
const PATIENCE_MS = 10_000

/** Bridges between pipes and HTTP may write messages in their own words. */
const BRIDGE_SLACK_BYTES = 256

export interface WindowOutcome {
  readonly figures: WindowFigures
  /** All right answers, those outside the measured time included. */
  readonly callsInAll: number
}

export async function measureWindow(
  load: Child,
  target: LoadTarget,
  shape: Shape,
  options: WindowOptions,
): Promise<WindowOutcome> {
  const look = (): Looks => ({
    target: readProcess(target.pid),
    ours: readTree(process.pid),
    machine: readMachine(),
  })
  let before: Looks | undefined
  let after: Looks | undefined
  await target.loopDelay()
  const result = await orderLoad(load, toOrder(target, shape, options), (mark) => {
    if (mark.kind === 'begun') before = look()
    else after = look()
  })
  const loopDelay = await target.loopDelay()
  const figures = toFigures(options.round, result, { before, after, loopDelay })
  return { figures, callsInAll: result.callsInAll }
}

/** What the processes had spent at one moment. */
interface Looks {
  readonly target: ProcessUse | undefined
  readonly ours: number | undefined
  readonly machine: MachineUse | undefined
}

function toOrder(
  target: LoadTarget,
  shape: Shape,
  { seconds, callsMax = CALLS_MAX }: WindowOptions,
): LoadOrder {
  return {
    kind: 'load',
    port: target.port,
    path: target.path,
    era: shape.era,
    headers: target.headers,
    sessionIds: target.sessionIds.slice(0, shape.connections),
    rate: shape.rate,
    connections: shape.connections,
    leadMs: LEAD_MS + shape.connections * LEAD_PER_CONNECTION_MS,
    windowMs: seconds * 1000,
    callsMax,
    bodyBytes: bodyBytesOf(shape),
    bodySlack: shape.job === 'http' ? 0 : BRIDGE_SLACK_BYTES,
  }
}

function orderLoad(
  { process: load }: Child,
  order: LoadOrder,
  onMark: (mark: LoadMark) => void,
): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer)
      load.off('message', onMessage)
      load.off('exit', onExit)
    }
    const onMessage = (message: unknown): void => {
      if (!isLoadMessage(message)) return
      if (message.kind !== 'result') return onMark(message)
      settle()
      resolve(message)
    }
    const onExit = (): void => {
      settle()
      reject(new Error('the load generator ended'))
    }
    const timer = setTimeout(
      () => {
        settle()
        reject(new Error('the load generator did not finish its window'))
      },
      order.leadMs + order.windowMs + PATIENCE_MS,
    )
    load.on('message', onMessage)
    load.once('exit', onExit)
    load.send(order)
  })
}

function toFigures(
  round: number,
  result: LoadResult,
  looks: {
    readonly before: Looks | undefined
    readonly after: Looks | undefined
    readonly loopDelay: LoopDelay | undefined
  },
): WindowFigures {
  const { before, after, loopDelay } = looks
  const { calls, elapsedMs, errors, p50Us, p99Us, p999Us, lateP99Us } = result
  const seconds = elapsedMs / 1000
  const perCall = (read: (use: ProcessUse) => number): number | null => {
    if (before?.target === undefined || after?.target === undefined || calls === 0) return null
    return rounded(((read(after.target) - read(before.target)) * 1e6) / calls, 1)
  }
  const rssBytes = after?.target?.rssBytes
  return {
    round,
    calls,
    seconds: rounded(seconds, 3),
    callsPerSecond: rounded(seconds === 0 ? 0 : calls / seconds, 1),
    p50Ms: rounded(p50Us / 1000, 3),
    p99Ms: rounded(p99Us / 1000, 3),
    p999Ms: rounded(p999Us / 1000, 3),
    errors,
    cpuUsPerCall: perCall(({ cpuSeconds }) => cpuSeconds),
    cpuUserUsPerCall: perCall(({ userSeconds }) => userSeconds),
    cpuSystemUsPerCall: perCall(({ systemSeconds }) => systemSeconds),
    rssMb: rssBytes === undefined ? null : rounded(rssBytes / 1024 ** 2, 1),
    foreignCores: foreignCores(seconds, before, after),
    loopDelayP99Ms: loopDelay === undefined ? null : rounded(loopDelay.p99Ms, 2),
    lateP99Ms: lateP99Us === undefined ? null : rounded(lateP99Us / 1000, 3),
  }
}

/** The machine's busy time less ours, per second. */
function foreignCores(
  seconds: number,
  before: Looks | undefined,
  after: Looks | undefined,
): number | null {
  const busy = difference(before?.machine?.busySeconds, after?.machine?.busySeconds)
  const ours = difference(before?.ours, after?.ours)
  if (busy === null || ours === null || seconds === 0) return null
  return rounded(Math.max(0, (busy - ours) / seconds), 2)
}

function difference(before: number | undefined, after: number | undefined): number | null {
  return before === undefined || after === undefined ? null : after - before
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
