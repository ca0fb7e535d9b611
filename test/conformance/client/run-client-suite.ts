/** Runs the client scenarios of the official conformance suite and reads what it found. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseJson } from '../../support/json.ts'
import { complaints, type Check, type SuiteResult } from '../run-suite.ts'
import { DEADLINE_MS } from './run-client.ts'

const SUITE = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'))

/** A run takes 10 to 60 s, as busy as the machine is. */
const SUITE_WITHIN_MS = 180_000

export interface ClientSuiteResult extends SuiteResult {
  /** The suite's own verdict: true when every check of every scored scenario passed. */
  readonly conforms: boolean
  /** What the client of each scenario wrote to standard output and to standard error. */
  readonly printed: ReadonlyMap<string, string>
  readonly errors: ReadonlyMap<string, string>
}

/**
 * Runs the frozen requirements of a revision against a client: a script beside this one that takes
 * the server's URL. The suite starts the clients of all scenarios at the same time.
 */
export async function runClientSuite(revision: string, script: string): Promise<ClientSuiteResult> {
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-conformance-'))
  try {
    const started = performance.now()
    const { code, output } = await runToEnd(revision, script, directory)
    const durationMs = Math.round(performance.now() - started)
    const saved = await readSaved(directory)
    const { scenarios } = saved
    if (scenarios.size === 0) throw new Error(`the conformance suite did not start: ${output}`)
    const checks = [...scenarios.values()].flat()
    const count = (wanted: Check['status']): number =>
      checks.filter(({ status }) => status === wanted).length
    const [passed, failed] = [count('SUCCESS'), count('FAILURE')]
    return { revision, conforms: code === 0, ...saved, passed, failed, durationMs }
  } finally {
    await rm(directory, { recursive: true })
  }
}

/** What the suite complains of, and what the client said when it did the first such scenario. */
export function explain(result: ClientSuiteResult): string {
  const text = complaints(result)
  const first = /^[A-Z]+ (\S+) /.exec(text)?.[1] ?? ''
  return text === '' ? '' : `${text}\n${first}: ${result.errors.get(first) ?? ''}`
}

async function runToEnd(
  revision: string,
  script: string,
  directory: string,
): Promise<{ code: number | null; output: string }> {
  const client = `${process.execPath} ${fileURLToPath(new URL(script, import.meta.url))}`
  const suite = spawn(
    process.execPath,
    [SUITE, 'client', '--command', client, '--requirements', revision].concat(
      ['--output-dir', directory],
      ['--timeout', String(DEADLINE_MS)],
    ),
    { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const timer = setTimeout(() => suite.kill('SIGKILL'), SUITE_WITHIN_MS)
  let output = ''
  suite.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  suite.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await once(suite, 'close')
  clearTimeout(timer)
  return { code: suite.exitCode, output }
}

/** The suite saves each finished scenario in a folder that is called `NAME-TIME`. */
async function readSaved(
  directory: string,
): Promise<Pick<ClientSuiteResult, 'scenarios' | 'printed' | 'errors'>> {
  const scenarios = new Map<string, readonly Check[]>()
  const printed = new Map<string, string>()
  const errors = new Map<string, string>()
  for (const folder of globSync('**/checks.json', { cwd: directory }).map(dirname).toSorted()) {
    const name = folder.replace(/-\d{4}-\d{2}-\d{2}T[\d-]+Z$/, '')
    const read = (file: string): Promise<string> => readFile(join(directory, folder, file), 'utf8')
    const checks = parseJson<readonly Check[]>(await read('checks.json'))
    // What it merely noted is a record of the traffic.
    scenarios.set(
      name,
      checks.filter(({ status }) => status !== 'INFO'),
    )
    printed.set(name, (await read('stdout.txt')).trim())
    errors.set(name, (await read('stderr.txt')).trim())
  }
  return { scenarios, printed, errors }
}
