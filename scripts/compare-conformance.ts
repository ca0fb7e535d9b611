/**
 * Runs the server scenarios of the official conformance suite against bridges from HTTP to stdio,
 * each in front of the same fixtures, and writes what it found into docs/conformance.md.
 *
 * Installs the other bridges from npm into a temporary directory. Takes some minutes, because
 * scenarios that hang are waited for. Names of bridges as arguments restrict it to those, and the
 * table is then printed instead.
 */

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { runSuite, type SuiteResult } from '../test/conformance/run-suite.ts'
import { startHttpTarget, STDIO_TARGET } from '../test/conformance/target.ts'
import { parseJson } from '../test/support/json.ts'
import { bounded } from '../test/support/wait-for.ts'

const PAGE = 'docs/conformance.md'
const PART = /<!-- compared:conformance -->[\s\S]*?<!-- \/compared -->/

const REVISIONS = ['2025-06-18', '2025-11-25', '2026-07-28']

/** A scenario has the suite's own 30 s; what is not reached in 5 minutes counts as failed. */
const TIMES = { scenarioTimeout: 30_000, within: 300_000 }
const START_WITHIN_MS = 30_000
const STOP_WITHIN_MS = 5_000

const rootFile = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url))

/** Something with an MCP endpoint over HTTP, and the fixtures behind it. */
interface Endpoint {
  readonly url: string
  close(): Promise<void>
}

interface Bridge {
  readonly name: string
  /** What is installed from npm; undefined for what is in this repository. */
  readonly install?: string
  /** How it is run, for the reader. */
  readonly shown: string
  start(directory: string, revision: string): Promise<Endpoint>
}

const MCP_PROXY = 'mcp-proxy@6.7.19'
const SUPERGATEWAY = 'supergateway@4.0.0'

const BRIDGES: readonly Bridge[] = [
  { name: 'none', shown: 'the fixtures over HTTP', start: () => startHttpTarget() },
  { name: 'sidelight', shown: '`command` in the configuration', start: startSidelight },
  {
    name: 'mcp-proxy',
    install: MCP_PROXY,
    shown: '`--upstreamProtocol auto` for 2026-07-28',
    start: (directory, revision) =>
      startListening(
        directory,
        ['node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs', '--server', 'stream'].concat(
          ['--upstreamProtocol', revision === '2026-07-28' ? 'auto' : 'legacy', '--'],
          STDIO_TARGET,
        ),
      ),
  },
  {
    name: 'supergateway',
    install: SUPERGATEWAY,
    shown: '`--outputTransport streamableHttp --stateful`',
    start: (directory) =>
      startListening(
        directory,
        ['node_modules/supergateway/dist/index.js', '--logLevel', 'none'].concat(
          ['--outputTransport', 'streamableHttp', '--stateful'],
          ['--stdio', STDIO_TARGET.map((word) => JSON.stringify(word)).join(' ')],
        ),
      ),
  },
]

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) killGroup(child, 'SIGKILL')
})
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

