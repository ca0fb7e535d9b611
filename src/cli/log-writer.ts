/**
 * Writes log records to a stream: JSON lines in the shape of OpenTelemetry log records, or lines
 * for people. Bounded: past a rate, warnings and errors of one event are counted and summed up.
 */

import type { Clock } from '../core/clock.ts'
import { LOG_LEVELS, type Log, type LogFields, type LogLevel } from '../core/log.ts'

export interface LogWriterOptions {
  readonly level: LogLevel
  readonly format: 'json' | 'text'
  readonly clock: Clock
  write(line: string): void
}

/** OpenTelemetry severity numbers. */
const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 5, info: 9, warn: 13, error: 17 }

/** Records of one event per second; the rest is counted. */
const EVENT_RATE_MAX = 20
const EVENTS_MAX = 256

export function createLog(options: LogWriterOptions): Log {
  const least = LOG_LEVELS.indexOf(options.level)
  const rates = new Map<string, { second: number; written: number; dropped: number }>()
  const enabled = (level: LogLevel): boolean => LOG_LEVELS.indexOf(level) >= least
  const emit = (level: LogLevel, event: string, body: string, fields: LogFields): void => {
    options.write(`${render(options, level, event, body, fields)}\n`)
  }
  return {
    enabled,
    write: (level, event, body, fields = {}) => {
      if (!enabled(level)) return
      const second = Math.floor(options.clock.monotonicMs() / 1000)
      const rate = rates.get(event) ?? { second, written: 0, dropped: 0 }
      if (rates.size < EVENTS_MAX) rates.set(event, rate)
      if (rate.second !== second) {
        if (rate.dropped > 0)
          emit('warn', 'log.dropped', 'Log records were left out', { event, count: rate.dropped })
        Object.assign(rate, { second, written: 0, dropped: 0 })
      }
      if (level !== 'debug' && rate.written >= EVENT_RATE_MAX) {
        rate.dropped += 1
        return
      }
      rate.written += 1
      emit(level, event, body, fields)
    },
  }
}

function render(
  options: LogWriterOptions,
  level: LogLevel,
  event: string,
  body: string,
  fields: LogFields,
): string {
  const timestamp = new Date(options.clock.wallMs()).toISOString()
  if (options.format === 'json') {
    return JSON.stringify({
      timestamp,
      severity_text: level.toUpperCase(),
      severity_number: SEVERITY[level],
      event_name: event,
      body,
      attributes: fields,
    })
  }
  const details = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) =>
        `${key}=${typeof value === 'string' ? visible(JSON.stringify(value)) : value}`,
    )
  return [timestamp, level.toUpperCase().padEnd(5), body, ...details].join(' ')
}

/** Characters that a terminal would act on or not show, written as escapes. */
function visible(text: string): string {
  return text.replaceAll(
    /[\p{C}\u2028\u2029]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )
}
