/** Where alerts fire, as colours and words of panels; the figures are those of the rules. */

import { THRESHOLDS } from '../thresholds.ts'
import type { Steps } from './model.ts'

const { upstream, fixed } = THRESHOLDS

const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`

/** Share of failed calls. */
export const ERROR_STEPS: Steps = [
  [null, 'green'],
  [upstream.error_ratio, 'orange'],
  [upstream.error_ratio_critical, 'red'],
]

/** Seconds. */
export const LATENCY_STEPS: Steps = [
  [null, 'green'],
  [upstream.latency_p95_seconds, 'red'],
]

export const AVAILABILITY_STEPS: Steps = [
  [null, 'red'],
  [upstream.availability_ratio, 'orange'],
  [1 - upstream.availability_budget_ratio, 'green'],
]

export const LOOP_DELAY_STEPS: Steps = [
  [null, 'green'],
  [fixed.eventLoopDelaySeconds / 4, 'yellow'],
  [fixed.eventLoopDelaySeconds, 'red'],
]

export const LOOP_USE_STEPS: Steps = [
  [null, 'green'],
  [fixed.eventLoopUtilization, 'red'],
]

export const QUEUE_STEPS: Steps = [
  [null, 'green'],
  [fixed.collectorQueueRatio, 'red'],
]

/** The same in sentences. */
export const WORDS = {
  errorRate: percent(upstream.error_ratio),
  latency: `${upstream.latency_p95_seconds} s`,
  availability: percent(upstream.availability_ratio),
  slow: `${fixed.slowSeconds} s`,
  loopDelay: `${fixed.eventLoopDelaySeconds} s`,
} as const