/** A process that leads a group of its own, so that what it starts can be ended with it. */
function launch(args: readonly string[], directory: string): ChildProcess {
  const child = spawn(process.execPath, args, {
    cwd: directory,
    detached: true,
    env: {
      PATH: process.env['PATH'],
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  running.add(child)
  return child
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal)
  } catch {
    // Nobody of the group is left.
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null

async function stop(child: ChildProcess): Promise<void> {
  const ended = hasEnded(child) ? Promise.resolve([]) : once(child, 'exit')
  killGroup(child, 'SIGTERM')
  await bounded(ended, { within: STOP_WITHIN_MS, what: 'a bridge to end' }).catch(() => {})
  killGroup(child, 'SIGKILL')
  await ended
  running.delete(child)
}

/** Starts a program that knows no port 0 and no loopback, with a `listen` that does. */
async function startListening(directory: string, args: readonly string[]): Promise<Endpoint> {
  const loopback = rootFile('test/support/everything-loopback.ts')
  const child = launch(['--import', loopback, ...args], directory)
  child.stderr?.resume()
  return endpointOf(child, async () => {
    const [message] = await bounded<{ port: number }[]>(once(child, 'message'), {
      within: START_WITHIN_MS,
      what: `${args[0]} to listen`,
    })
    return `http://localhost:${message?.port}/mcp`
  })
}

async function startSidelight(directory: string): Promise<Endpoint> {
  const config = join(directory, 'sidelight.yaml')
  writeFileSync(
    config,
    JSON.stringify({
      listen: { data: '127.0.0.1:0', admin: 'off' },
      upstreams: { fixtures: { command: STDIO_TARGET } },
    }),
  )
  const child = launch([rootFile('src/main.ts'), 'run', '--config', config], directory)
  return endpointOf(child, async () => {
    const started = await bounded(startRecord(child), {
      within: START_WITHIN_MS,
      what: 'sidelight to start',
    })
    return `${started.replace('127.0.0.1', 'localhost')}/fixtures/mcp`
  })
}

/** The address in the JSON log record of the start; the log is read on, so that it never blocks. */
async function startRecord(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const lines: string[] = []
  createInterface({ input: child.stderr ?? process.stdin }).on('line', (line) => {
    lines.push(line)
    if (!line.includes('"sidelight.sidecar.started"')) return
    const { attributes } = parseJson<{ attributes: { 'sidelight.listen.data': string } }>(line)
    resolve(attributes['sidelight.listen.data'])
  })
  child.once('exit', () => reject(new Error(`sidelight ended at its start: ${lines.join('\n')}`)))
  return promise
}

async function endpointOf(child: ChildProcess, find: () => Promise<string>): Promise<Endpoint> {
  try {
    return { url: await find(), close: () => stop(child) }
  } catch (error) {
    await stop(child)
    throw error
  }
}

async function measure(bridge: Bridge, directory: string): Promise<readonly SuiteResult[]> {
  const results: SuiteResult[] = []
  for (const revision of REVISIONS) {
    const endpoint = await bridge.start(directory, revision)
    try {
      const { url } = endpoint
      const result = await runSuite({ url, revision, ...TIMES })
      console.error(
        `${bridge.name} ${revision}: ${result.passed} passed, ${result.failed} failed, ` +
          `${(result.durationMs / 1000).toFixed(1)} s`,
      )
      results.push(result)
    } finally {
      await endpoint.close()
    }
  }
  return results
}

/** Scenarios with a failed check, and those that were not reached. */
function faulty(result: SuiteResult, all: readonly string[]): readonly string[] {
  return all.filter(
    (name) => result.scenarios.get(name)?.every(({ status }) => status !== 'FAILURE') !== true,
  )
}

type Measured = readonly (readonly [bridge: Bridge, results: readonly SuiteResult[]])[]

function render(measured: Measured): string {
  const scenariosOf = (revision: string): readonly string[] => [
    ...new Set(
      measured.flatMap(([, results]) =>
        results
          .filter((result) => result.revision === revision)
          .flatMap(({ scenarios }) => [...scenarios.keys()]),
      ),
    ),
  ]
  const cell = (result: SuiteResult): string => {
    const all = scenariosOf(result.revision)
    const clean = all.length - faulty(result, all).length
    const seconds = Math.round(result.durationMs / 1000)
    return `${clean} of ${all.length}; ${result.passed} / ${result.failed}; ${seconds} s`
  }
  const title = ({ name, install, shown }: Bridge): string =>
    `${name === 'none' ? 'no bridge' : (install ?? 'Sidelight')}, ${shown}`
  const rows = measured.map(([bridge, results]) => [title(bridge), ...results.map(cell)])
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const failures = measured.flatMap(([bridge, results]) =>
    results.flatMap((result) => {
      const names = faulty(result, scenariosOf(result.revision))
      if (names.length === 0) return []
      return [
        `- ${bridge.name}, ${result.revision}: ${names.map((name) => `\`${name}\``).join(', ')}`,
      ]
    }),
  )
  return [
    `${new Date().toISOString().slice(0, 10)}, @modelcontextprotocol/conformance ${suiteVersion()}, ` +
      `Node ${process.version}. Scenarios without a failed check; checks passed / failed; time.`,
    '',
    line(['', ...REVISIONS]),
    line(['---', ...REVISIONS.map(() => '---')]),
    ...rows.map(line),
    '',
    ...(failures.length === 0 ? [] : ['Scenarios with a failed check:', '', ...failures]),
  ]
    .join('\n')
    .trim()
}

function suiteVersion(): string {
  const file = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/package.json'))
  return parseJson<{ version: string }>(readFileSync(file)).version
}

const chosen = process.argv.slice(2)
const bridges = BRIDGES.filter(({ name }) => chosen.length === 0 || chosen.includes(name))
const directory = mkdtempSync(join(tmpdir(), 'sidelight-compare-'))
try {
  const packages = bridges.flatMap(({ install }) => install ?? [])
  if (packages.length > 0) {
    const flags = ['--prefix', directory, '--ignore-scripts', '--no-audit', '--no-fund']
    execFileSync('npm', ['install', ...flags, ...packages], { stdio: 'inherit' })
  }
  const measured: [Bridge, readonly SuiteResult[]][] = []
  for (const bridge of bridges) measured.push([bridge, await measure(bridge, directory)])
  const part = render(measured)
  if (chosen.length > 0) console.log(part)
  else {
    const page = readFileSync(PAGE, 'utf8')
    const marked = `<!-- compared:conformance -->\n${part}\n<!-- /compared -->`
    writeFileSync(
      PAGE,
      page.replace(PART, () => marked),
    )
  }
} finally {
  rmSync(directory, { recursive: true })
}
