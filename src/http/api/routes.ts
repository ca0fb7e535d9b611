/** Every operation of the API that answers with JSON. The OpenAPI document is made of this list. */

import * as z from 'zod/mini'
import { AUDIT_ROUTES } from './audit-routes.ts'
import { CONFIG_ROUTES } from './config-routes.ts'
import { breakerOrderSchema, silenceOrderSchema } from './order-schema.ts'
import { refusal, type Refusal } from './problem.ts'
import { NO_QUERY, route, type ApiRoute } from './route.ts'
import { buildSchema } from './snapshot-schema.ts'
import { CALL_ROUTES, STATISTICS_ROUTES, unknownUpstream } from './stats-routes.ts'
import { alertSchema, receiverSchema, silenceSchema } from './stats-schema.ts'
import { catalogueSchema, driftSchema, guardSchema } from './upstream-schema.ts'

const nobody = refusal(400, 'invalid_body', 'actor: say who gives the order')

const ok = z.object({ status: z.literal('ok') })

const alerts: readonly ApiRoute[] = [
  route({
    method: 'get',
    path: '/alerts',
    id: 'listAlerts',
    summary: 'Alerts, and how their sending goes.',
    query: NO_QUERY,
    answer: z.object({ alerts: z.array(alertSchema), receivers: z.array(receiverSchema) }),
    handle: ({ insight }) => ({ alerts: insight.alerts(), receivers: insight.receivers() }),
  }),
  route({
    method: 'get',
    path: '/silences',
    id: 'listSilences',
    summary: 'Silences in force.',
    query: NO_QUERY,
    answer: z.object({ silences: z.array(silenceSchema) }),
    handle: ({ insight }) => ({ silences: insight.silences() }),
  }),
  route({
    method: 'post',
    path: '/silences',
    id: 'createSilence',
    summary: 'Keeps alerts from being sent for a while.',
    permission: 'control',
    body: silenceOrderSchema,
    query: NO_QUERY,
    answer: silenceSchema,
    refuses: [400, 409],
    handle: ({ insight }, { body, actor }) => {
      const { ttlSeconds, matchers, reason } = body
      const author = actor ?? body.actor
      if (author === undefined) return nobody
      const made = insight.silence({ matchers, reason, author, ttlMs: ttlSeconds * 1_000 })
      if (made === 'full')
        return refusal(409, 'full', 'There are as many silences as there may be.')
      return made === 'invalid'
        ? refusal(400, 'invalid_silence', 'It needs at least one matcher that an alert can have.')
        : made
    },
  }),
  route({
    method: 'delete',
    path: '/silences/{id}',
    id: 'endSilence',
    summary: 'Ends a silence.',
    permission: 'control',
    query: NO_QUERY,
    answer: ok,
    refuses: [404],
    handle: ({ insight }, { params }) =>
      insight.endSilence(params['id'] ?? '')
        ? { status: 'ok' as const }
        : refusal(404, 'unknown_silence', 'There is no such silence.'),
  }),
]

const breakers: readonly ApiRoute[] = [
  route({
    method: 'get',
    path: '/breakers',
    id: 'listBreakers',
    summary: 'What keeps calls from upstreams.',
    query: NO_QUERY,
    answer: z.object({ breakers: z.array(guardSchema) }),
    handle: (views) => ({ breakers: views.breakers() }),
  }),
  route({
    method: 'get',
    path: '/breakers/{upstream}',
    id: 'getBreaker',
    summary: 'What keeps calls from one upstream.',
    query: NO_QUERY,
    answer: guardSchema,
    refuses: [404],
    handle: (views, { params }) =>
      views.breakers().find(({ upstream }) => upstream === params['upstream']) ?? unknownUpstream,
  }),
  route({
    method: 'post',
    path: '/breakers/{upstream}',
    id: 'orderBreaker',
    summary: 'Orders a breaker by hand.',
    permission: 'control',
    body: breakerOrderSchema,
    query: NO_QUERY,
    answer: guardSchema,
    refuses: [400, 404, 409],
    handle: (views, { params, body, actor: authenticated }) => {
      const upstream = params['upstream'] ?? ''
      const { action, tool, reason, ttlSeconds = 0 } = body
      const actor = authenticated ?? body.actor
      if (actor === undefined) return nobody
      const done = views.order(upstream, { action, tool, reason, actor, ttlMs: ttlSeconds * 1_000 })
      return done === 'done'
        ? (guardOf(views.breakers(), upstream) ?? unknownUpstream)
        : REFUSED[done]
    },
  }),
]

function guardOf<T extends { readonly upstream: string }>(
  all: readonly T[],
  name: string,
): T | undefined {
  return all.find(({ upstream }) => upstream === name)
}

const REFUSED: Readonly<Record<'unknown_upstream' | 'no_breaker', Refusal>> = {
  unknown_upstream: unknownUpstream,
  no_breaker: refusal(
    409,
    'no_breaker',
    'It has no such breaker; see breaker.mode and toolBreakers.',
  ),
}

const others: readonly ApiRoute[] = [
  route({
    method: 'get',
    path: '/catalogue',
    id: 'listCatalogues',
    summary: 'The tools of every upstream: digests and sizes.',
    query: NO_QUERY,
    answer: z.object({ upstreams: z.array(catalogueSchema) }),
    handle: (views) => ({ upstreams: views.catalogues() }),
  }),
  route({
    method: 'get',
    path: '/catalogue/{upstream}',
    id: 'getCatalogue',
    summary: 'The tools of one upstream.',
    query: NO_QUERY,
    answer: catalogueSchema,
    refuses: [404],
    handle: (views, { params }) =>
      guardOf(views.catalogues(), params['upstream'] ?? '') ?? unknownUpstream,
  }),
  route({
    method: 'get',
    path: '/drifts',
    id: 'listDrifts',
    summary: 'Tools that came, went or changed, newest first.',
    query: NO_QUERY,
    answer: z.object({ drifts: z.array(driftSchema) }),
    handle: (views) => ({ drifts: views.drifts() }),
  }),
  route({
    method: 'get',
    path: '/build',
    id: 'getBuild',
    summary: 'Which Sidelight this is.',
    query: NO_QUERY,
    answer: buildSchema,
    handle: (views) => views.build(),
  }),
]

export const API_ROUTES: readonly ApiRoute[] = [
  ...STATISTICS_ROUTES,
  ...CALL_ROUTES,
  ...alerts,
  ...breakers,
  ...AUDIT_ROUTES,
  ...CONFIG_ROUTES,
  ...others,
]
