/** What every command gets from the composition root, so that none touches the process itself. */

import type { Readable, Writable } from 'node:stream'
import type { Clock } from '../core/clock.ts'

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
