/**
 * The native load generator: takes the orders of `load.ts`, and has wrk carry them out, with one
 * thread and `wrk.lua`, which checks every answer.
 */

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isLoadOrder, type LoadMessage, type LoadOrder, type LoadResult } from '../messages.ts'
import { partsOf } from '../request.ts'

const SCRIPT = fileURLToPath(new URL('../wrk.lua', import.meta.url))

/** wrk has to load and connect before the lead begins. */
const START_MS = 150

/** On top of the measured time; the script ends the load at its end, and a signal ends wrk then. */
const PATIENCE_S = 3

/** The run looks at what wrk has spent meanwhile: a process that has just ended is easily overlooked. */
const LOOK_MS = 60

const dir = mkdtempSync(path.join(tmpdir(), 'sidelight-bench-wrk-'))
process.on('exit', () => rmSync(dir, { recursive: true, force: true }))

/** How wrk takes what is too long for arguments. */
function writeFiles(order: LoadOrder): readonly string[] {
  const { head, middle, end } = partsOf(order, order.sessionIds.length > 0)
  const files = { head, middle, end, sessions: order.sessionIds.join('\n') }
  return Object.entries(files).map(([name, text]) => {
    const file = path.join(dir, name)
    writeFileSync(file, text, 'latin1')
    return file
  })
}

async function carryOut(order: LoadOrder): Promise<void> {
  const files = writeFiles(order)
  const leadMs = START_MS + order.leadMs
  const from = process.hrtime.bigint() + BigInt(Math.round(leadMs * 1e6))
  const to = from + BigInt(Math.round(order.windowMs * 1e6))
  const seconds = Math.ceil((leadMs + order.windowMs) / 1000) + PATIENCE_S
  const limits = [order.bodyBytes, order.bodySlack, order.callsMax]
  const wrk = spawn(
    'wrk',
    [
      '-t',
      '1',
      '-c',
      order.connections,
      '-d',
      `${seconds}s`,
      '--timeout',
      '10s',
      '-s',
      SCRIPT,
      `http://127.0.0.1:${order.port}${order.path}`,
      '--',
      from,
      to,
      ...limits,
      ...files,
    ].map(String),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let text = ''
  wrk.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const ended = new Promise((resolve) => wrk.once('close', resolve))
  await sleep(leadMs)
  tell({ kind: 'begun' })
  await sleep(order.windowMs)
  tell({ kind: 'ended' })
  await sleep(LOOK_MS)
  // Without it wrk sleeps until its own duration is over, whatever its script has stopped.
  wrk.kill('SIGINT')
  await ended
  tell(readResult(text, order.windowMs))
}

function readResult(text: string, elapsedMs: number): LoadResult {
  const json = /^RESULT (.*)$/m.exec(text)?.[1]
  if (json === undefined) throw new Error(`wrk reported nothing: ${text}`)
  return { kind: 'result', elapsedMs, ...JSON.parse(json) }
}

function tell(message: LoadMessage): void {
  process.send?.(message)
}

process.on('message', (message: unknown) => {
  if (isLoadOrder(message)) void carryOut(message)
})
process.on('disconnect', () => process.exit())
// Told to stop, it leaves its directory no more than at any other end.
process.on('SIGTERM', () => process.exit())
