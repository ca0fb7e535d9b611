/** Runs a benchmark to its end, as its users start it. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface BenchRun {
  readonly code: unknown
  /** Everything that it wrote. */
  readonly text: string
}

/** `limitMs` after the start it is told to stop, and stops what it has started. */
export async function runBench(
  file: string,
  args: readonly string[],
  limitMs: number,
): Promise<BenchRun> {
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGTERM'), limitMs)
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const [code]: unknown[] = await once(child, 'close')
  clearTimeout(timer)
  return { code, text }
}
