/** What the configuration says of telemetry, in the words of the telemetry layer. */

import type { Config } from '../config/schema.ts'
import type { TelemetryOptions } from '../telemetry/start.ts'
import { durationOf } from './units.ts'

export function telemetryRules({
  telemetry,
}: Config): Pick<TelemetryOptions, 'propagation' | 'trustSampled' | 'keep'> {
  const { propagation, trustSampled, baggage, keep } = telemetry
  return {
    propagation: { mode: propagation, baggage: new Set(baggage) },
    trustSampled,
    keep:
      keep.errors || keep.slowerThan !== undefined
        ? {
            errors: keep.errors,
            slowerThanMs: keep.slowerThan === undefined ? Infinity : durationOf(keep.slowerThan),
          }
        : undefined,
  }
}
