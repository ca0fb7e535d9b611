/** Upstreams, their breakers and their tools as the API shows them. */

import * as z from 'zod/mini'
import { BREAKER_STATES, OVERRIDE_MODES } from '../../core/breaker.ts'
import { about, count, instant, named } from './describe.ts'
import {
  callSchema,
  pointSchema,
  statsSchema,
  toolStatsSchema,
  verdictSchema,
} from './stats-schema.ts'

const seconds = z.number()

export const breakerSchema = named(
  'Breaker',
  z.object({
    state: z.enum(BREAKER_STATES),
    sinceSeconds: seconds,
    openForSeconds: about(z.optional(seconds), 'How long it stays open; only when open.'),
    trialUnderWay: z.boolean(),
    trialsPassed: count,
    window: z.object({ calls: count, failed: count, slow: count }),
    failuresInRow: count,
    override: z.optional(
      z.object({
        mode: z.enum(OVERRIDE_MODES),
        reason: z.string(),
        actor: z.string(),
        endsInSeconds: seconds,
      }),
    ),
  }),
  'A circuit breaker; docs/resilience.md says how it works.',
)

export const guardSchema = named(
  'UpstreamBreakers',
  z.object({
    upstream: z.string(),
    breaker: about(z.nullable(breakerSchema), 'Null when it is switched off.'),
    tools: z.array(z.object({ tool: z.string(), breaker: breakerSchema })),
    throttled: z.boolean(),
    throttledForSeconds: seconds,
    calls: z.object({ active: count, limit: count, queued: count }),
    retriesLeft: z.number(),
  }),
  'What keeps calls from one upstream.',
)

/** What an upstream is besides its figures. */
const identity = {
  name: z.string(),
  transport: about(z.enum(['http', 'sse', 'stdio']), 'How it is reached.'),
  target: about(z.string(), 'Its origin and path, or its program; no query, no arguments.'),
  path: about(z.string(), 'Where its MCP endpoint is on the data listener.'),
  up: about(z.optional(z.boolean()), 'Of the last health check.'),
  upError: about(z.optional(z.string()), '`error.type` of that check.'),
  inFlight: count,
  health: verdictSchema,
  guard: about(z.nullable(guardSchema), 'Null for calls that named no upstream.'),
  catalogue: about(
    z.object({ tools: count, tokens: count }),
    'Of the last whole list of tools; zeros before the first.',
  ),
}

export const upstreamSchema = named(
  'Upstream',
  z.object({
    ...identity,
    windows: z.array(statsSchema),
    lastErrors: about(z.array(callSchema), 'The last calls that failed, newest first.'),
  }),
  'One upstream in every window.',
)

export const upstreamGlanceSchema = named(
  'UpstreamGlance',
  z.object({
    ...identity,
    stats: statsSchema,
    timeline: about(z.array(pointSchema), 'Oldest first.'),
  }),
  'One upstream in one window.',
)

export const toolSchema = named(
  'Tool',
  z.object({
    ...toolStatsSchema.shape,
    contextTokens: about(z.optional(count), 'What its definition costs an agent.'),
    breaker: about(z.optional(z.enum(BREAKER_STATES)), 'Of its own breaker, if it has one.'),
    pin: about(z.optional(z.string()), 'How it stands to its pin, with pins.'),
  }),
  'One tool of an upstream in one window.',
)

export const driftSchema = named(
  'Drift',
  z.object({
    atMs: instant,
    upstream: z.string(),
    tool: z.string(),
    kind: about(z.enum(['added', 'removed', 'changed']), 'What became of the tool.'),
    members: about(z.array(z.string()), 'What of the definition changed.'),
    pinned: about(z.boolean(), 'True when it differs from its pin.'),
  }),
  'A tool that came, went or changed.',
)

export const catalogueSchema = named(
  'UpstreamCatalogue',
  z.object({
    upstream: z.string(),
    tools: count,
    bytes: count,
    tokens: count,
    pins: z.optional(z.object({ mode: z.string(), unpinned: z.string() })),
    list: z.array(
      z.object({
        name: z.string(),
        digests: z.array(z.string()),
        bytes: count,
        tokens: count,
        pin: z.optional(z.string()),
      }),
    ),
  }),
  'The tools of one upstream: digests and sizes, no texts.',
)

export type UpstreamView = z.output<typeof upstreamSchema>
export type UpstreamGlance = z.output<typeof upstreamGlanceSchema>
export type ToolView = z.output<typeof toolSchema>
export type GuardView = z.output<typeof guardSchema>
export type BreakerApiView = z.output<typeof breakerSchema>
export type DriftView = z.output<typeof driftSchema>
export type CatalogueView = z.output<typeof catalogueSchema>
