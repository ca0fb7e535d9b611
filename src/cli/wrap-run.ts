/** The larger part of `sidelight wrap`, which is loaded while the server starts. */

import { constants } from 'node:os'
import { formatAddress } from '../config/units.ts'
import { formatProblems, validateConfig, type ConfigResult } from '../config/load.ts'
import { expandText } from '../config/expand-env.ts'
import type { Config } from '../config/schema.ts'
import { HttpBridge } from '../stdio/http-bridge.ts'
import { LineServer } from '../stdio/line-server.ts'
import { LineTransport } from '../upstream/stdio/line-transport.ts'
import type { ProcessEnd, ServerProcess } from '../upstream/stdio/server-process.ts'
import { EXIT, type CommandContext } from './command.ts'
import type { FlagValues } from './flags.ts'
import { createLog } from './log-writer.ts'
import { startAdmin } from './listeners.ts'
import { assemble, type Parts, type SidecarOptions } from './parts.ts'
import { describeStartFailure } from './run.ts'
import { readTelemetrySettings } from './telemetry-settings.ts'
import { durationOf, sizeOf } from './units.ts'
import { nameOfCommand, nameOfUrl } from './wrap-name.ts'

/** What to stand in front of. */
interface Target {
  readonly name: string
  readonly upstream: Readonly<Record<string, unknown>>
}

/** Stands between the client and `server`, or the server at `--upstream`. Resolves to the exit code. */
export async function runWrap(
  flags: FlagValues,
  command: readonly string[],
  server: ServerProcess | undefined,
  context: CommandContext,
): Promise<number> {
  const refuse = async (message: string): Promise<number> => {
    context.err(`${message}\n`)
    await server?.stop()
    return EXIT.usage
  }
  const target = readTarget(flags, command, context)
  if (typeof target === 'string') return refuse(target)
  const result = toConfig(target, flags)
  if (result.kind === 'invalid') return refuse(formatProblems('flags', result.problems))
  const telemetry = await readTelemetrySettings(context.env)
  if ('kind' in telemetry) return refuse(`sidelight: ${telemetry.message}`)
  const { config } = result
  const { clock, version, env } = context
  const log = createLog({ ...config.log, clock, write: (line) => context.err(line) })
  for (const warning of telemetry.warnings)
    log.write('warn', 'sidelight.telemetry.settings', warning)
  return new Wrap(context, config, target.name, server).run({
    config,
    telemetry: telemetry.settings,
    version,
    env,
    clock,
    log,
    // Standard output belongs to the protocol.
    print: (text) => context.err(text),
  })
}

/** How long the end of a session may take: clients kill servers that do not end soon. */
const CLOSE_MS = 1_000

class Wrap {
  readonly #context: CommandContext
  readonly #config: Config
  readonly #name: string
  readonly #server: ServerProcess | undefined
  #serverEnded: (end: ProcessEnd) => void = () => {}
  #clientEnded: () => void = () => {}

  constructor(
    context: CommandContext,
    config: Config,
    name: string,
    server: ServerProcess | undefined,
  ) {
    this.#context = context
    this.#config = config
    this.#name = name
    this.#server = server
  }

