/**
 * How long Sidelight takes until it is ready, what CPU that takes, and how much memory it holds while nobody
 * calls it: as the image runs it, as npm installs it, and from its source. docs/performance.md shows the table
 * of a recorded run.
 *
 * The ways are started in turn, round by round. Telemetry is on, and sent to a sink.
 */

import { spawn, spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { ownFile, startHelper } from './launch.ts'
import { describeMachine, loadAverage } from './machine.ts'
import { readProcess } from './procfs.ts'
import { save } from './report.ts'
import { quartiles, type Quartiles } from './summary.ts'

const USAGE = `Usage: npm run bench:startup -- [flags]

  --rounds N  How often each way is started. Default 11.
  --out FILE  Write the result here. Default bench/results/DATE-startup.json.
  --help      Print this.
`

/** How long nobody calls it before its memory is looked at. Telemetry is exported every 5 s by default. */
const IDLE_MS = 6_000
const READY_MS = 20_000
const SCRAPES = 3

interface Way {
  readonly name: string
  readonly command: readonly [file: string, ...args: string[]]
  readonly env: Readonly<Record<string, string>>
}

/** Of one start. */
interface Start {
  readonly wallMs: number
  readonly cpuMs: number
  readonly rssMb: number
  readonly idleMb: number
  /** Of that, what no file is behind: the rest is Node's program, as far as the kernel has mapped it. */
  readonly privateMb: number
  readonly scrapedMb: number
}

interface WayResult {
  readonly way: string
  readonly starts: readonly Start[]
  readonly wallMs: Quartiles | null
  readonly cpuMs: Quartiles | null
  readonly rssMb: Quartiles | null
  readonly idleMb: Quartiles | null
  readonly privateMb: Quartiles | null
  readonly scrapedMb: Quartiles | null
}

/** Everything that `scratch` holds is made here; the caches are filled by a first start that is not measured. */
function waysOf(scratch: string): readonly Way[] {
  const bundle = ownFile('../dist/lib/main.js')
  const image = path.join(scratch, 'image')
  const made = spawnSync(process.execPath, [bundle, 'install', image], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`${made.stderr}; npm run build comes first`)
  mkdirSync(path.join(image, 'package/cache'))
  return [
    { name: 'image: compiled ahead', command: [path.join(image, 'sidelight')], env: {} },
    {
      name: 'npm: second start and later',
      command: [process.execPath, bundle],
      env: { XDG_CACHE_HOME: path.join(scratch, 'caches') },
    },
    {
      name: 'npm: first start',
      command: [process.execPath, bundle],
      env: { NODE_DISABLE_COMPILE_CACHE: '1' },
    },
    { name: 'from its source', command: [process.execPath, ownFile('../src/main.ts')], env: {} },
  ]
}

const MB = 1_048_576

const residentMb = (pid: number): number => (readProcess(pid)?.rssBytes ?? 0) / MB

function privateMbOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024
}

async function measure({ command, env }: Way, sinkPort: number): Promise<Start> {
  const [file, ...args] = command
  const run = ['run', '--upstream', 'http://127.0.0.1:9/mcp', '--listen', '127.0.0.1:0']
  const begunAt = performance.now()
  const child = spawn(file, [...args, ...run, '--admin', '127.0.0.1:0'], {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sinkPort}`, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: READY_MS + 4 * IDLE_MS,
    killSignal: 'SIGKILL',
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  try {
    const admin = await adminOf(child.stderr)
    const wallMs = performance.now() - begunAt
    const pid = child.pid ?? 0
    const used = readProcess(pid)
    await sleep(IDLE_MS)
    for (const probe of ['livez', 'readyz']) await read(`${admin}/${probe}`)
    const idleMb = residentMb(pid)
    const privateMb = privateMbOf(pid)
    for (let scrape = 0; scrape < SCRAPES; scrape += 1) await read(`${admin}/metrics`)
    return {
      wallMs,
      cpuMs: (used?.cpuSeconds ?? 0) * 1_000,
      rssMb: (used?.rssBytes ?? 0) / MB,
      idleMb,
      privateMb,
      scrapedMb: residentMb(pid),
    }
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

/** Ready, by its own log: both listeners are up. */
async function adminOf(stderr: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = ''
    stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString()
      const admin = /"sidelight\.listen\.admin":"([^"]+)"/.exec(log)?.[1]
      if (admin !== undefined) resolve(admin)
    })
    stderr.on('end', () => reject(new Error(`it ended: ${log}`)))
  })
}

async function read(url: string): Promise<void> {
  await (await fetch(url)).arrayBuffer()
}

function toResult(way: string, starts: readonly Start[]): WayResult {
  const over = (key: keyof Start): Quartiles | null => quartiles(starts.map((one) => one[key]))
  return {
    way,
    starts,
    wallMs: over('wallMs'),
    cpuMs: over('cpuMs'),
    rssMb: over('rssMb'),
    idleMb: over('idleMb'),
    privateMb: over('privateMb'),
    scrapedMb: over('scrapedMb'),
  }
}

/** Code that a start may load; the page is sent to browsers. */
function bytesOf(): { readonly code: number; readonly page: number } {
  const lib = ownFile('../dist/lib')
  const files = globSync('**/*', { cwd: lib }).map((name) => path.join(lib, name))
  const sum = (chosen: readonly string[]): number =>
    chosen.reduce((total, file) => total + statSync(file).size, 0)
  const onPage = (file: string): boolean => file.includes(`${path.sep}page${path.sep}`)
  return {
    code: sum(files.filter((file) => file.endsWith('.js') && !onPage(file))),
    page: sum(files.filter((file) => onPage(file) && statSync(file).isFile())),
  }
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
if (values.help || !(rounds >= 1 && rounds <= 100)) {
  process.stdout.write(USAGE)
} else {
  const today = new Date().toISOString().slice(0, 10)
  const scratch = mkdtempSync(path.join(tmpdir(), 'sidelight-startup-'))
  const sink = await startHelper('processes/sink.ts', undefined)
  const loadBefore = loadAverage()
  try {
    const ways = waysOf(scratch)
    for (const way of ways) await measure(way, sink.port)
    const starts = new Map<string, Start[]>(ways.map(({ name }) => [name, []]))
    for (let round = 0; round < rounds; round += 1) {
      for (const way of ways) starts.get(way.name)?.push(await measure(way, sink.port))
    }
    const results = [...starts].map(([name, figures]) => toResult(name, figures))
    for (const { way, ...figures } of results) {
      const medians = ['wallMs', 'cpuMs', 'rssMb', 'idleMb', 'privateMb', 'scrapedMb'] as const
      const shown = medians.map((key) => `${key} ${figures[key]?.median.toFixed(0) ?? '-'}`)
      process.stdout.write(`${way}: ${shown.join(', ')}\n`)
    }
    const out = values.out ?? `bench/results/${today}-startup.json`
    const machine = describeMachine()
    const load = { before: loadBefore, after: loadAverage() }
    save({ startedAt: today, machine, load, rounds, bytes: bytesOf(), results }, out)
  } finally {
    await sink.child.stop()
    rmSync(scratch, { recursive: true })
  }
}
