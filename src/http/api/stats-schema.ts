/**
 * Statistics, calls, health and alerts as the API shows them: the values of `insight/views.ts`, described.
 * Times in milliseconds, instants in milliseconds since the epoch, ratios from 0 to 1. A member that is
 * absent is not known, or does not apply; it is never 0 instead.
 */

import * as z from 'zod/mini'
import { BREAKER_STATES } from '../../core/breaker.ts'
import { about, count, instant, ms, named, ratio } from './describe.ts'

export const WINDOWS = ['1m', '5m', '1h', '24h'] as const

export const windowSchema = named('Window', z.enum(WINDOWS), 'How far back figures reach.')

export const OUTCOMES = [
  'ok',
  'input_required',
  'task',
  'tool_error',
  'rpc_error',
  'upstream_failed',
  'upstream_status',
  'rejected',
  'cancelled',
  'internal',
] as const

export const outcomeSchema = named(
  'Outcome',
  z.enum(OUTCOMES),
  'How a call ended; docs/outcomes.md says what each means.',
)

const durationsSchema = named(
  'Durations',
  z.object({
    calls: count,
    minMs: ms,
    meanMs: ms,
    maxMs: ms,
    p50Ms: ms,
    p90Ms: ms,
    p95Ms: ms,
    p99Ms: ms,
    relativeError: about(ratio, 'How far off a percentile may be, such as 0.01.'),
  }),
  'How long calls took.',
)

export const statsSchema = named(
  'WindowStats',
  z.object({
    window: windowSchema,
    coveredMs: about(ms, 'How much of the window is covered: less after the start.'),
    calls: count,
    ratePerSecond: z.number().check(z.gte(0)),
    outcomes: about(
      z.array(z.object({ outcome: outcomeSchema, reason: z.optional(z.string()), calls: count })),
      'Largest first; endings that did not come up are left out.',
    ),
    eligible: about(
      count,
      'Calls that an available service would have answered: without mistakes of callers, refusals by policy, and cancellations.',
    ),
    errors: about(count, 'Of these, those that failed, for whatever reason.'),
    unavailable: about(count, 'Of these, those for which the service was not there, or broke.'),
    errorRate: about(z.optional(ratio), '`errors / eligible`.'),
    availability: about(z.optional(ratio), '`1 - unavailable / eligible`.'),
    answered: about(z.optional(durationsSchema), 'Of calls with an answer that is no error.'),
    failed: about(
      z.optional(durationsSchema),
      'Of calls that went out and failed, timed out or were given up.',
    ),
    all: about(z.optional(durationsSchema), 'Of both together: what callers waited.'),
    firstEvent: about(
      z.optional(durationsSchema),
      'Until the first event, of replies that stream.',
    ),
    requestBytes: count,
    responseBytes: count,
    resultTokens: about(count, "Estimated cost of the results in a model's context."),
  }),
  'Figures of one window.',
)

const healthLevel = named(
  'HealthLevel',
  z.enum(['HEALTHY', 'WARNING', 'CRITICAL', 'UNKNOWN']),
  'How well an upstream does; UNKNOWN without enough traffic.',
)

export const verdictSchema = named(
  'HealthVerdict',
  z.object({
    level: healthLevel,
    sinceMs: instant,
    reasons: about(
      z.array(
        z.object({
          code: z.enum([
            'error_rate',
            'p95',
            'breaker_open',
            'breaker_half_open',
            'upstream_down',
            'little_traffic',
            'no_traffic',
            'recovering',
          ]),
          level: healthLevel,
          value: z.optional(z.number()),
          threshold: z.optional(z.number()),
          calls: about(count, 'Calls that it rests on.'),
          text: about(z.string(), 'One sentence with the figures.'),
        }),
      ),
      'Worst first; empty when there is nothing to say.',
    ),
  }),
  'A judgement with its reasons.',
)

export const healthSchema = named(
  'HealthReport',
  z.object({
    level: healthLevel,
    sinceMs: instant,
    upstreams: z.array(z.intersection(verdictSchema, z.object({ upstream: z.string() }))),
  }),
  'As bad as the worst upstream.',
)

