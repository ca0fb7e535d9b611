/** How far our clock is from that of others, by what they say in `Date` (RFC 9110 §6.6.1). */

import type { Effects } from './effects.ts'
import { fail, ok, warn, type Finding } from './finding.ts'

/** `Date` has whole seconds, and the answer was under way for a while. */
const CERTAIN_MS = 2_000

export interface ClockPlace {
  readonly subject: string
  readonly url: URL
  readonly ca?: string | undefined
  /** Beyond this, tokens are refused; undefined where it spoils only the order of records. */
  readonly toleranceMs?: number | undefined
}

export async function checkClock(
  { subject, url, ca, toleranceMs }: ClockPlace,
  effects: Effects,
): Promise<readonly Finding[]> {
  const tls = ca === undefined ? {} : { tls: { ca } }
  const answer = await effects.ask({ url, method: 'HEAD', ...tls })
  // Whether it can be reached at all is the business of other checks.
  if (answer.kind === 'failed' || answer.dateMs === undefined) return []
  const skewMs = effects.wallMs() - answer.dateMs
  const uncertainMs = CERTAIN_MS + answer.tookMs
  const advice = 'set the clock of this machine by NTP, or that of the other one'
  const found = `${(Math.abs(skewMs) / 1_000).toFixed(0)} s ${skewMs > 0 ? 'behind' : 'ahead of'} ours`
  if (toleranceMs !== undefined && Math.abs(skewMs) > toleranceMs + uncertainMs) {
    const limit = `more than auth.clockTolerance (${toleranceMs / 1_000} s)`
    return [fail('clock', subject, `its clock is ${found}, ${limit}`, advice)]
  }
  return Math.abs(skewMs) > uncertainMs
    ? [warn('clock', subject, `its clock is ${found}`, advice)]
    : [ok('clock', subject, 'its clock is as ours')]
}
