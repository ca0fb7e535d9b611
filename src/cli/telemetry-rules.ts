/** What the configuration says of telemetry, in the words of the telemetry layer. */

import type { Config } from '../config/schema.ts'
import type { TelemetryOptions } from '../telemetry/start.ts'
import { durationOf, sizeOf } from './units.ts'

export function telemetryRules({
  telemetry,
}: Config): Pick<TelemetryOptions, 'propagation' | 'trustSampled' | 'keep' | 'capture'> {
  const { propagation, trustSampled, baggage, keep, capture } = telemetry
  return {
    propagation: { mode: propagation, baggage: new Set(baggage) },
    trustSampled,
    capture: capture.map((entry) => ({ ...entry, bytesMax: sizeOf(entry.bytesMax) })),
    keep:
      keep.errors || keep.slowerThan !== undefined
        ? {
            errors: keep.errors,
            slowerThanMs: keep.slowerThan === undefined ? Infinity : durationOf(keep.slowerThan),
          }
        : undefined,
  }
}

/** The upstreams that are programs. */
export function programsOf({ upstreams }: Config): ReadonlySet<string> {
  const programs = Object.entries(upstreams).filter(([, { command }]) => command !== undefined)
  return new Set(programs.map(([name]) => name))
}
