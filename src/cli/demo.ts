/**
 * `sidelight demo`: two real MCP servers and an agent as processes of their own, the sidecar between
 * them in this one, and a view of the calls.
 */

import { validateConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { isLongLived } from '../mcp/methods.ts'
import { EXIT, type CommandContext } from './command.ts'
import { Children, type Child, type ChildFailure } from './demo/children.ts'
import { formatSummary } from './demo/format.ts'
import { createHints } from './demo/hints.ts'
import {
  readDemoTelemetry,
  readOptions,
  type DemoOptions,
  type DemoTelemetry,
} from './demo/options.ts'
import { describeMissing, missingPackages } from './demo/packages.ts'
import { createPresenter, type Presenter } from './demo/presenter.ts'
import { DemoStats } from './demo/stats.ts'
import type { FlagValues } from './flags.ts'
import { createLog } from './log-writer.ts'
import { describeStartFailure } from './run.ts'
import type { StartFailure } from './parts.ts'
import { startSidecar, type Sidecar } from './sidecar.ts'

/** The other modules are there as they are written, or as they are built. */
const SUFFIX = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** The demo's calls come in the same order on every run. */
const SEED = 20260728

/** Upstreams in the order of the table, with a word on each. */
const UPSTREAMS = { everything: 'MCP 2025-11-25', library: 'MCP 2026-07-28' } as const

/** Runs until it is told to stop, its time is up or something fails. Resolves to the exit code. */
export async function demoCommand(flags: FlagValues, context: CommandContext): Promise<number> {
  const options = readOptions(flags)
  if (typeof options === 'string') {
    context.err(`${options}\n`)
    return EXIT.usage
  }
  const telemetry = await readDemoTelemetry(context.env)
  if ('kind' in telemetry) {
    context.err(`sidelight: ${telemetry.message}\n`)
    return EXIT.usage
  }
  const missing = missingPackages((specifier) => import.meta.resolve(specifier))
  if (missing.length > 0) {
    context.err(`${describeMissing(missing)}\n`)
    return EXIT.failed
  }
  return runDemo(options, telemetry, context)
}

interface Processes {
  readonly children: Children
  readonly everything: Child
  readonly library: Child
  readonly agent: Child
}

async function runDemo(
  options: DemoOptions,
  telemetry: DemoTelemetry,
  context: CommandContext,
): Promise<number> {
  const processes = startProcesses(context)
  const { children, everything, library, agent } = processes
  const stopped = context.stopped.then(() => ({ kind: 'stopped' }) as const)
  try {
    const ports = Promise.all([everything.ready, library.ready, agent.ready])
    const ready = await Promise.race([ports, children.failed, stopped])
    if ('kind' in ready) return finish(ready, context)
    const [everythingPort, libraryPort] = ready
    const config = demoConfig(options, everythingPort ?? 0, libraryPort ?? 0)
    // What is printed on standard output would spoil a screen.
    const presenter = createPresenter(context, options.plain || telemetry.printing)
    const stats = new DemoStats({
      clock: context.clock,
      upstreams: Object.keys(UPSTREAMS),
      isLongLived,
      onEnded: (call) => presenter.callEnded(call),
    })
    const sidecar = await startDemoSidecar(config, telemetry, context, presenter, stats)
    if ('kind' in sidecar) return finish(sidecar, context)
    return await watch({ options, telemetry, context, processes, presenter, stats, sidecar }, [
      children.failed,
      stopped,
    ])
  } finally {
    await children.stop()
  }
}

function startProcesses(context: CommandContext): Processes {
  const children = new Children({ env: context.env })
  const start = (name: string, module: string): Child =>
    children.start(name, new URL(`./demo/${module}${SUFFIX}`, import.meta.url))
  return {
    children,
    everything: start('everything server', 'everything-server'),
    library: start('library server', 'library-server'),
    agent: start('agent', 'agent'),
  }
}

function demoConfig(options: DemoOptions, everythingPort: number, libraryPort: number): Config {
  const result = validateConfig({
    listen: {
      ...(options.listen === undefined ? {} : { data: options.listen }),
      ...(options.admin === undefined ? {} : { admin: options.admin }),
    },
    upstreams: {
      everything: { url: `http://127.0.0.1:${everythingPort}/mcp` },
      library: { url: `http://127.0.0.1:${libraryPort}/mcp` },
    },
    // Some of its calls fail on purpose, to be seen; that is no reason for a warning or an alert.
    insight: { health: { warning: { errorRate: 0.6 }, critical: { errorRate: 0.8 } } },
    alerts: { rules: { errorRate: { threshold: 0.6 } } },
    // Whoever ends a demo does not want to wait.
    shutdown: { drainTimeout: '1s', flushTimeout: '1s' },
    log: { level: 'warn', format: 'text' },
  })
  if (result.kind === 'config') return result.config
  throw new Error(`the demo's own configuration is invalid: ${JSON.stringify(result.problems)}`)
}

function startDemoSidecar(
  config: Config,
  telemetry: DemoTelemetry,
  context: CommandContext,
  presenter: Presenter,
  stats: DemoStats,
): Promise<Sidecar | StartFailure> {
  const { clock, version } = context
  const log = createLog({ ...config.log, clock, write: (text) => presenter.log(text) })
  for (const warning of telemetry.warnings)
    log.write('warn', 'sidelight.telemetry.settings', warning)
  const { settings } = telemetry
  return startSidecar({
    config,
    telemetry: settings,
    version,
    env: context.env,
    clock,
    log,
    print: (text) => context.out(text),
    observers: [stats],
  })
}

interface Running {
  readonly options: DemoOptions
  readonly telemetry: DemoTelemetry
  readonly context: CommandContext
  readonly processes: Processes
  readonly presenter: Presenter
  readonly stats: DemoStats
  readonly sidecar: Sidecar
}

type End = ChildFailure | StartFailure | { readonly kind: 'stopped' }

/** Shows the demo until one of `ends` comes or its time is up, and takes the sidecar down. */
async function watch(running: Running, ends: readonly Promise<End>[]): Promise<number> {
  const { options, telemetry, context, processes, presenter, stats, sidecar } = running
  const { everything, library, agent, children } = processes
  const { dataUrl, adminUrl } = sidecar
  presenter.start(
    [everything, library, agent],
    {
      version: context.version,
      dataUrl,
      adminUrl,
      hints: createHints({ dataUrl, adminUrl, exporting: telemetry.exporting }),
      about: UPSTREAMS,
    },
    () => stats.snapshot(),
  )
  agent.tell({
    kind: 'work',
    everythingUrl: `${dataUrl}/everything/mcp`,
    libraryUrl: `${dataUrl}/library/mcp`,
    callsPerSecond: options.callsPerSecond,
    seed: SEED,
  })
  let timer: NodeJS.Timeout | undefined
  const timeIsUp = new Promise<End>((resolve) => {
    if (options.durationMs === undefined) return
    timer = setTimeout(() => resolve({ kind: 'stopped' }), options.durationMs)
  })
  const end = await Promise.race([...ends, timeIsUp])
  clearTimeout(timer)
  // Clients go first and servers last, so that no call ends as a failure that was none.
  await children.stop([agent.pid])
  await sidecar.drain()
  presenter.stop()
  context.out(`${formatSummary(stats.snapshot())}\n`)
  return finish(end, context)
}

/** Says what ended the demo, when it was a failure. */
function finish(end: End, context: CommandContext): number {
  if (end.kind === 'stopped') return EXIT.ok
  if (end.kind === 'failed') {
    context.err(`${describeStartFailure(end)}\n`)
    return EXIT.failed
  }
  const { name, what, output } = end
  const said = output.length === 0 ? ['(it wrote nothing)'] : output
  const lines = said.map((text) => `  ${text}`)
  context.err(`sidelight demo: the ${name} ${what}. The last it wrote:\n${lines.join('\n')}\n`)
  return EXIT.failed
}