  async run(options: SidecarOptions): Promise<number> {
    const ended = new Promise<ProcessEnd>((resolve) => {
      this.#serverEnded = resolve
    })
    const left = new Promise<'left'>((resolve) => {
      this.#clientEnded = () => resolve('left')
    })
    const { stopped } = this.#context
    let front: Front | undefined
    const parts = await assemble({
      ...options,
      makeStdio: (stdio) =>
        new LineTransport({
          ...stdio,
          process: certain(this.#server),
          onExit: (end) => {
            if (end.asked) front?.leave()
            this.#serverEnded(end)
          },
        }),
    })
    if ('what' in parts) return this.#failed(describeStartFailure(parts))
    const admin = await startAdmin(options, {
      parts,
      authenticator: undefined,
      keySets: () => [],
      dataUrl: undefined,
    })
    if (admin !== undefined && 'kind' in admin) {
      await parts.close()
      return this.#failed(describeStartFailure(admin))
    }
    options.log.write('info', 'sidelight.wrap.started', 'Sidelight stands before a server', {
      'sidelight.version': this.#context.version,
      'sidelight.upstream.name': this.#name,
      'sidelight.listen.admin': admin === undefined ? 'off' : `http://${formatAddress(admin)}`,
    })
    front = this.#front(parts)
    front.start()
    const end = await Promise.race([ended, left, stopped])
    if (end === 'left') {
      // A signal ends the wait.
      await Promise.race([withinTime(front.drained(), this.#drainMs()), stopped])
    }
    await withinTime(front.close(), CLOSE_MS)
    // The server may still answer while it ends.
    await parts.close()
    // A client that holds its end open and does not read is not waited for.
    await withinTime(front.flushed(), CLOSE_MS)
    await admin?.destroy()
    return typeof end === 'string' ? this.#codeAfter(ended) : exitCodeOf(end, this.#context)
  }

  /** The server's own code, when it has ended of the end of its input; else success. */
  async #codeAfter(ended: Promise<ProcessEnd>): Promise<number> {
    const end = await Promise.race([ended, Promise.resolve(undefined)])
    return end?.code ?? EXIT.ok
  }

  #failed(message: string): number {
    this.#context.err(`${message}\n`)
    return EXIT.failed
  }

  #drainMs(): number {
    return durationOf(this.#config.shutdown.drainTimeout)
  }

  #front(parts: Parts): Front {
    const shared = {
      stages: parts.stages,
      upstream: this.#name,
      input: this.#context.stdin(),
      output: this.#context.stdout(),
      lineBytesMax: sizeOf(this.#config.limits.line),
      onEnd: () => this.#clientEnded(),
    }
    if (this.#config.upstreams[this.#name]?.url !== undefined) {
      return new HttpBridge({ ...shared, userAgent: `sidelight/${this.#context.version}` })
    }
    const server = this.#server
    const front = new LineServer({ ...shared, waitingBytes: () => server?.backlogBytes ?? 0 })
    server?.onRelief(() => front.relieved())
    return front
  }
}

/** What speaks with the client. */
interface Front {
  start(): void
  /** What the client asked for has been answered, as far as it is ours to wait for. */
  drained(): Promise<void>
  close(): Promise<void>
  /** What has no answer when the server has ended was given up by the client. */
  leave(): void
  /** Everything that was written has left. */
  flushed(): Promise<void>
}

async function withinTime(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}

const signals: ReadonlyMap<string, number> = new Map(Object.entries(constants.signals))

/** The server's exit code as our own, 128 and the signal's number when one ended it; 127 when it could not be started, as shells have it. */
function exitCodeOf(end: ProcessEnd, context: CommandContext): number {
  if (end.spawnError !== undefined) {
    context.err(`sidelight wrap: the command could not be started (${end.spawnError})\n`)
    return 127
  }
  return end.code ?? 128 + (signals.get(end.signal ?? '') ?? 0)
}

function certain(server: ServerProcess | undefined): ServerProcess {
  if (server === undefined) throw new Error('a command without a process')
  return server
}

function readTarget(
  flags: FlagValues,
  command: readonly string[],
  context: CommandContext,
): Target | string {
  const { upstream: url, name } = flags
  const given = typeof name === 'string' ? name : undefined
  if (typeof url !== 'string') {
    if (flags['header'] !== undefined) return 'sidelight wrap: --header is for --upstream'
    return { name: given ?? nameOfCommand(command), upstream: { command: [...command] } }
  }
  const headers = readHeaders(flags['header'], context)
  if (typeof headers === 'string') return headers
  return { name: given ?? nameOfUrl(url), upstream: { url, headers } }
}

function readHeaders(
  values: FlagValues[string],
  context: CommandContext,
): Record<string, string> | string {
  const headers: Record<string, string> = {}
  for (const value of Array.isArray(values) ? values : []) {
    const match = /^([^=\s]+)=(.*)$/s.exec(String(value))
    if (match === null) return 'sidelight wrap: --header needs a value: --header NAME=VALUE'
    const problems: string[] = []
    headers[match[1] ?? ''] = expandText(match[2] ?? '', context.env, (text) => problems.push(text))
    if (problems.length > 0) return `sidelight wrap: --header: ${problems.join('; ')}`
  }
  return headers
}

/** As many calls of the one client as may be under way in all (`limits.streams`). */
const ONE_CLIENTS_CALLS_MAX = 10_000

/** Without a word from the operator logs say little, because clients show them to people. */
function toConfig({ name, upstream }: Target, flags: FlagValues): ConfigResult {
  return validateConfig({
    // Such a client has its own idea of how long a call may take, and waits for itself alone.
    upstreams: {
      [name]: {
        timeout: 'off',
        timeoutMax: 'off',
        concurrency: ONE_CLIENTS_CALLS_MAX,
        ...upstream,
      },
    },
    listen: { admin: flags['admin'] ?? 'off' },
    // Clients do not wait for long when they end their servers.
    shutdown: { drainTimeout: '5s', flushTimeout: '1s' },
    log: { level: flags['log-level'] ?? 'warn', format: flags['log-format'] ?? 'json' },
  })
}
