/**
 * What one bad upstream of four does to the other three, and to its own callers: without Sidelight,
 * and with it. docs/resilience.md shows the table of a recorded run.
 *
 * Every scenario has three phases: all is well, the first upstream is bad, all is well again. The
 * load is open: 200 calls a second whatever happens, a quarter for each upstream.
 */

import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { freePort, startChild, untilListening, type Child } from './children.ts'
import {
  isMessage,
  type FaultOrder,
  type Reached,
  type RateOrder,
  type RateResult,
} from './fault-messages.ts'
import { SCENARIOS, type Scenario } from './fault-scenarios.ts'
import {
  formatScenarios,
  judgeFaults,
  TARGETS,
  type FaultRun,
  type ScenarioRun,
  type Target,
} from './fault-summary.ts'
import { describeMachine, loadAverage } from './machine.ts'
import { save } from './report.ts'
import { startWorker } from './launch.ts'

const CALLS_PER_SECOND = 200

/** Before anything is looked at, so that connections are open and code is compiled. */
const WARM_SECONDS = 3

/** The longest a phase may be, so that a run is bounded. */
const PHASE_SECONDS_MAX = 300

const USAGE = `Usage: npm run bench:faults -- [flags]

  --scenario NAME  Only this one; may be repeated. ${SCENARIOS.map(({ name }) => name).join(', ')}.
  --target NAME    Only this one; may be repeated. ${TARGETS.join(', ')}.
  --rounds N       How often each is measured. Default 1.
  --well N         Seconds before the fault. Default 10.
  --bad N          Seconds of the fault. Default 40.
  --again N        Seconds after the fault. Default 20.
  --out FILE       Write the result here. Default bench/results/DATE-faults.json.
  --keep FILE      Add the runs of this earlier result that are not measured again.
  --assert         Exit with 1 unless the requirement is met.
  --help           Print this.
`

interface FaultOptions {
  readonly scenarios: readonly Scenario[]
  readonly targets: readonly Target[]
  readonly rounds: number
  readonly seconds: { readonly well: number; readonly bad: number; readonly again: number }
  readonly out: string
  readonly keep: string | undefined
  readonly assert: boolean
}

function readOptions(args: readonly string[], today: string): FaultOptions | string {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string', multiple: true, default: [] },
      target: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: '1' },
      well: { type: 'string', default: '10' },
      bad: { type: 'string', default: '40' },
      again: { type: 'string', default: '20' },
      out: { type: 'string' },
      keep: { type: 'string' },
      assert: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const { scenario, target } = values
  const seconds = {
    well: Number(values.well),
    bad: Number(values.bad),
    again: Number(values.again),
  }
  const rounds = Number(values.rounds)
  const known = new Set<string>([...SCENARIOS.map(({ name }) => name), ...TARGETS])
  const isSane = [...Object.values(seconds), rounds].every(
    (each) => each > 0 && each <= PHASE_SECONDS_MAX,
  )
  if (values.help || !isSane || [...scenario, ...target].some((name) => !known.has(name))) {
    return USAGE
  }
  return {
    scenarios: SCENARIOS.filter(({ name }) => scenario.length === 0 || scenario.includes(name)),
    targets: TARGETS.filter((name) => target.length === 0 || target.includes(name)),
    rounds,
    seconds,
    out: values.out ?? fileURLToPath(new URL(`results/${today}-faults.json`, import.meta.url)),
    keep: values.keep,
    assert: values.assert,
  }
}

/** The runs of an earlier result that none of these is in place of. */
function keptFrom(file: string | undefined, runs: readonly ScenarioRun[]): readonly ScenarioRun[] {
  if (file === undefined) return []
  const earlier: FaultRun = JSON.parse(readFileSync(file, 'utf8'))
  return earlier.runs.filter(
    ({ scenario, target }) =>
      !runs.some((one) => one.scenario === scenario && one.target === target),
  )
}

async function run(options: FaultOptions, startedAt: Date): Promise<FaultRun> {
  const machine = describeMachine()
  const before = loadAverage()
  const runs: ScenarioRun[] = []
  for (let round = 0; round < options.rounds; round += 1) {
    for (const scenario of options.scenarios) {
      for (const target of options.targets) {
        const measured = await measure(scenario, target, options)
        runs.push({ ...measured, round })
        console.log(formatScenarios([{ ...measured, round }]))
      }
    }
  }
  const all = [...keptFrom(options.keep, runs), ...runs]
  return {
    version: 1,
    startedAt: startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    options: {
      rounds: options.rounds,
      seconds: options.seconds,
      callsPerSecond: CALLS_PER_SECOND,
    },
    machine,
    loadAverage: { before, after: loadAverage() },
    requirement: judgeFaults(all),
    runs: all,
  }
}

