/**
 * `sidelight wrap`: between a client that speaks over pipes and one server.
 *
 * The server is started before anything else is even loaded: clients measure how long its first answer
 * takes, and some take a slow one for the sign of an older protocol.
 */

import { UPSTREAM_NAME } from '../config/names.ts'
import { ServerProcess } from '../upstream/stdio/server-process.ts'
import { Watchdog } from '../upstream/stdio/watchdog.ts'
import { EXIT, type CommandContext } from './command.ts'
import type { FlagValues } from './flags.ts'

/** Runs until the client or the server is gone. Resolves to the exit code: the server's, when it ended first. */
export async function wrapCommand(
  flags: FlagValues,
  command: readonly string[],
  context: CommandContext,
): Promise<number> {
  if ((flags['upstream'] === undefined) === (command.length === 0)) {
    context.err('sidelight wrap: give either a command after -- or --upstream URL\n')
    return EXIT.usage
  }
  const { name } = flags
  if (typeof name === 'string' && !UPSTREAM_NAME.test(name)) {
    context.err(
      'sidelight wrap: --name needs lower-case letters, digits, - and _, at most 63 of them\n',
    )
    return EXIT.usage
  }
  // From here on a signal is heard, so that no server is left behind.
  void context.stopped
  const watchdog = new Watchdog({
    onMissing: (code) =>
      context.err(
        `sidelight wrap: there is no /bin/sh to end the server after a SIGKILL (${code})\n`,
      ),
  })
  const server = command.length === 0 ? undefined : start(command, watchdog, context)
  const { runWrap } = await import('./wrap-run.ts')
  const code = await runWrap(flags, command, server, context)
  watchdog.close()
  return code
}

function start(
  [file = '', ...args]: readonly string[],
  watchdog: Watchdog,
  { env, clock }: CommandContext,
): ServerProcess {
  // A server that its client wraps gets what the client gave: the whole environment.
  const own = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  )
  return new ServerProcess({
    command: { file, args, env: Object.fromEntries(own), cwd: undefined },
    stderr: 'inherit',
    watchdog,
    clock,
  })
}
