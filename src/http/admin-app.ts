/** The admin plane: health, metrics, the API and the status page, on a listener of its own. */

import type { RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono, type Context } from 'hono'
import { needs, needsUnlessOpen, type AdminEnv, type AdminGate } from './admin-gate.ts'
import { addApi, type ApiOptions } from './api/api-app.ts'
import { addBreakerRoutes, type BreakerAdmin } from './breaker-routes.ts'
import { checkPeer, type PeerRules } from './guard.ts'
import { addMcp, type McpEndpointOptions } from './mcp/endpoint.ts'
import { MetricsEndpoint, type MetricsEndpointOptions } from './metrics-endpoint.ts'
import { ADMIN_PATHS } from './paths.ts'
import { addStatusPage, type PageFiles } from './status-page.ts'

/** Whether calls are accepted, and what is known of those that they go to. */
export interface Readiness {
  /** `not_ready` while an upstream that is required is not known to be up, or without any keys. */
  readonly status: 'ready' | 'draining' | 'not_ready'
  /** Whether any issuer's tokens can be checked; undefined when that needs no key set. */
  readonly keys: 'ok' | 'none' | undefined
  readonly upstreams: readonly {
    readonly upstream: string
    /** Undefined until its first health check has ended. */
    readonly up: boolean | undefined
    readonly errorType: string | undefined
    readonly required: boolean
  }[]
}

export interface AdminAppOptions extends MetricsEndpointOptions {
  readonly peers: PeerRules
  readonly gate: AdminGate
  readiness(): Readiness
  readonly breakers: BreakerAdmin
  readonly catalogue: CatalogueViews
  /** Told of what no answer foresaw; it ended one request. */
  onDefect(error: unknown): void
  /** Undefined where nothing keeps statistics. */
  readonly api: AdminViews | undefined
}

/** Statistics and all that shows them. */
export interface AdminViews extends Pick<ApiOptions, 'views' | 'clock'> {
  readonly page: PageFiles
  /** Of Sidelight's own MCP endpoint. */
  readonly mcp: McpEndpointOptions['settings']
}

/** The tools of upstreams as JSON values: names, digests and sizes, no texts. */
export interface CatalogueViews {
  /** All upstreams. */
  views(): readonly object[]
  /** Undefined for an upstream that does not exist. */
  view(upstream: string): object | undefined
  /** A pin file of what is shown now. */
  pinFile(upstream: string): object | undefined
}

const INDEX = `Sidelight admin
/         the status page, in a browser
/api/v1   all of it as JSON; /api/v1/openapi.json describes it
/livez    200 while the process lives, as /healthz
/readyz   200 while calls are accepted, 503 otherwise; ?verbose for people
/metrics  metrics for Prometheus, or in OpenMetrics if asked
/mcp      the same for agents, as an MCP server
/breakers circuit breakers; POST /breakers/<upstream> orders one by hand
/catalogue             the tools of every upstream: digests and sizes
/catalogue/<upstream>  of one; with ?format=pins as a pin file
`

export function createAdminApp(options: AdminAppOptions): RequestListener {
  const { gate } = options
  const app = new Hono<AdminEnv>()
  const metrics = new MetricsEndpoint(options)
  const { live, health, ready } = ADMIN_PATHS
  for (const path of [live, health, ready]) app.use(path, needsUnlessOpen(gate, 'health'))
  app.use(ADMIN_PATHS.metrics, needsUnlessOpen(gate, 'metrics'))
  if (options.api === undefined) app.get('/', (c) => c.text(INDEX))
  else addStatusPage(app, options.api.page, INDEX)
  app.get(ADMIN_PATHS.live, (c) => c.json({ status: 'ok' }))
  app.get(ADMIN_PATHS.health, (c) => c.json({ status: 'ok' }))
  app.get(ADMIN_PATHS.ready, (c) => {
    const readiness = options.readiness()
    if (c.req.query('verbose') !== undefined) return verbose(c, readiness)
    const { status, keys, upstreams } = readiness
    const known = upstreams.map(({ upstream, up, errorType, required }) => ({
      name: upstream,
      up: up ?? null,
      ...(errorType === undefined ? {} : { error: errorType }),
      required,
    }))
    const shown = { status, ...(keys === undefined ? {} : { keys }), upstreams: known }
    return c.json(shown, status === 'ready' ? 200 : 503)
  })
  app.get(ADMIN_PATHS.metrics, async (c) => {
    await metrics.serve(c.env.incoming, c.env.outgoing)
    return RESPONSE_ALREADY_SENT
  })
  app.use('/catalogue/*', needs(gate, 'read'))
  app.get('/catalogue', (c) => c.json({ upstreams: options.catalogue.views() }))
  app.get('/catalogue/:upstream', (c) => {
    const name = c.req.param('upstream')
    const pins = c.req.query('format') === 'pins'
    const view = pins ? options.catalogue.pinFile(name) : options.catalogue.view(name)
    if (view === undefined) return c.json({ error: 'there is no upstream of that name' }, 404)
    return c.text(`${JSON.stringify(view, null, 2)}\n`, 200, {
      'Content-Type': 'application/json',
    })
  })
  addBreakerRoutes(app, { breakers: options.breakers, gate })
  if (options.api !== undefined) {
    const { views, mcp } = options.api
    addApi(app, { ...options.api, gate, onLimit: (limit) => options.onLimit(limit) })
    addMcp(app, { views, gate, settings: mcp })
  }
  app.notFound((c) => c.text(INDEX, 404))
  app.onError((error, c) => {
    options.onDefect(error)
    const message = 'The sidecar failed on this request; its log says how.'
    return c.json({ error: 'internal', message }, 500)
  })
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  return (incoming, outgoing) => {
    const rejection = checkPeer(incoming, options.peers)
    if (rejection === undefined) return void listener(incoming, outgoing)
    outgoing.writeHead(403, { 'Content-Type': 'application/json', Connection: 'close' })
    outgoing.end(`${JSON.stringify({ error: rejection.reason, message: rejection.message })}\n`)
  }
}

/** Line by line for people, as Kubernetes writes it. */
function verbose(c: Context<AdminEnv>, { status, keys, upstreams }: Readiness): Response {
  const lines = upstreams.map(({ upstream, up, errorType, required }) => {
    const state =
      up === undefined ? 'not checked yet' : up ? 'ok' : `down: ${errorType ?? 'unknown'}`
    const mark = up === true ? '[+]' : required ? '[-]' : '[ ]'
    return `${mark}upstream ${upstream} ${state}${required ? ' (required)' : ''}\n`
  })
  const draining = status === 'draining' ? '[-]calls are not accepted any more\n' : '[+]calls ok\n'
  const known =
    keys === undefined ? '' : keys === 'ok' ? '[+]keys ok\n' : '[-]keys of no issuer are known\n'
  const result = status === 'ready' ? 'readyz check passed\n' : 'readyz check failed\n'
  return c.text(draining + known + lines.join('') + result, status === 'ready' ? 200 : 503)
}
