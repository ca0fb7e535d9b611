/** What the rest of the code knows of logging: one event name and a few fields, never a sentence with values in it. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** Values that may stand in a log record. Never a token, an argument, a result or a body. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

export interface Log {
  /** False when a record of this level would be thrown away, so that callers need not build it. */
  enabled(level: LogLevel): boolean
  /** `event` is a static name such as `upstream.failed`; `body` one sentence for people. */
  write(level: LogLevel, event: string, body: string, fields?: LogFields): void
}

/** A defect of ours: it is logged with its stack, for whoever reports it, and ends nothing else. */
export function logDefect(log: Log, body: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  log.write('error', 'sidecar.defect', body, { error: text })
}
