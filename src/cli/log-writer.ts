/**
 * Writes log records to a stream: JSON lines in the shape of OpenTelemetry log records, or lines
 * for people. Bounded: past a rate, records of one event are counted and summed up, but for those of
 * level debug, which somebody asked for.
 */

import type { Clock } from '../core/clock.ts'
import {
  EVENTS,
  LOG_LEVELS,
  SEVERITY,
  type EventDefinition,
  type LogLevel,
} from '../core/events.ts'
import type { LogFields, LogRecord, LogSink, SharedLog } from '../core/log.ts'

export interface LogWriterOptions {
  readonly level: LogLevel
  readonly format: 'json' | 'text'
  readonly clock: Clock
  write(line: string): void
}

/** Records of one event per second; the rest is counted. */
const EVENT_RATE_MAX = 20
const EVENTS_MAX = 256

export function createLog(options: LogWriterOptions): SharedLog {
  const least = LOG_LEVELS.indexOf(options.level)
  const rates = new Map<string, { second: number; written: number; dropped: number }>()
  const enabled = (level: LogLevel): boolean => LOG_LEVELS.indexOf(level) >= least
  const sinks: LogSink[] = []
  const emit = (given: Omit<LogRecord, 'atWallMs'>): void => {
    const record = { ...given, atWallMs: options.clock.wallMs() }
    options.write(`${options.format === 'json' ? renderJson(record) : renderText(record)}\n`)
    const { local }: EventDefinition = EVENTS[record.event]
    if (local !== true) for (const sink of sinks) sink(record)
  }
  return {
    enabled,
    attach: (sink) => void sinks.push(sink),
    write: (level, event, body, fields = {}, trace) => {
      if (!enabled(level)) return
      const second = Math.floor(options.clock.monotonicMs() / 1000)
      const rate = rates.get(event) ?? { second, written: 0, dropped: 0 }
      if (rates.size < EVENTS_MAX) rates.set(event, rate)
      if (rate.second !== second) {
        if (rate.dropped > 0) emit(suppressed(event, rate.dropped))
        Object.assign(rate, { second, written: 0, dropped: 0 })
      }
      if (level !== 'debug') {
        if (rate.written >= EVENT_RATE_MAX) {
          rate.dropped += 1
          return
        }
        rate.written += 1
      }
      emit({ level, event, body, fields, trace })
    },
  }
}

function suppressed(event: string, count: number): Omit<LogRecord, 'atWallMs'> {
  return {
    level: 'warn',
    event: 'sidelight.log.suppressed',
    body: 'Log records were left out',
    fields: { 'sidelight.log.event': event, 'sidelight.log.count': count },
    trace: undefined,
  }
}

function renderJson({ level, event, body, fields, trace, atWallMs }: LogRecord): string {
  const text = JSON.stringify({
    timestamp: new Date(atWallMs).toISOString(),
    severity_text: level.toUpperCase(),
    severity_number: SEVERITY[level],
    event_name: event,
    body,
    attributes: fields,
    trace_id: trace?.traceId,
    span_id: trace?.spanId,
    trace_flags: trace?.traceFlags,
  })
  // What JSON may hold as it is, and a terminal would act on.
  return text.replaceAll(/[\u007f-\u009f\u2028\u2029]/g, escapeOf)
}

function renderText({ level, body, fields, trace, atWallMs }: LogRecord): string {
  const all: LogFields = { ...fields, trace_id: trace?.traceId }
  const details = Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) =>
        `${key}=${typeof value === 'string' ? visible(JSON.stringify(value)) : value}`,
    )
  const timestamp = new Date(atWallMs).toISOString()
  return [timestamp, level.toUpperCase().padEnd(5), body, ...details].join(' ')
}

/** Characters that a terminal would act on or not show, written as escapes. */
function visible(text: string): string {
  return text.replaceAll(/[\p{C}\u2028\u2029]/gu, escapeOf)
}

function escapeOf(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
}
