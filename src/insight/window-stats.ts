/** Turns what was counted in a window into the figures that people read. */

import type { Window } from './history.ts'
import type { Resolution } from './quantiles.ts'
import { ENDINGS } from './endings.ts'
import type { TallySum, TimingSum } from './sums.ts'
import type { Durations, OutcomeCount, WindowName, WindowStats } from './views.ts'

/** The windows of tools, whose older stretches are longer than those of upstreams. */
export const TOOL_WINDOWS: Readonly<Record<WindowName, Window>> = {
  '1m': { slots: 3, keep: 4 },
  '5m': { slots: 12, keep: 5 },
  '1h': { slots: 120, keep: 6 },
  '24h': { slots: 2_160, keep: 8 },
}

export const UPSTREAM_WINDOWS: Readonly<Record<WindowName, Window>> = {
  '1m': { slots: 1, keep: 12 },
  '5m': { slots: 1, keep: 60 },
  '1h': { slots: 12, keep: 60 },
  '24h': { slots: 360, keep: 48 },
}

/** Calls by what they count for. */
export interface Rates {
  readonly calls: number
  readonly eligible: number
  readonly errors: number
  readonly unavailable: number
}

export function ratesOf({ endings }: TallySum): Rates {
  let [calls, eligible, errors, unavailable] = [0, 0, 0, 0]
  for (let i = 0; i < endings.length; i += 2) {
    const count = endings[i + 1] ?? 0
    const indicator = ENDINGS[endings[i] ?? 0]?.indicator
    calls += count
    if (indicator === 'excluded') continue
    eligible += count
    if (indicator !== 'good') errors += count
    if (indicator === 'unavailable') unavailable += count
  }
  return { calls, eligible, errors, unavailable }
}

export function windowStats(
  sum: TallySum,
  window: WindowName,
  coveredMs: number,
  { resolution, both }: { readonly resolution: Resolution; readonly both: TimingSum },
): WindowStats {
  const { calls, eligible, errors, unavailable } = ratesOf(sum)
  return {
    window,
    coveredMs,
    calls,
    ratePerSecond: coveredMs > 0 ? (calls * 1_000) / coveredMs : 0,
    outcomes: outcomesOf(sum),
    eligible,
    errors,
    unavailable,
    errorRate: eligible === 0 ? undefined : errors / eligible,
    availability: eligible === 0 ? undefined : 1 - unavailable / eligible,
    answered: durationsOf(sum.answered, resolution),
    failed: durationsOf(sum.failed, resolution),
    all: durationsOf(addBoth(sum, both), resolution),
    firstEvent: durationsOf(sum.firstEvent, resolution),
    requestBytes: sum.requestBytes,
    responseBytes: sum.responseBytes,
    resultTokens: sum.resultTokens,
  }
}

/** What callers waited, whether it was worth it or not; into `both`. */
export function addBoth({ answered, failed }: TallySum, both: TimingSum): TimingSum {
  both.clear()
  both.addTiming(answered)
  both.addTiming(failed)
  return both
}

export function percentileMs(
  timing: TimingSum,
  quantile: number,
  resolution: Resolution,
): number | undefined {
  if (timing.calls === 0) return undefined
  const [us = 0] = resolution.quantiles(timing.bins, timing.calls, [quantile])
  return clampMs(us, timing)
}

const QUANTILES = [0.5, 0.9, 0.95, 0.99]

function durationsOf(timing: TimingSum, resolution: Resolution): Durations | undefined {
  if (timing.calls === 0) return undefined
  const quantiles = resolution.quantiles(timing.bins, timing.calls, QUANTILES)
  const [p50Ms = 0, p90Ms = 0, p95Ms = 0, p99Ms = 0] = quantiles.map((us) => clampMs(us, timing))
  return {
    calls: timing.calls,
    minMs: timing.minUs / 1_000,
    meanMs: timing.sumUs / timing.calls / 1_000,
    maxMs: timing.maxUs / 1_000,
    p50Ms,
    p90Ms,
    p95Ms,
    p99Ms,
    relativeError: resolution.relativeError,
  }
}

/** The shortest and the longest are known exactly. */
function clampMs(us: number, { minUs, maxUs }: TimingSum): number {
  return Math.min(maxUs, Math.max(minUs, us)) / 1_000
}

function outcomesOf({ endings }: TallySum): OutcomeCount[] {
  const counts: OutcomeCount[] = []
  for (let i = 0; i < endings.length; i += 2) {
    const ending = ENDINGS[endings[i] ?? 0]
    if (ending === undefined) continue
    counts.push({ outcome: ending.outcome, reason: ending.reason, calls: endings[i + 1] ?? 0 })
  }
  return counts.toSorted((a, b) => b.calls - a.calls)
}