export const callSchema = named(
  'Call',
  z.object({
    seq: about(count, 'Grows by 1 with each call; to ask for what came after it.'),
    startedAtMs: instant,
    durationMs: ms,
    upstream: z.string(),
    method: z.string(),
    target: about(z.optional(z.string()), 'The tool or prompt.'),
    outcome: outcomeSchema,
    reason: z.optional(z.string()),
    errorType: about(z.optional(z.string()), '`error.type` as the client sees it.'),
    counts: about(z.enum(['good', 'error', 'unavailable', 'excluded']), 'What it counts for.'),
    traceId: z.optional(z.string()),
    sampled: about(z.boolean(), 'True when a backend should have its trace.'),
    traceUrl: about(z.optional(z.string()), 'Where to see its trace, with `ui.traceUrl`.'),
    attempts: about(count, 'Requests to the upstream; 0 when it never went out.'),
    phases: about(
      z.object({
        readMs: about(ms, "Reading the request's body."),
        authMs: about(ms, 'Checking who sends it.'),
        queueMs: about(ms, 'Waiting for a place, a connection or a process.'),
        connectMs: about(ms, 'Making a connection.'),
        waitMs: about(ms, 'Waiting for the first event, or for the head of the reply.'),
        bodyMs: about(ms, 'From then to the end of the answer.'),
        otherMs: about(ms, 'Attempts that failed before, pauses between them, and our own work.'),
      }),
      'Where its time went, in this order; together they are its duration.',
    ),
    requestBytes: count,
    responseBytes: count,
    resultTokens: count,
  }),
  'One call that has ended.',
)

export const toolStatsSchema = named(
  'ToolStats',
  z.object({
    upstream: z.string(),
    tool: about(z.string(), '`_OTHER` stands for all tools without a place of their own.'),
    inFlight: count,
    stats: statsSchema,
  }),
  'Figures of one tool in one window.',
)

export const toolDetailSchema = named(
  'ToolDetail',
  z.object({
    upstream: z.string(),
    tool: z.string(),
    inFlight: count,
    windows: z.array(statsSchema),
  }),
  'Figures of one tool in every window.',
)

export const pointSchema = named(
  'TimelinePoint',
  z.object({
    startMs: instant,
    durationMs: ms,
    calls: count,
    errors: count,
    p50Ms: z.optional(ms),
    p95Ms: z.optional(ms),
  }),
  'Figures of one step; percentiles are absent without calls.',
)

export const alertSchema = named(
  'Alert',
  z.object({
    fingerprint: about(z.string(), 'The same for the same rule and labels.'),
    name: about(z.string(), 'Name of the rule.'),
    state: z.enum(['pending', 'firing', 'resolved']),
    severity: z.enum(['critical', 'warning']),
    labels: z.record(z.string(), z.string()),
    annotations: z.record(z.string(), z.string()),
    activeAtMs: about(instant, 'When the condition began to hold.'),
    firedAtMs: z.optional(instant),
    resolvedAtMs: z.optional(instant),
    value: about(z.optional(z.number()), "What was measured last, in the rule's unit."),
    threshold: z.number(),
    silencedBy: about(z.optional(z.string()), 'The silence that keeps it from being sent.'),
  }),
  'An alert of the rules that run in the process.',
)

export const receiverSchema = named(
  'Receiver',
  z.object({
    name: z.string(),
    type: z.enum(['alertmanager', 'webhook']),
    lastSuccessMs: z.optional(instant),
    lastFailureMs: z.optional(instant),
    lastError: z.optional(z.string()),
    failuresInRow: count,
  }),
  'How the sending of alerts to one receiver goes.',
)

export const silenceSchema = named(
  'Silence',
  z.object({
    id: z.string(),
    matchers: z.record(z.string(), z.string()),
    reason: z.string(),
    author: z.string(),
    createdAtMs: instant,
    endsAtMs: instant,
  }),
  'Keeps alerts with these labels from being sent.',
)

export const breakerStateSchema = z.enum(BREAKER_STATES)

export type Window = z.output<typeof windowSchema>
export type StatsView = z.output<typeof statsSchema>
export type VerdictView = z.output<typeof verdictSchema>
export type AlertView = z.output<typeof alertSchema>
export type CallView = z.output<typeof callSchema>
export type PhasesView = CallView['phases']
export type PointView = z.output<typeof pointSchema>
