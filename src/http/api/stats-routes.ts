/** Operations that show figures, calls and health. */

import * as z from 'zod/mini'
import { about } from './describe.ts'
import { explainCall } from './explain.ts'
import { refusal } from './problem.ts'
import { NO_QUERY, route, type ApiRoute } from './route.ts'
import {
  callListSchema,
  explainedSchema,
  overviewSchema,
  snapshotSchema,
  toolListSchema,
} from './snapshot-schema.ts'
import {
  healthSchema,
  outcomeSchema,
  pointSchema,
  toolDetailSchema,
  windowSchema,
} from './stats-schema.ts'
import { upstreamSchema } from './upstream-schema.ts'

const CALLS_MAX = 1_000

const windowed = z.strictObject({
  window: about(z._default(windowSchema, '5m'), 'How far back figures reach.'),
})

export const whole = (max: number): z.ZodMiniType<number> =>
  z.pipe(
    z.string().check(z.regex(/^\d{1,15}$/, { error: `expected a whole number, at most ${max}` })),
    z.pipe(z.transform(Number), z.int().check(z.gte(0), z.lte(max))),
  )

const flag = z.pipe(
  z.enum(['true', 'false']),
  z.transform((value) => value === 'true'),
)

export const unknownUpstream = refusal(
  404,
  'unknown_upstream',
  'There is no upstream of this name.',
)

export const STATISTICS_ROUTES: readonly ApiRoute[] = [
  route({
    method: 'get',
    path: '/snapshot',
    id: 'getSnapshot',
    summary: 'Everything at a glance, for one window; taken at most twice a second.',
    query: windowed,
    answer: snapshotSchema,
    handle: (views, { query }) => views.snapshot(query.window),
  }),
  route({
    method: 'get',
    path: '/overview',
    id: 'getOverview',
    summary: 'All upstreams together, in every window.',
    query: NO_QUERY,
    answer: overviewSchema,
    handle: ({ insight }) => insight.overview(),
  }),
  route({
    method: 'get',
    path: '/health',
    id: 'getHealth',
    summary: 'The verdict on every upstream, with its reasons.',
    query: NO_QUERY,
    answer: healthSchema,
    handle: ({ insight }) => insight.health(),
  }),
  route({
    method: 'get',
    path: '/upstreams',
    id: 'listUpstreams',
    summary: 'Every upstream with its figures in every window.',
    query: NO_QUERY,
    answer: z.object({ upstreams: z.array(upstreamSchema) }),
    handle: (views) => ({ upstreams: views.upstreams() }),
  }),
  route({
    method: 'get',
    path: '/upstreams/{upstream}',
    id: 'getUpstream',
    summary: 'One upstream with its figures in every window.',
    query: NO_QUERY,
    answer: upstreamSchema,
    refuses: [404],
    handle: (views, { params }) =>
      views.upstreams().find(({ name }) => name === params['upstream']) ?? unknownUpstream,
  }),
  route({
    method: 'get',
    path: '/upstreams/{upstream}/timeline',
    id: 'getTimeline',
    summary: 'Its figures step by step, oldest first.',
    query: z.strictObject({
      span: about(
        z._default(z.enum(['5m', '1h', '24h']), '1h'),
        'Steps of 5 seconds, a minute, or half an hour.',
      ),
    }),
    answer: z.object({ points: z.array(pointSchema) }),
    refuses: [404],
    handle: ({ insight }, { params, query }) => {
      const points = insight.timeline(params['upstream'] ?? '', query.span)
      return points === undefined ? unknownUpstream : { points }
    },
  }),
  route({
    method: 'get',
    path: '/tools',
    id: 'listTools',
    summary: 'Every tool that was called or listed, in one window.',
    query: z.strictObject({ ...windowed.shape, upstream: z.optional(z.string()) }),
    answer: toolListSchema,
    handle: (views, { query }) => ({
      window: query.window,
      tools: views.tools(query.window, query.upstream),
    }),
  }),
  route({
    method: 'get',
    path: '/tools/{upstream}/{tool}',
    id: 'getTool',
    summary: 'One tool in every window.',
    query: NO_QUERY,
    answer: toolDetailSchema,
    refuses: [404],
    handle: ({ insight }, { params }) =>
      insight.tool(params['upstream'] ?? '', params['tool'] ?? '') ??
      refusal(404, 'unknown_tool', 'No call of this tool is remembered.'),
  }),
]

export const CALL_ROUTES: readonly ApiRoute[] = [
  route({
    method: 'get',
    path: '/calls',
    id: 'listCalls',
    summary: 'Recent calls, newest first.',
    query: z.strictObject({
      limit: about(z.optional(whole(CALLS_MAX)), 'Most calls; 100 by default.'),
      after: about(z.optional(whole(Number.MAX_SAFE_INTEGER)), 'Only calls with a larger `seq`.'),
      upstream: z.optional(z.string()),
      tool: z.optional(z.string()),
      outcome: z.optional(outcomeSchema),
      errorsOnly: about(z.optional(flag), 'Only calls that count as errors.'),
    }),
    answer: callListSchema,
    handle: (views, { query }) => {
      const found = views.insight.recentCalls({ ...query, limit: query.limit ?? 100 })
      return { ...found, calls: found.calls.map((call) => views.call(call)) }
    },
  }),
  route({
    method: 'get',
    path: '/calls/{traceId}',
    id: 'explainTrace',
    summary: 'The calls of one trace, and an account of what happened.',
    query: NO_QUERY,
    answer: explainedSchema,
    refuses: [400, 404],
    handle: (views, { params }) => {
      const traceId = params['traceId'] ?? ''
      if (!/^[0-9a-f]{32}$/.test(traceId)) {
        return refusal(400, 'invalid_trace_id', 'A trace id has 32 lower-case hex digits.')
      }
      const found = views.insight.callsOfTrace(traceId)
      const newest = found[0]
      if (newest === undefined) {
        return refusal(404, 'unknown_trace', 'No call of this trace is remembered.')
      }
      return {
        traceId,
        calls: found.map((call) => views.call(call)),
        explanation: explainCall(newest),
      }
    },
  }),
]