/** Fresh processes for each, so that no scenario inherits what the one before did. */
async function measure(
  scenario: Scenario,
  target: Target,
  { seconds }: FaultOptions,
): Promise<Omit<ScenarioRun, 'round'>> {
  const upstreams = startWorker('processes/fault-upstreams.ts', undefined)
  const { ports } = await nextReached(upstreams)
  const load = startWorker('processes/rate-load.ts', undefined)
  const sidecar = target === 'direct' ? undefined : await startSidecar(ports)
  const lanes = ports.map((port, i) =>
    sidecar === undefined ? { port, path: '/mcp' } : { port: sidecar.port, path: `/u${i}/mcp` },
  )
  try {
    const order: RateOrder = {
      kind: 'rate',
      lanes,
      callsPerSecond: CALLS_PER_SECOND,
      phases: [
        { name: 'warm', ms: WARM_SECONDS * 1000 },
        ...Object.entries(seconds).map(([name, each]) => ({ name, ms: each * 1000 })),
      ],
      graceMs: 2_000,
    }
    return { scenario: scenario.name, target, ...(await drive(load, upstreams, order, scenario)) }
  } finally {
    for (const child of [load, sidecar?.child, upstreams]) await child?.stop()
  }
}

/** Sets the faults as the phases begin, and looks each time at what has reached the upstreams. */
async function drive(
  load: Child,
  upstreams: Child,
  order: RateOrder,
  { faults, flapMs }: Scenario,
): Promise<Pick<ScenarioRun, 'phases' | 'othersP99Ms' | 'reached'>> {
  const looks: number[] = []
  const look = async (): Promise<void> => {
    upstreams.process.send('reached?')
    looks.push((await nextReached(upstreams)).requests[0] ?? 0)
  }
  const begun = async (name: string): Promise<void> => {
    const set: FaultOrder = {
      kind: 'faults',
      index: 0,
      faults: name === 'bad' ? faults : [],
      ...(name === 'bad' && flapMs !== undefined ? { flapMs } : {}),
    }
    upstreams.process.send(set)
    await look()
  }
  const result = await new Promise<RateResult>((resolve, reject) => {
    load.process.on('message', (message: unknown) => {
      if (isMessage(message, 'phase')) void begun(message.name)
      if (isMessage(message, 'rate_result')) resolve(message)
    })
    load.process.once('exit', () => reject(new Error('the load has ended')))
    load.process.send(order)
  })
  await look()
  const reached = order.phases.map(
    ({ name }, i) => [name, (looks[i + 1] ?? 0) - (looks[i] ?? 0)] as const,
  )
  return { ...result, reached: Object.fromEntries(reached) }
}

async function nextReached({ process: child }: Child): Promise<Reached> {
  const [message]: unknown[] = await once(child, 'message')
  if (!isMessage(message, 'reached')) throw new Error('the upstreams said something else')
  return message
}

async function startSidecar(
  ports: readonly number[],
): Promise<{ readonly child: Child; readonly port: number }> {
  const dir = mkdtempSync(join(tmpdir(), 'sidelight-bench-faults-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  const file = join(dir, 'sidelight.yaml')
  const upstreams = ports.map((port, i) => `  u${i}: { url: "http://127.0.0.1:${port}/mcp" }`)
  writeFileSync(file, `upstreams:\n${upstreams.join('\n')}\n`)
  const port = await freePort()
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  const child = startChild(
    {
      name: 'sidelight',
      file: process.execPath,
      args: [main, 'run', '--config', file, '--listen', `127.0.0.1:${port}`, '--admin', 'off'],
      env: { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' },
      channel: false,
      role: 'target',
    },
    undefined,
  )
  await untilListening(child, port)
  return { child, port }
}

const startedAt = new Date()
const options = readOptions(process.argv.slice(2), startedAt.toISOString().slice(0, 10))
if (typeof options === 'string') {
  console.log(options)
  process.exitCode = process.argv.includes('--help') ? 0 : 2
} else {
  const result = await run(options, startedAt)
  console.log(`\n${result.requirement.verdict.toUpperCase()}: ${result.requirement.text}`)
  save(result, options.out)
  process.exitCode = options.assert && result.requirement.verdict !== 'pass' ? 1 : 0
}
