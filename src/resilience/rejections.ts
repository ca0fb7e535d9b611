/** What is said when a call is kept from an upstream. */

import { reject, rejectOver, type Rejection } from '../core/outcome.ts'

export const QUEUE_FULL = rejectOver(
  'queue',
  'at_capacity',
  'the upstream has as many calls under way and waiting as are allowed (concurrency, queue)',
)

export function queueTimeout(waitedMs: number): Rejection {
  return rejectOver(
    'queue',
    'queue_timeout',
    `the upstream is busy, and the call could not begin within ${seconds(waitedMs)} s`,
  )
}

export function throttled(status: number, retryAfterMs: number): Rejection {
  return reject(
    'throttled',
    `the upstream asked for fewer calls (it answered ${status} with Retry-After)`,
    retryAfterMs,
  )
}

export function breakerOpen(tool: string | undefined, retryAfterMs: number): Rejection {
  return reject(
    'breaker_open',
    tool === undefined
      ? 'the upstream has been failing, so calls to it are paused'
      : 'the tool has been failing, so calls of it are paused; other tools of the upstream can be called',
    retryAfterMs,
  )
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10
}
