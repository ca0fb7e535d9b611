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
const STAT = { group: 2, userTicks: 11, systemTicks: 12 } as const

export interface GroupUse {
  /** User and system time of all processes of the group, threads that have ended included. */
  readonly cpuSeconds: number
  readonly rssBytes: number
}

export interface MachineUse {
  readonly busySeconds: number
  /** All cores, idle time included. */
  readonly allSeconds: number
}

const supported = process.platform === 'linux'

export function readGroup(groupId: number): GroupUse | undefined {
  if (!supported) return undefined
  let ticks = 0
  let rssBytes = 0
  for (const pid of readdirSync('/proc')) {
    const stat = /^\d+$/.test(pid) ? readStat(pid) : undefined
    if (stat === undefined || Number(stat[STAT.group]) !== groupId) continue
    ticks += Number(stat[STAT.userTicks]) + Number(stat[STAT.systemTicks])
    rssBytes += readRss(pid)
  }
  return { cpuSeconds: ticks / TICKS_PER_SECOND, rssBytes }
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
