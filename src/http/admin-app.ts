/**
 * The admin plane: health, metrics, the API and the status page, on a listener of its own.
 *
 * What machines ask every few seconds is answered at once. The rest is loaded when somebody asks for it:
 * many sidecars run for months and nobody ever does, and it takes about 6 MB.
 */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { AdminGate } from './admin-gate.ts'
import type { ApiOptions } from './api/api-app.ts'
import type { BreakerAdmin } from './breaker-routes.ts'
import { DEFECT } from './defect.ts'
import { checkPeer, type PeerRules } from './guard.ts'
import type { McpEndpointOptions } from './mcp/endpoint.ts'
import type { MetricsEndpointOptions } from './metrics-endpoint.ts'
import { createProbes } from './probes.ts'
import { sendJson } from './send.ts'
import type { PageFiles } from './status-page.ts'

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

export function createAdminApp(options: AdminAppOptions): RequestListener {
  const probes = createProbes(options)
  let routes: Promise<RequestListener> | undefined
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    if (await probes(incoming, outgoing)) return
    routes ??= import('./admin-routes.ts').then(({ createAdminRoutes }) =>
      createAdminRoutes(options),
    )
    const listener = await routes
    listener(incoming, outgoing)
  }
  return (incoming, outgoing) => {
    const rejection = checkPeer(incoming, options.peers)
    if (rejection === undefined) {
      answer(incoming, outgoing).catch((error: unknown) => {
        options.onDefect(error)
        if (outgoing.headersSent) outgoing.destroy()
        else sendJson(outgoing, 500, DEFECT)
      })
      return
    }
    outgoing.writeHead(403, { 'Content-Type': 'application/json', Connection: 'close' })
    outgoing.end(`${JSON.stringify({ error: rejection.reason, message: rejection.message })}\n`)
  }
}
