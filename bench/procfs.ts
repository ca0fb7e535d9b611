/**
 * What processes and the machine have spent, from Linux's `/proc`.
 *
 * Elsewhere every function answers undefined: CPU and memory figures are then missing from the
 * result, and the run says so.
 */

import { readdirSync, readFileSync } from 'node:fs'

/** Linux reports CPU time to programs in hundredths of a second, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100

/** Positions after the program's name in `/proc/PID/stat` (proc(5)). */
const STAT = {
  parent: 1,
  userTicks: 11,
  systemTicks: 12,
  childrenUserTicks: 13,
  childrenSystemTicks: 14,
} as const

export interface ProcessUse {
  /** All its threads. */
  readonly cpuSeconds: number
  readonly userSeconds: number
  readonly systemSeconds: number
  readonly rssBytes: number
}

export interface MachineUse {
  readonly busySeconds: number
  /** All cores, idle time included. */
  readonly allSeconds: number
}

const supported = process.platform === 'linux'

/** One process, without those that it started. */
export function readProcess(pid: number): ProcessUse | undefined {
  const stat = supported ? readStat(String(pid)) : undefined
  if (stat === undefined) return undefined
  const userSeconds = Number(stat[STAT.userTicks]) / TICKS_PER_SECOND
  const systemSeconds = Number(stat[STAT.systemTicks]) / TICKS_PER_SECOND
  return {
    cpuSeconds: readThreads(pid) ?? userSeconds + systemSeconds,
    userSeconds,
    systemSeconds,
    rssBytes: readRss(String(pid)),
  }
}

/** CPU seconds of a process and all that it started, those that have ended included. */
export function readTree(root: number): number | undefined {
  if (!supported) return undefined
  const children = new Map<number, number[]>()
  const ticks = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(name) : undefined
    if (stat === undefined) continue
    const parent = Number(stat[STAT.parent])
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
    const { userTicks, systemTicks, childrenUserTicks, childrenSystemTicks } = STAT
    const all = [userTicks, systemTicks, childrenUserTicks, childrenSystemTicks]
    ticks.set(
      Number(name),
      all.reduce((sum, at) => sum + Number(stat[at]), 0),
    )
  }
  let sum = 0
  const left = [root]
  for (let pid = left.pop(); pid !== undefined; pid = left.pop()) {
    sum += ticks.get(pid) ?? 0
    left.push(...(children.get(pid) ?? []))
  }
  return sum / TICKS_PER_SECOND
}

export function readMachine(): MachineUse | undefined {
  if (!supported) return undefined
  const line = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0] ?? ''
  // user nice system idle iowait irq softirq steal; guest time is part of user time.
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number)
  const all = ticks.reduce((sum, each) => sum + each, 0)
  const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0)
  return { busySeconds: (all - idle) / TICKS_PER_SECOND, allSeconds: all / TICKS_PER_SECOND }
}

/**
 * In nanoseconds, where the kernel counts them: a hundredth of a second is much of a short window.
 * Threads that have ended are missing, which no target has on its path.
 */
function readThreads(pid: number): number | undefined {
  try {
    let nanoseconds = 0
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const spent = readProcFile(`${pid}/task/${thread}`, 'schedstat')?.split(' ', 1)[0]
      if (spent === undefined) return undefined
      nanoseconds += Number(spent)
    }
    return nanoseconds === 0 ? undefined : nanoseconds / 1e9
  } catch {
    return undefined
  }
}

function readStat(pid: string): readonly string[] | undefined {
  const text = readProcFile(pid, 'stat')
  // The name is in brackets and may hold anything, brackets included.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

function readRss(pid: string): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readProcFile(pid, 'status') ?? '')?.[1]
  return Number(kilobytes ?? 0) * 1024
}

function readProcFile(pid: string, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1')
  } catch {
    // The process has ended since it was listed.
    return undefined
  }
}
