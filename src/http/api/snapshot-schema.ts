/** What a page or a terminal shows at a glance, in one value; and what the page asks for besides. */

import * as z from 'zod/mini'
import { about, count, instant, named } from './describe.ts'
import {
  alertSchema,
  callSchema,
  healthSchema,
  pointSchema,
  receiverSchema,
  statsSchema,
  windowSchema,
} from './stats-schema.ts'
import { driftSchema, toolSchema, upstreamGlanceSchema } from './upstream-schema.ts'

export const buildSchema = named(
  'Build',
  z.object({
    version: z.string(),
    node: z.string(),
    startedAtMs: instant,
    instanceId: about(z.string(), '`service.instance.id` of everything that this process exports.'),
  }),
  'Which Sidelight this is.',
)

export const overviewSchema = named(
  'Overview',
  z.object({
    atMs: instant,
    startedAtMs: instant,
    health: healthSchema,
    inFlight: count,
    windows: about(z.array(statsSchema), 'All upstreams together.'),
    alerts: z.object({ pending: count, firing: count, silenced: count }),
  }),
  'All upstreams together.',
)

export const snapshotSchema = named(
  'Snapshot',
  z.object({
    atMs: instant,
    window: windowSchema,
    build: buildSchema,
    readiness: z.enum(['ready', 'draining', 'not_ready']),
    dataUrl: about(z.optional(z.string()), 'Where clients reach upstreams; absent with `wrap`.'),
    takesOrders: about(z.boolean(), 'Whether this listener takes orders at all.'),
    health: healthSchema,
    inFlight: count,
    totals: about(statsSchema, 'All upstreams together.'),
    timeline: about(z.array(pointSchema), 'Of all upstreams together, oldest first.'),
    upstreams: z.array(upstreamGlanceSchema),
    alerts: about(z.array(alertSchema), 'Firing first, then pending, then those just resolved.'),
    receivers: z.array(receiverSchema),
    drifts: about(z.array(driftSchema), 'Newest first.'),
    lastSeq: about(count, '`seq` of the newest call.'),
  }),
  'Everything at a glance.',
)

export const callListSchema = named(
  'CallList',
  z.object({
    calls: about(z.array(callSchema), 'Newest first.'),
    lastSeq: about(count, 'What to pass as `after` next time.'),
    missed: about(z.boolean(), 'True when calls after `after` are gone already.'),
  }),
  'Recent calls.',
)

export const explainedSchema = named(
  'ExplainedTrace',
  z.object({
    traceId: z.string(),
    calls: about(z.array(callSchema), 'Newest first.'),
    explanation: about(z.array(z.string()), 'Sentences: what happened, and where the time went.'),
  }),
  'The calls of one trace, with an account of the newest.',
)

export const toolListSchema = named(
  'ToolList',
  z.object({ window: windowSchema, tools: z.array(toolSchema) }),
  'Every tool that was called or listed.',
)

export type Snapshot = z.output<typeof snapshotSchema>
export type BuildView = z.output<typeof buildSchema>
export type OverviewView = z.output<typeof overviewSchema>
export type CallList = z.output<typeof callListSchema>
export type ExplainedTrace = z.output<typeof explainedSchema>
export type ToolList = z.output<typeof toolListSchema>
