/**
 * What the audit log takes: `node bench/audit.ts [--rate N] [--seconds N] [--write FILE]`.
 *
 * In batch mode calls come at a rate, with one record each, as the sidecar is told of them; measured are
 * the delay of the event loop, CPU per entry and what was left out. In strict mode some callers wait for
 * each entry.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { AuditEntry } from '../src/core/audit.ts'
import { createCalls, PEOPLE } from './audit-calls.ts'
import { openLog, type OpenLog } from './audit-log.ts'
import { describeMachine, loadAverage } from './machine.ts'

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '10' },
    write: { type: 'string' },
  },
})
const rate = Number(values.rate)
const seconds = Number(values.seconds)

const TICK_MS = 5

/** What a caller waits for in strict mode. */
function attempt(n: number): AuditEntry {
  return {
    type: 'call.attempted',
    atWallMs: Date.now(),
    who: {
      verified: true,
      party: { issuer: 'https://idp.example', subject: `user-${n % PEOPLE}` },
      organization: 'acme',
      actors: [],
      session: 'abcdefghijklmnopqrstuv',
      tokenSession: undefined,
      address: '10.0.0.0/24',
    },
    body: { call: `call${n}`, upstream: 'weather', method: 'tools/call', tool: 'get_forecast' },
  }
}

async function withLog<T>(work: (log: OpenLog) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'sidelight-audit-bench-'))
  try {
    const log = await openLog(directory)
    const result = await work(log)
    await log.writer.close(10_000)
    return result
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const round = (value: number): number => Math.round(value * 100) / 100

function quantile(sorted: readonly number[], q: number): number {
  return round(sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? 0)
}

async function batch(log: OpenLog): Promise<object> {
  const { writer, syncsMs } = log
  const call = createCalls(log)
  // The people's keys are made once, and are not what is measured.
  for (let n = 0; n < PEOPLE; n += 1) call(n)
  while (writer.view.backlog > 0) await pause(50)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  let [added, backlog] = [0, 0]
  while (performance.now() - startedMs < seconds * 1_000) {
    const due = ((performance.now() - startedMs) / 1_000) * rate
    while (added < due) {
      call(added)
      added += 1
    }
    backlog = Math.max(backlog, writer.view.backlog)
    await pause(TICK_MS)
  }
  delay.disable()
  const { user, system } = process.cpuUsage(cpu)
  const took = (performance.now() - startedMs) / 1_000
  const sorted = syncsMs.toSorted((a, b) => a - b)
  return {
    eventsPerSecond: Math.round(added / took),
    seconds: round(took),
    dropped: log.dropped(),
    backlogMax: backlog,
    loopDelayMs: delaysOf(delay),
    cpuUsPerEvent: round((user + system) / added),
    syncMs: { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), count: sorted.length },
  }
}

/** The resolution of the measurement is a millisecond of it. */
function delaysOf(delay: ReturnType<typeof monitorEventLoopDelay>): object {
  return {
    p50: round(delay.percentile(50) / 1e6),
    p99: round(delay.percentile(99) / 1e6),
    max: round(delay.max / 1e6),
  }
}

/** The same loop without a log: what the machine itself adds at that moment. */
async function control(): Promise<object> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const untilMs = performance.now() + seconds * 1_000
  while (performance.now() < untilMs) await pause(TICK_MS)
  delay.disable()
  return { loopDelayMs: delaysOf(delay) }
}

async function strict({ writer }: OpenLog, callers: number): Promise<object> {
  const waits: number[] = []
  const startedMs = performance.now()
  const untilMs = startedMs + 3_000
  const one = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      const beganMs = performance.now()
      const durable = await new Promise<boolean>((resolve) => {
        writer.addDurably([attempt(waits.length)], resolve)
      })
      if (!durable) throw new Error('an entry was refused')
      waits.push(performance.now() - beganMs)
    }
  }
  await Promise.all(Array.from({ length: callers }, one))
  const took = (performance.now() - startedMs) / 1_000
  const sorted = waits.toSorted((a, b) => a - b)
  return {
    callers,
    perSecond: Math.round(waits.length / took),
    waitMs: { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) },
  }
}

const report = {
  withoutLog: await control(),
  batch: await withLog(batch),
  strict: [
    await withLog((log) => strict(log, 1)),
    await withLog((log) => strict(log, 32)),
    await withLog((log) => strict(log, 256)),
  ],
  machine: describeMachine(),
  load: loadAverage(),
}
console.log(JSON.stringify(report, null, 2))
if (values.write !== undefined) {
  writeFileSync(values.write, `${JSON.stringify(report, null, 2)}\n`)
}
