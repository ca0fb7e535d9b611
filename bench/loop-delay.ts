/**
 * Loaded into targets on Node beside their program: says how long their event loop was held up when
 * the run asks. One sample in ten milliseconds costs less than can be measured.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { LoopDelay } from './messages.ts'

const RESOLUTION_MS = 10

if (process.send !== undefined) {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  process.on('message', (message) => {
    if (message !== 'loop_delay') return
    const answer: LoopDelay = {
      kind: 'loop_delay',
      // What is recorded is the time from one sample to the next.
      p99Ms: Math.max(0, histogram.percentile(99) / 1e6 - RESOLUTION_MS),
      maxMs: Math.max(0, histogram.max / 1e6 - RESOLUTION_MS),
    }
    histogram.reset()
    process.send?.(answer)
  })
  // The program decides when it ends.
  process.channel?.unref()
}
