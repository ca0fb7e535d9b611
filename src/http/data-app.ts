/**
 * The data plane: MCP and nothing else.
 *
 * Hono routes; everything after the route is the pipeline, on Node's raw request and response.
 */

import type { RequestListener } from 'node:http'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { reject } from '../core/outcome.ts'
import { refuseUnread } from '../pipeline/handle.ts'
import type { Stages } from '../pipeline/stages.ts'
import { checkPeer, type PeerRules } from './guard.ts'
import { checkMethod, countUnread, receive, unread, type ReceiveOptions } from './receive.ts'
import { ServerClient } from './server-client.ts'

export interface DataAppOptions extends ReceiveOptions {
  readonly peers: PeerRules
  /** Paths besides `/<upstream>/mcp`, each with the upstream it stands for. */
  readonly paths: ReadonlyMap<string, string>
}

export function createDataApp(options: DataAppOptions): RequestListener {
  const app = new Hono<{ Bindings: HttpBindings }>()
  const paths = new Map([...namedPaths(options.stages), ...options.paths])
  // Fixed paths alone: Hono finds them without matching patterns.
  for (const [path, upstream] of paths) app.all(path, (c) => receive(c.env, upstream, options))
  app.notFound((c) => {
    const unknown = /^\/([^/]+)\/mcp$/.exec(c.req.path)?.[1]
    if (unknown !== undefined) return receive(c.env, unknown, options)
    countUnread(c.env.incoming, reject('unknown_upstream', 'no MCP endpoint'), options)
    return c.text(describePaths(options), 404)
  })
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    autoCleanupIncoming: false,
    // What cannot even be routed, such as a target that is no path.
    errorHandler: () => new Response('This is no path of Sidelight.\n', { status: 400 }),
  })
  return (incoming, outgoing) => {
    const rejection = checkPeer(incoming, options.peers) ?? checkMethod(incoming)
    if (rejection === undefined) return void listener(incoming, outgoing)
    refuseUnread(unread(incoming, options), new ServerClient(outgoing), rejection, options.stages)
    incoming.resume()
  }
}

function namedPaths(stages: Stages): [path: string, upstream: string][] {
  return stages.upstreamNames().map((name) => [`/${name}/mcp`, name])
}

function describePaths(options: DataAppOptions): string {
  const names = namedPaths(options.stages).map(([path]) => path)
  const paths = [...options.paths.keys(), ...names]
  return `There is no MCP endpoint at this path. Endpoints: ${paths.join(', ')}\n`
}
