/** All of the admin plane but what probes and scrapers ask: the status page, the API, breakers and tools. */

import type { RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono/tiny'
import type { AdminAppOptions } from './admin-app.ts'
import { needs, type AdminEnv } from './admin-gate.ts'
import { addApi } from './api/api-app.ts'
import { addBreakerRoutes } from './breaker-routes.ts'
import { DEFECT } from './defect.ts'
import { addMcp } from './mcp/endpoint.ts'
import { addStatusPage } from './status-page.ts'

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

export function createAdminRoutes(options: AdminAppOptions): RequestListener {
  const { gate } = options
  const app = new Hono<AdminEnv>()
  if (options.api === undefined) app.get('/', (c) => c.text(INDEX))
  else addStatusPage(app, options.api.page, INDEX)
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
    return c.json(DEFECT, 500)
  })
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  return (incoming, outgoing) => void listener(incoming, outgoing)
}
