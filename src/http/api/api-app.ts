/** Serves the API: one place that checks who asks and what, for every route of the list. */

import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context, Hono } from 'hono'
import type { Clock } from '../../core/clock.ts'
import type { LimitName } from '../../core/limits.ts'
import { LOCAL, type AdminEnv, type AdminGate, type AdminPermission } from '../admin-gate.ts'
import { sendJson, sendProblem } from './answer.ts'
import { EventStream, SUBSCRIBERS_MAX } from './event-stream.ts'
import { createMemo } from './memo.ts'
import { openApiDocument } from './openapi.ts'
import { refusal, type Refusal } from './problem.ts'
import { firstIssue, type ApiRoute } from './route.ts'
import { API_ROUTES } from './routes.ts'
import { windowSchema, WINDOWS } from './stats-schema.ts'
import type { ApiViews } from './views.ts'

export const API_PREFIX = '/api/v1'

export interface ApiOptions {
  readonly views: ApiViews
  readonly clock: Clock
  readonly gate: AdminGate
  onLimit(limit: LimitName): void
}

const BODY_BYTES_MAX = 4_096

/** A snapshot or a list of tools is made at most so often, whoever asks. */
const SNAPSHOT_MS = 450
const TOOLS_MS = 900

export function addApi(app: Hono<AdminEnv>, given: ApiOptions): void {
  const options = { ...given, views: withMemos(given) }
  for (const route of API_ROUTES) {
    const path = API_PREFIX + route.path.replaceAll(/\{(\w+)\}/g, ':$1')
    app.on(route.method.toUpperCase(), path, (c) => serve(c, route, options))
  }
  addEvents(app, options)
  const document = createMemo(() => `${JSON.stringify(openApiDocument(), null, 2)}\n`, {
    clock: options.clock,
    forMs: Infinity,
    keysMax: 1,
  })
  app.get(`${API_PREFIX}/openapi.json`, (c) => sendJson(c, document(undefined)))
  app.all(`${API_PREFIX}/*`, (c) => sendProblem(c, notFound(c)))
}

function withMemos({ views, clock }: ApiOptions): ApiViews {
  const snapshot = createMemo(views.snapshot.bind(views), {
    clock,
    forMs: SNAPSHOT_MS,
    keysMax: WINDOWS.length,
  })
  const allTools = createMemo(
    (window: (typeof WINDOWS)[number]) => views.tools(window, undefined),
    {
      clock,
      forMs: TOOLS_MS,
      keysMax: WINDOWS.length,
    },
  )
  return {
    ...views,
    snapshot,
    tools: (window, upstream) =>
      allTools(window).filter((tool) => upstream === undefined || tool.upstream === upstream),
  }
}

async function serve(
  c: Context<AdminEnv>,
  route: ApiRoute,
  options: ApiOptions,
): Promise<Response> {
  const refused = await mayNot(c, route.permission, options)
  if (refused !== undefined) return refused
  const body = route.body === undefined ? undefined : await readBody(c)
  if (isRefusal(body)) return sendProblem(c, body)
  const request = { params: c.req.param(), query: c.req.query(), body, actor: actorOf(c) }
  const answer = await route.handle(options.views, request)
  return isRefusal(answer) ? sendProblem(c, answer) : sendJson(c, JSON.stringify(answer))
}

/** On loopback nobody has to say who they are. */
function actorOf(c: Context<AdminEnv>): string | undefined {
  const { name } = c.var.admin
  return name === LOCAL ? undefined : name
}

/** A problem when whoever asks may not; undefined when they may. */
async function mayNot(
  c: Context<AdminEnv>,
  permission: AdminPermission,
  { gate }: ApiOptions,
): Promise<Response | undefined> {
  if (permission === 'control') {
    if (!gate.takesOrders) {
      return sendProblem(
        c,
        refusal(
          403,
          'loopback_only',
          'Off loopback orders need a credential: see auth.admin in the configuration.',
        ),
      )
    }
    // Browsers say where a request comes from; a page of somebody else gives no orders.
    const site = c.req.header('sec-fetch-site')
    if (site !== undefined && site !== 'same-origin' && site !== 'none') {
      return sendProblem(
        c,
        refusal(403, 'cross_site', 'Orders are not taken from pages of other sites.'),
      )
    }
  }
  const found = await gate.check(c.env.incoming, permission)
  if (found.kind === 'refused') {
    const answer =
      found.status === 401 ? { 'WWW-Authenticate': 'Bearer realm="sidelight admin"' } : {}
    for (const [name, value] of Object.entries(answer)) c.header(name, value)
    return sendProblem(c, refusal(found.status, found.error, found.message))
  }
  c.set('admin', found)
  return undefined
}

/** A JSON value, undefined for what is none, or a refusal. */
async function readBody(c: Context<AdminEnv>): Promise<unknown> {
  // A web page cannot send this type elsewhere without being asked for permission first.
  if (!/^application\/json\s*(?:;|$)/i.test(c.req.header('content-type') ?? '')) {
    return refusal(415, 'unsupported_media', 'Send Content-Type: application/json.')
  }
  if (!(Number(c.req.header('content-length')) <= BODY_BYTES_MAX)) {
    return refusal(413, 'too_large', `Send a Content-Length of at most ${BODY_BYTES_MAX}.`)
  }
  return parseJson(await c.req.text())
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'refusal'
}

function addEvents(app: Hono<AdminEnv>, options: ApiOptions): void {
  const { views, clock } = options
  const stream = new EventStream({
    views,
    snapshotText: createMemo((window) => JSON.stringify(views.snapshot(window)), {
      clock,
      forMs: SNAPSHOT_MS,
      keysMax: WINDOWS.length,
    }),
  })
  app.get(`${API_PREFIX}/events`, async (c) => {
    const refused = await mayNot(c, 'read', options)
    if (refused !== undefined) return refused
    const window = windowSchema.safeParse(c.req.query('window') ?? '5m')
    if (!window.success) {
      return sendProblem(c, refusal(400, 'invalid_query', `window: ${firstIssue(window.error)}`))
    }
    const { admin } = c.var
    if (!stream.add(c.env.outgoing, window.data, () => admin.may('read'))) {
      options.onLimit('subscribers')
      return sendProblem(
        c,
        refusal(503, 'too_many', `There are ${SUBSCRIBERS_MAX} subscribers already.`),
      )
    }
    return RESPONSE_ALREADY_SENT
  })
}

function notFound(c: Context<AdminEnv>): Refusal {
  const known = API_ROUTES.filter(({ path }) =>
    new RegExp(`^${API_PREFIX}${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(c.req.path),
  )
  if (known.length === 0) {
    return refusal(404, 'unknown_path', `There is no such path; see ${API_PREFIX}/openapi.json.`)
  }
  const methods = known.map(({ method }) => method.toUpperCase()).join(', ')
  c.header('Allow', methods)
  return refusal(405, 'method_not_allowed', `Allowed here: ${methods}.`)
}
