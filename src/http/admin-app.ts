/** The admin plane: health and metrics, on a listener of its own. */

import type { RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { checkPeer, type PeerRules } from './guard.ts'

export interface AdminAppOptions {
  readonly peers: PeerRules
  /** True when calls are accepted: all listeners are up and the sidecar is not draining. */
  ready(): boolean
  /** The metrics in Prometheus text format 0.0.4. */
  renderMetrics(): string
}

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const INDEX = `Sidelight admin
/healthz  200 while the process lives
/readyz   200 while calls are accepted, 503 otherwise
/metrics  metrics in Prometheus text format
`

export function createAdminApp(options: AdminAppOptions): RequestListener {
  const app = new Hono()
  app.get('/', (c) => c.text(INDEX))
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', (c) =>
    options.ready() ? c.json({ status: 'ready' }) : c.json({ status: 'draining' }, 503),
  )
  app.get('/metrics', (c) => c.body(options.renderMetrics(), 200, { 'Content-Type': METRICS_TYPE }))
  app.notFound((c) => c.text(INDEX, 404))
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  return (incoming, outgoing) => {
    const rejection = checkPeer(incoming, options.peers)
    if (rejection === undefined) return void listener(incoming, outgoing)
    outgoing.writeHead(403, { 'Content-Type': 'application/json', Connection: 'close' })
    outgoing.end(`${JSON.stringify({ error: rejection.reason, message: rejection.message })}\n`)
  }
}
