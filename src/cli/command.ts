/** What every command gets from the composition root, so that none touches the process itself. */

import type { Readable, Writable } from 'node:stream'
import type { Clock } from '../core/clock.ts'
import type { FlagValues } from './flags.ts'

/** A command. Resolves to the exit code. */
export type Run = (
  flags: FlagValues,
  positionals: readonly string[],
  context: CommandContext,
) => Promise<number>

export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
  readonly clock: Clock
  /** Writes to standard output, as it is. */
  out(text: string): void
  /** Writes to standard error, as it is. */
  err(text: string): void
  /** Standard input and output as streams, for the command that speaks a protocol over them. */
  stdin(): Readable
  stdout(): Writable
  /** Resolves at the first SIGINT or SIGTERM; the second one ends the process at once. */
  readonly stopped: Promise<NodeJS.Signals>
  /** Calls `listener` at each SIGHUP, which asks for the configuration to be read again. */
  onHangup(listener: () => void): void
  /** What the terminal can show; undefined when standard output is no terminal. */
  readonly terminal: Terminal | undefined
  /** What this program is made of, for the command that copies it. */
  program(): ProgramFiles
}

/** Absolute paths. */
export interface ProgramFiles {
  /** As Node names them. */
  readonly platform: string
  readonly processor: string
  /** Node's executable file. */
  readonly node: string
  /** The shared libraries that Node has loaded, and names of some that are no files. */
  readonly libraries: readonly string[]
  /** The directory of the npm package, and the file of it that Node was started with. */
  readonly package: string
  readonly script: string
}

export interface Terminal {
  readonly columns: () => number
  readonly rows: () => number
  /**
   * Calls `listener` with each key that is pressed, Ctrl-C included, until the returned function is called.
   * Undefined when nobody can press keys.
   */
  readonly onKey?: ((listener: (key: string) => void) => () => void) | undefined
}

/** Exit codes, as documented in docs/cli.md. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const
