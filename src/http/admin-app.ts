/** The admin plane: health and metrics, on a listener of its own. */

import type { RequestListener } from 'node:http'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { checkPeer, type PeerRules } from './guard.ts'
import { MetricsEndpoint, type MetricsEndpointOptions } from './metrics-endpoint.ts'

export interface AdminAppOptions extends MetricsEndpointOptions {
  readonly peers: PeerRules
  /** True when calls are accepted: all listeners are up and the sidecar is not draining. */
  ready(): boolean
}

const INDEX = `Sidelight admin
/healthz  200 while the process lives
/readyz   200 while calls are accepted, 503 otherwise
/metrics  metrics for Prometheus, or in OpenMetrics if asked
`

export function createAdminApp(options: AdminAppOptions): RequestListener {
  const app = new Hono<{ Bindings: HttpBindings }>()
  const metrics = new MetricsEndpoint(options)
  app.get('/', (c) => c.text(INDEX))
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', (c) =>
    options.ready() ? c.json({ status: 'ready' }) : c.json({ status: 'draining' }, 503),
  )
  app.get('/metrics', async (c) => {
    await metrics.serve(c.env.incoming, c.env.outgoing)
    return RESPONSE_ALREADY_SENT
  })
  app.notFound((c) => c.text(INDEX, 404))
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  return (incoming, outgoing) => {
    const rejection = checkPeer(incoming, options.peers)
    if (rejection === undefined) return void listener(incoming, outgoing)
    outgoing.writeHead(403, { 'Content-Type': 'application/json', Connection: 'close' })
    outgoing.end(`${JSON.stringify({ error: rejection.reason, message: rejection.message })}\n`)
  }
}
