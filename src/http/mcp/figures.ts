/** Statistics in the short form that a model reads: the figures that answer what is slow, and what fails. */

import * as z from 'zod/mini'
import { printable } from '../../core/printable.ts'
import type { CallView, StatsView } from '../api/stats-schema.ts'
import { outcomeSchema, windowSchema } from '../api/stats-schema.ts'
import { about, count, ms, ratio } from '../api/describe.ts'
import type { Shown } from '../api/views.ts'

export const windowArgument = about(
  z._default(z.enum(['1m', '5m', '1h', '24h']), '5m'),
  'How far back figures reach.',
)

export const figuresSchema = z.object({
  window: windowSchema,
  calls: count,
  ratePerSecond: z.number(),
  errors: count,
  errorRate: about(z.optional(ratio), 'Absent without calls that could tell.'),
  availability: about(z.optional(ratio), 'Share of calls that found a working server.'),
  p50Ms: about(z.optional(ms), 'Of all calls that went out, failed ones included.'),
  p95Ms: z.optional(ms),
  p99Ms: z.optional(ms),
  outcomes: z.array(
    z.object({ outcome: outcomeSchema, reason: z.optional(z.string()), calls: count }),
  ),
  resultTokens: about(count, 'Estimated cost of the results in a context.'),
})

export type Figures = z.output<typeof figuresSchema>

export function figuresOf(stats: Shown<StatsView>): Figures {
  const { window, calls, ratePerSecond, errors, errorRate, availability, all } = stats
  return {
    window,
    calls,
    ratePerSecond,
    errors,
    errorRate,
    availability,
    p50Ms: all?.p50Ms,
    p95Ms: all?.p95Ms,
    p99Ms: all?.p99Ms,
    outcomes: stats.outcomes.map((one) => ({ ...one })),
    resultTokens: stats.resultTokens,
  }
}

/** `120 calls (0.4/s), p95 1.2 s, p50 40 ms, 2.5 % errors`. */
export function figuresInWords(figures: Figures): string {
  const { calls, ratePerSecond, errorRate, p50Ms, p95Ms } = figures
  if (calls === 0) return 'no calls'
  const parts = [`${calls} ${calls === 1 ? 'call' : 'calls'} (${ratePerSecond.toFixed(2)}/s)`]
  if (p95Ms !== undefined && p50Ms !== undefined) {
    parts.push(`p95 ${durationInWords(p95Ms)}`, `p50 ${durationInWords(p50Ms)}`)
  }
  if (errorRate !== undefined) parts.push(`${(errorRate * 100).toFixed(1)} % errors`)
  return parts.join(', ')
}

export function durationInWords(durationMs: number): string {
  return durationMs < 1_000
    ? `${durationMs.toFixed(durationMs < 10 ? 1 : 0)} ms`
    : `${(durationMs / 1_000).toFixed(2)} s`
}

export const failureSchema = z.object({
  at: about(z.string(), 'When it began, by ISO 8601.'),
  upstream: z.string(),
  method: z.string(),
  target: about(z.optional(z.string()), 'The tool or prompt.'),
  outcome: outcomeSchema,
  reason: z.optional(z.string()),
  errorType: z.optional(z.string()),
  durationMs: ms,
  traceId: about(z.optional(z.string()), 'What explain_call takes.'),
})

export type Failure = z.output<typeof failureSchema>

export function failureOf(call: Shown<CallView>): Failure {
  const { upstream, method, target, outcome, reason, errorType, durationMs, traceId } = call
  return {
    at: new Date(call.startedAtMs).toISOString(),
    upstream: printable(upstream),
    method: printable(method),
    target: target === undefined ? undefined : printable(target),
    outcome,
    reason,
    errorType,
    durationMs,
    traceId,
  }
}

export function failureInWords(failure: Failure): string {
  const { at, upstream, method, target, outcome, reason, durationMs, traceId } = failure
  const what = target === undefined ? method : `${method} ${target}`
  const why = reason === undefined ? outcome : `${outcome} (${reason})`
  const trace = traceId === undefined ? '' : `, trace ${traceId}`
  return `${at} ${upstream} ${what}: ${why} after ${durationInWords(durationMs)}${trace}`
}
