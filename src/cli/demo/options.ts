/** The demo's flags, checked, and the settings that follow from the environment. */

import { parseAddress, parseDuration } from '../../config/units.ts'
import type { Env, TelemetrySettings } from '../../telemetry/env.ts'
import type { FlagValues } from '../flags.ts'
import { readTelemetrySettings } from '../telemetry-settings.ts'

export interface DemoOptions {
  readonly listen: string | undefined
  readonly admin: string | undefined
  readonly callsPerSecond: number
  /** Undefined: until someone stops it. */
  readonly durationMs: number | undefined
  readonly plain: boolean
}

const RATE = { least: 1, most: 200, usual: 4 } as const
const DURATION_MS = { least: 1_000, most: 7 * 86_400_000 } as const

/** The options, or what is wrong with a flag and what it should be. */
export function readOptions(flags: FlagValues): DemoOptions | string {
  const problem = Object.entries(EXPECTED).flatMap(([flag, expectation]) => {
    const value = flags[flag]
    if (typeof value !== 'string' || expectation.accepts(value)) return []
    return `sidelight demo: --${flag}: expected ${expectation.expected}, got ${JSON.stringify(value)}`
  })[0]
  if (problem !== undefined) return problem
  const duration = textOf(flags['duration'])
  return {
    listen: textOf(flags['listen']),
    admin: textOf(flags['admin']),
    callsPerSecond: Number(textOf(flags['rate']) ?? RATE.usual),
    durationMs: duration === undefined ? undefined : parseDuration(duration),
    plain: flags['plain'] === true,
  }
}

interface Expectation {
  readonly expected: string
  accepts(value: string): boolean
}

const EXPECTED: Readonly<Record<string, Expectation>> = {
  listen: {
    expected: 'an address such as 127.0.0.1:8420',
    accepts: (value) => parseAddress(value) !== undefined,
  },
  admin: {
    expected: 'an address such as 127.0.0.1:9464, or off',
    accepts: (value) => value === 'off' || parseAddress(value) !== undefined,
  },
  rate: {
    expected: `a number of calls per second from ${RATE.least} to ${RATE.most}`,
    accepts: (value) => isBetween(Number(value), RATE),
  },
  duration: {
    expected: 'a duration such as 30s, from 1s to 7d',
    accepts: (value) => isBetween(parseDuration(value) ?? 0, DURATION_MS),
  },
}

function textOf(value: FlagValues[string]): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function isBetween(value: number, range: { least: number; most: number }): boolean {
  return value >= range.least && value <= range.most
}

export interface DemoTelemetry {
  readonly settings: TelemetrySettings
  readonly warnings: readonly string[]
  /** True when spans or metrics are sent somewhere. */
  readonly exporting: boolean
  /** True when they are printed on standard output. */
  readonly printing: boolean
}

/**
 * The telemetry that the environment asks for. When it asks for no exporter there is none: most
 * newcomers have no collector, and complaints about its absence would be all they see.
 */
export async function readDemoTelemetry(
  env: Env,
): Promise<DemoTelemetry | { readonly kind: 'failed'; readonly message: string }> {
  const asked = Object.keys(env).some((name) => isAboutExport(name) && env[name]?.trim() !== '')
  const read = await readTelemetrySettings(
    asked
      ? { OTEL_LOGS_EXPORTER: 'none', ...env }
      : {
          ...env,
          OTEL_TRACES_EXPORTER: 'none',
          OTEL_METRICS_EXPORTER: 'none',
          OTEL_LOGS_EXPORTER: 'none',
        },
  )
  if ('kind' in read) return read
  const exporters = [read.settings.tracesExporter, read.settings.metricsExporter]
  return {
    ...read,
    exporting: !read.settings.disabled && exporters.includes('otlp'),
    printing: !read.settings.disabled && exporters.includes('console'),
  }
}

function isAboutExport(name: string): boolean {
  if (name === 'OTEL_CONFIG_FILE') return true
  return name.startsWith('OTEL_EXPORTER_OTLP_') || /^OTEL_[A-Z]+_EXPORTER$/.test(name)
}
