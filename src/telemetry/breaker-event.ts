/** A change of a breaker, as the log and the span of the call that caused it show it. */

import type { BreakerChange } from '../core/breaker.ts'
import type { AttributeValue, SpanEvent } from './span.ts'
import { ATTR } from './names.ts'

export const BREAKER_EVENT = 'sidelight.breaker.transition'

/** Open time in seconds. */
export function breakerFields(
  upstream: string,
  { tool, transition }: BreakerChange,
): Readonly<Record<string, AttributeValue | undefined>> {
  const { from, to, cause, openMs, calls, failed, slow } = transition
  return {
    [ATTR.upstreamName]: upstream,
    [ATTR.toolName]: tool,
    [ATTR.breakerState]: to,
    [ATTR.breakerPreviousState]: from,
    [ATTR.breakerCause]: cause,
    [ATTR.breakerOpenDuration]: openMs === undefined ? undefined : Math.round(openMs) / 1_000,
    [ATTR.breakerWindowCalls]: calls,
    [ATTR.breakerWindowFailed]: failed,
    [ATTR.breakerWindowSlow]: slow,
  }
}

export function breakerEvent(upstream: string, change: BreakerChange, timeMs: number): SpanEvent {
  const attributes: AttributeValue[] = []
  for (const [name, value] of Object.entries(breakerFields(upstream, change))) {
    if (value !== undefined) attributes.push(name, value)
  }
  return { name: BREAKER_EVENT, timeMs, attributes }
}
