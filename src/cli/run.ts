/** `sidelight run`: the sidecar itself. */

import { NO_CHANGE } from '../config/compare.ts'
import { formatProblems, type ConfigResult } from '../config/load.ts'
import { printConfig } from '../config/print.ts'
import type { Config } from '../config/schema.ts'
import type { Log } from '../core/log.ts'
import { EXIT, type CommandContext } from './command.ts'
import { canBeReadAgain, ConfigWatch } from './config-watch.ts'
import type { ReloadReport } from './reload.ts'
import type { FlagValues } from './flags.ts'
import { createLog } from './log-writer.ts'
import type { StartFailure } from './parts.ts'
import { startSidecar, type Sidecar } from './sidecar.ts'
import { readSource, type ConfigFile } from './source.ts'
import { readTelemetrySettings } from './telemetry-settings.ts'

/** Runs until it is told to stop. Resolves to the exit code. */
export async function runCommand(flags: FlagValues, context: CommandContext): Promise<number> {
  const source = await readSource('run', flags, context)
  if (typeof source === 'string') {
    context.err(`${source}\n`)
    return EXIT.usage
  }
  if (source.result.kind === 'invalid') {
    context.err(`${formatProblems(source.name, source.result.problems)}\n`)
    return EXIT.usage
  }
  const { config } = source.result
  if (flags['print-config'] === true) {
    context.out(printConfig(config))
    return EXIT.ok
  }
  return serve(config, context, source.file === undefined ? undefined : { ...source.file, flags })
}

/** The file that the configuration came from, and the flags that win over it. */
interface Origin extends ConfigFile {
  readonly flags: FlagValues
}

async function serve(
  config: Config,
  context: CommandContext,
  origin: Origin | undefined,
): Promise<number> {
  const telemetry = await readTelemetrySettings(context.env)
  if ('kind' in telemetry) {
    context.err(`sidelight: ${telemetry.message}\n`)
    return EXIT.usage
  }
  // Taken before anything starts, so that no signal comes too early to be heard.
  const { clock, version, stopped } = context
  // Without a file there is nothing to read again, and a hang-up must not end the sidecar either.
  const onHangup = { read: (): void => {} }
  context.onHangup(() => onHangup.read())
  const log = createLog({ ...config.log, clock, write: (line) => context.err(line) })
  for (const warning of telemetry.warnings)
    log.write('warn', 'sidelight.telemetry.settings', warning)
  const running: Running = {}
  const watch = origin === undefined ? undefined : watchOf(origin, running, context)
  const sidecar = await startSidecar({
    config,
    telemetry: telemetry.settings,
    version,
    env: context.env,
    clock,
    log,
    print: (text) => context.out(text),
    ...(watch === undefined ? {} : { reload: (actor) => watch.readNow(actor) }),
  })
  if ('kind' in sidecar) {
    context.err(`${describeStartFailure(sidecar)}\n`)
    return EXIT.failed
  }
  running.sidecar = sidecar
  announce(sidecar, config, context, log)
  watch?.start(origin?.text ?? '')
  onHangup.read = () => void watch?.readNow()
  await stopped
  // From now on nothing new is put in force: it would be started only to be ended.
  delete running.sidecar
  watch?.stop()
  await sidecar.drain()
  return EXIT.ok
}

/** Undefined until it runs, and when it is told to stop. */
interface Running {
  sidecar?: Sidecar
}

const ONLY_ONCE =
  'the configuration came through a pipe, which is read once; put it into a file to have it read again'

/** Follows the file: what it says anew is put in force, or refused. */
function watchOf(
  origin: Origin,
  running: Running,
  context: CommandContext,
): ConfigWatch<ReloadReport> {
  return new ConfigWatch(origin.path, async (actor) => {
    const source = (await canBeReadAgain(origin.path))
      ? await readSource('run', origin.flags, context)
      : ONLY_ONCE
    const result: ConfigResult =
      typeof source === 'string'
        ? { kind: 'invalid', problems: [{ path: '', line: undefined, message: source }] }
        : source.result
    const { sidecar } = running
    return sidecar === undefined ? NOT_NOW : sidecar.reload(origin.path, result, actor)
  })
}

/** At the start the file has just been read, and at the end nothing is read any more. */
const NOT_NOW: ReloadReport = { result: 'unchanged', change: NO_CHANGE }

function announce(sidecar: Sidecar, config: Config, context: CommandContext, log: Log): void {
  log.write('info', 'sidelight.sidecar.started', 'Sidelight is running', {
    'sidelight.version': context.version,
    'sidelight.listen.data': sidecar.listensOn.data,
    'sidelight.listen.admin': sidecar.listensOn.admin,
    'sidelight.upstreams': Object.keys(config.upstreams).join(','),
  })
}

/** What could not be listened on, why, and which flag changes it. */
export function describeStartFailure(failure: StartFailure): string {
  if (failure.what === 'file') {
    return `sidelight: ${failure.address} cannot be read (${failure.code}); it was to hold the value of a header of an upstream, as one line of text`
  }
  if (failure.what === 'audit') {
    return `sidelight: the audit log cannot be opened: ${failure.address}: ${failure.code}; see audit.dir`
  }
  if (failure.what === 'pins' || failure.what === 'auth') {
    return `sidelight: ${failure.address}: ${failure.code}`
  }
  const flag = failure.what === 'data' ? '--listen' : '--admin'
  const key = failure.what === 'data' ? 'listen.data' : 'listen.admin'
  const why = LISTEN_FAILURES[failure.code] ?? `cannot be listened on (${failure.code})`
  return `sidelight: ${failure.address} ${why}; choose another with ${flag} ADDRESS (or ${key} in the file)`
}

const LISTEN_FAILURES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is already in use',
  EACCES: 'needs more rights than this process has',
  EADDRNOTAVAIL: 'is no address of this machine',
  ENOTFOUND: 'names no known host',
}
