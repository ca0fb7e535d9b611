/** Runs the official conformance suite against a server and reads what it found. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseJson } from '../support/json.ts'

export type CheckStatus = 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'

/** One requirement that a scenario has looked at. Several checks of a scenario may share an id. */
export interface Check {
  readonly id: string
  readonly name: string
  readonly status: CheckStatus
  readonly errorMessage?: string
}

export interface SuiteResult {
  readonly revision: string
  /** The checks of each scenario, in the order of the suite; what it merely noted is left out. */
  readonly scenarios: ReadonlyMap<string, readonly Check[]>
  readonly passed: number
  readonly failed: number
  readonly durationMs: number
}

export interface SuiteOptions {
  /** The MCP endpoint; the suite wants a loopback one. */
  readonly url: string
  /** The revision of the protocol whose scenarios are run, such as `2025-11-25`. */
  readonly revision: string
  /** Only this scenario; all of the revision when undefined. */
  readonly scenario?: string
  /** Milliseconds after which a scenario fails. */
  readonly scenarioTimeout?: number
  /** Milliseconds after which the suite is ended; what it did until then counts. */
  readonly within?: number
}

const SUITE = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'))

/** A scenario takes 10 to 700 ms, many times as long on a busy machine; one that hangs must end. */
const SCENARIO_TIMEOUT_MS = 30_000
const SUITE_WITHIN_MS = 200_000

/** Records of the traffic, as many as there were messages: no requirements. */
const NOTES: ReadonlySet<string> = new Set([
  'outgoing-request',
  'incoming-response',
  'incoming-sse-event',
  'stream-closed',
])

export async function runSuite(options: SuiteOptions): Promise<SuiteResult> {
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-conformance-'))
  try {
    const started = performance.now()
    const output = await runToEnd(options, directory)
    const durationMs = Math.round(performance.now() - started)
    const saved = await readSaved(directory)
    const all = [...output.matchAll(/^=== Running scenario: (\S+) ===$/gm)]
    const names =
      options.scenario === undefined ? all.map(([, name = '']) => name) : [options.scenario]
    const scenarios = new Map(
      names.map((name) => [name, saved.get(name) ?? [neverFinished(name)]] as const),
    )
    if (scenarios.size === 0) throw new Error(`the conformance suite did not start: ${output}`)
    const checks = [...scenarios.values()].flat()
    const count = (status: CheckStatus): number =>
      checks.filter((check) => check.status === status).length
    return {
      revision: options.revision,
      scenarios,
      passed: count('SUCCESS'),
      failed: count('FAILURE'),
      durationMs,
    }
  } finally {
    await rm(directory, { recursive: true })
  }
}

/** Each check as a line of text, to be compared with those of another run. */
export function verdicts(result: SuiteResult): readonly string[] {
  return [...result.scenarios].flatMap(([scenario, checks]) =>
    checks.map(({ id, name, status }) => `${scenario} / ${id} / ${name}: ${status}`),
  )
}

/** What failed or was found doubtful, with the suite's words. */
export function complaints(result: SuiteResult): string {
  return [...result.scenarios]
    .flatMap(([scenario, checks]) =>
      checks
        .filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
        .map(
          ({ id, status, errorMessage = '' }) => `${status} ${scenario} / ${id}: ${errorMessage}`,
        ),
    )
    .join('\n')
}

/** Resolves to what the suite printed. A failed check makes its exit code 1, which says no more. */
async function runToEnd(options: SuiteOptions, directory: string): Promise<string> {
  const { url, revision, scenarioTimeout = SCENARIO_TIMEOUT_MS, within = SUITE_WITHIN_MS } = options
  const child = spawn(
    process.execPath,
    [SUITE, 'server'].concat(
      ['--url', url, '--spec-version', revision],
      options.scenario === undefined ? ['--suite', 'all'] : ['--scenario', options.scenario],
      ['--output-dir', directory, '--timeout', String(scenarioTimeout)],
    ),
    { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const timer = setTimeout(() => child.kill('SIGKILL'), within)
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await once(child, 'close')
  clearTimeout(timer)
  return output
}

/** The suite saves each finished scenario as `server-NAME-TIME/checks.json`. */
async function readSaved(directory: string): Promise<ReadonlyMap<string, readonly Check[]>> {
  const saved = new Map<string, readonly Check[]>()
  for (const folder of await readdir(directory)) {
    const name = /^server-(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/.exec(folder)?.[1]
    if (name === undefined) continue
    const text = await readFile(join(directory, folder, 'checks.json'), 'utf8')
    saved.set(
      name,
      parseJson<Check[]>(text).filter(({ id }) => !NOTES.has(id)),
    )
  }
  return saved
}

function neverFinished(scenario: string): Check {
  return {
    id: scenario,
    name: scenario,
    status: 'FAILURE',
    errorMessage: 'the scenario did not come to its end',
  }
}
