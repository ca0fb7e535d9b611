/** Settings for metric families of a test; any limit that is hit fails the test unless it is awaited. */

import assert from 'node:assert/strict'
import type { LimitName } from '../../src/core/limits.ts'
import type { SeriesSettings } from '../../src/telemetry/histogram-series.ts'
import { SeriesLimits } from '../../src/telemetry/series-limits.ts'

export function seriesSettings(
  others: Partial<Omit<SeriesSettings, 'limits'>> = {},
  onHit: (limit: LimitName) => void = (limit) => assert.fail(`${limit} was hit`),
): SeriesSettings {
  const limits = new SeriesLimits(onHit)
  return { limits, exponential: false, delta: false, exemplars: true, ...others }
}

/** A whole rendering. */
export function textOf(slices: Iterable<string>): string {
  return [...slices].join('')
}
