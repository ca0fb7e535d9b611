/** How the demo writes times, durations and outcomes, on the screen and on plain lines. */

import type { EndedCall, Snapshot } from './stats.ts'
import { isGood } from './stats.ts'
import type { RowNumbers } from './tally.ts'

/** Milliseconds in at most five characters for everything below a day. */
export function formatMs(ms: number | undefined): string {
  if (ms === undefined) return '-'
  if (ms < 9.95) return ms.toFixed(1)
  return ms < 99_999.5 ? String(Math.round(ms)) : `${Math.round(ms / 1_000)}s`
}

/** `m:ss`, or `h:mm:ss` from an hour on. */
export function formatUptime(ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const hours = Math.floor(seconds / 3_600)
  const minutes = Math.floor(seconds / 60) % 60
  const tail = two(seconds % 60)
  return hours === 0 ? `${minutes}:${tail}` : `${hours}:${two(minutes)}:${tail}`
}

/** The time of day where the demo runs. */
export function formatTime(wallMs: number): string {
  return new Date(wallMs).toTimeString().slice(0, 8)
}

/** What went wrong and how often, shortest form: `tool_error 3, -32602 1, cancelled 2`. */
export function formatErrors(numbers: RowNumbers): string {
  return numbers.outcomes
    .filter(({ label }) => !isGood(label))
    .map(({ label, count }) => `${label.split(' ').at(-1) ?? label} ${count}`)
    .join(', ')
}

/** One ended call as one plain line. */
export function formatCall(call: EndedCall): string {
  const { atWallMs, upstream, label, outcome, durationMs, traceId } = call
  return [
    formatTime(atWallMs),
    upstream.padEnd(10),
    label.padEnd(32),
    outcome.padEnd(18),
    `${formatMs(durationMs)} ms`.padStart(9),
    ...(traceId === undefined ? [] : [`trace ${traceId}`]),
  ].join('  ')
}

/** All calls so far as one plain line. */
export function formatSummary({ uptimeMs, total }: Snapshot): string {
  const outcomes = total.outcomes.map(({ label, count }) => `${label} ${count}`).join(', ')
  return [
    `summary after ${formatUptime(uptimeMs)}: ${total.calls} ${total.calls === 1 ? 'call' : 'calls'}`,
    `${total.perSecond.toFixed(1)}/s`,
    `${total.inFlight} in flight`,
    `p50 ${formatMs(total.p50)} p95 ${formatMs(total.p95)} p99 ${formatMs(total.p99)} ms`,
    outcomes === '' ? 'none ended yet' : outcomes,
  ].join('; ')
}
