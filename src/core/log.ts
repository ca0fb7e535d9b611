/** What the rest of the code knows of logging: one event and a few fields, never a sentence with values in it. */

import type { AttributeOf, EventName, LevelOf, LogLevel } from './events.ts'

/** Values that may stand in a log record. Never a token, an argument, a result or a body. */
export type LogValue = string | number | boolean | undefined
export type LogFields = Readonly<Record<string, LogValue>>

/** The span that a record belongs to, as W3C Trace Context spells its ids. */
export interface TraceRef {
  readonly traceId: string
  readonly spanId: string
  /** Bit 0: sampled. */
  readonly traceFlags: number
}

export interface LogRecord {
  readonly level: LogLevel
  readonly event: EventName
  /** One sentence for people. */
  readonly body: string
  readonly fields: LogFields
  readonly trace: TraceRef | undefined
  readonly atWallMs: number
}

/** Where records go besides standard error. Never throws, never waits. */
export type LogSink = (record: LogRecord) => void

export interface Log {
  /** False when a record of this level would be thrown away, so that callers need not build it. */
  enabled(level: LogLevel): boolean
  /** `body` is one sentence for people; `trace` the span of the call that is meant. */
  write<N extends EventName>(
    level: LevelOf<N>,
    event: N,
    body: string,
    fields?: { readonly [K in AttributeOf<N>]?: LogValue },
    trace?: TraceRef,
  ): void
}

/** A log whose records can go elsewhere too. */
export interface SharedLog extends Log {
  /** Tells `sink` of every record from now on that may leave this machine. */
  attach(sink: LogSink): void
}

/** A defect of ours: it is logged with its stack, for whoever reports it, and ends nothing else. */
export function logDefect(log: Log, body: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  log.write('error', 'sidelight.sidecar.defect', body, { 'exception.stacktrace': text })
}
