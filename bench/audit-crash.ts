/**
 * Kills a writer of an audit log again and again in the middle of its writes, and looks for what it had
 * acknowledged: `node bench/audit-crash.ts [--kills N] [--write FILE]`. 1000 times by default.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { recordsAfter } from '../src/audit/query.ts'
import { parseVerifier } from '../src/audit/signed-note.ts'
import type { VerifyReport } from '../src/audit/verify-report.ts'
import { verifyLog } from '../src/audit/verify.ts'
import { describeMachine, loadAverage } from './machine.ts'

const WRITER = fileURLToPath(new URL('processes/audit-writer.ts', import.meta.url))

/** Each writer lives so long after its first acknowledgement, at most. */
const LIFE_MS_MAX = 30

export interface CrashResult {
  readonly kills: number
  readonly acknowledged: number
  /** Acknowledged and not in the log. */
  readonly lost: number
  readonly records: number
  readonly tornEnds: number
  readonly faults: readonly string[]
}

export async function killWriters(kills: number): Promise<CrashResult> {
  const directory = mkdtempSync(join(tmpdir(), 'sidelight-audit-crash-'))
  try {
    let first = 0
    const acknowledged = new Set<number>()
    for (let i = 0; i < kills; i += 1) {
      for (const n of await killOne(directory, first)) acknowledged.add(n)
      // What was under way was not acknowledged; numbers go on well behind it.
      first = Math.max(first, ...acknowledgedAbove(acknowledged, first)) + 1_000
    }
    // A last one, which cuts off what the last crash has left.
    await killOne(directory, first)
    const written = new Set<number>()
    let [records, tornEnds] = [0, 0]
    for await (const record of recordsAfter(directory, 0)) {
      records += 1
      if (typeof record['n'] === 'number') written.add(record['n'])
      if (JSON.stringify(record['previous'] ?? '').includes('"torn"')) tornEnds += 1
    }
    const lost = [...acknowledged].filter((n) => !written.has(n)).length
    const { faults } = await check(directory)
    const problems = faults.map(({ segment, record, problem }) => `${segment} ${record} ${problem}`)
    return { kills, acknowledged: acknowledged.size, lost, records, tornEnds, faults: problems }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function acknowledgedAbove(all: ReadonlySet<number>, first: number): number[] {
  return [...all].slice(-1_000).filter((n) => n >= first)
}

/** Starts a writer, kills it soon after its first acknowledgement, and returns what it had acknowledged. */
async function killOne(directory: string, first: number): Promise<readonly number[]> {
  const args = [WRITER, directory, String(first)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    if (text === '') setTimeout(() => child.kill('SIGKILL'), Math.random() * LIFE_MS_MAX)
    text += chunk.toString()
  })
  await once(child, 'close')
  if (child.signalCode !== 'SIGKILL') throw new Error(`a writer ended by itself: ${text}`)
  const lines = text.split('\n')
  // What stands behind the last line feed may be the beginning of a number.
  return lines.slice(0, -1).map(Number)
}

function check(directory: string): Promise<VerifyReport> {
  const keys = join(directory, 'keys')
  return verifyLog({
    directory,
    chainKey: Buffer.from(readFileSync(join(keys, 'chain.key'), 'utf8').trim(), 'hex'),
    verifier: parseVerifier(readFileSync(join(keys, 'checkpoint.pub'), 'utf8')),
    kept: [],
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { kills: { type: 'string' }, write: { type: 'string' } },
  })
  const startedMs = performance.now()
  const result = await killWriters(Number(values.kills ?? '1000'))
  const seconds = Math.round((performance.now() - startedMs) / 1_000)
  const report = { crash: { ...result, seconds }, machine: describeMachine(), load: loadAverage() }
  console.log(JSON.stringify(report, null, 2))
  if (values.write !== undefined) {
    writeFileSync(values.write, `${JSON.stringify(report, null, 2)}\n`)
  }
  process.exitCode = result.lost === 0 && result.faults.length === 0 ? 0 : 1
}
