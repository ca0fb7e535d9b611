/** Paths of the data plane that are spelled in another way than they are configured, begin like one, or are none. */

import type { RequestListener } from 'node:http'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import type { Endpoint } from '../core/exchange.ts'
import { reject } from '../core/outcome.ts'
import { NO_ENDPOINT } from '../pipeline/refuse.ts'
import type { DataAppOptions } from './data-app.ts'
import { countUnread, receive } from './receive.ts'
import type { Route } from './route.ts'

interface DataEnv {
  Bindings: HttpBindings
}

export function createDataRoutes(options: DataAppOptions): RequestListener {
  const app = new Hono<DataEnv>()
  const take = (c: Context<DataEnv>, route: Route): Response => {
    receive(c.env, route, options)
    return RESPONSE_ALREADY_SENT
  }
  const prefixes = [...options.prefixes].toSorted(([a], [b]) => b.length - a.length)
  // Hono reads the path; a pattern for it would let others in, such as one with a slash at its end.
  app.notFound((c) => {
    const { path } = c.req
    const known = options.paths.get(path)
    if (known !== undefined) return take(c, known)
    // What is sent on is the target as it came, so that is what must fit.
    const target = c.env.incoming.url ?? ''
    const passed = isPlainPath(target)
      ? prefixes.find(([prefix]) => target.startsWith(prefix))?.[1]
      : undefined
    if (passed !== undefined) return take(c, passed)
    const unknown = /^\/([^/]+)\/mcp$/.exec(path)?.[1]
    if (unknown !== undefined) return take(c, { upstream: unknown, endpoint: 'mcp' })
    countUnread(c.env.incoming, reject('unknown_upstream', 'no MCP endpoint'), options)
    return c.text(describePaths(options), 404)
  })
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    autoCleanupIncoming: false,
    // What cannot even be routed, such as a target that is no path.
    errorHandler: () => new Response('This is no path of Sidelight.\n', { status: 400 }),
  })
  return (incoming, outgoing) => void listener(incoming, outgoing)
}

/**
 * A path that every server on the way reads in one way: no dot segments, also encoded, no empty
 * segments, no backslashes, and no target of another form (RFC 9112 §3.2).
 */
export function isPlainPath(target: string): boolean {
  const end = target.search(/[?#]/)
  const path = end < 0 ? target : target.slice(0, end)
  if (!path.startsWith('/') || /\/\/|\\|%2f|%5c|%00/i.test(path)) return false
  return !path.split('/').some((segment) => /^(\.|%2e){1,2}$/i.test(segment))
}

function describePaths(options: DataAppOptions): string {
  // Strangers are not told what there is.
  if (options.authenticator !== undefined) return NO_ENDPOINT
  const shown = [...options.paths].filter(([, { endpoint }]) => CLIENTS_START_AT.has(endpoint))
  const paths = shown.map(([path]) => path)
  return `There is no MCP endpoint at this path. Endpoints: ${paths.join(', ')}\n`
}

const CLIENTS_START_AT: ReadonlySet<Endpoint> = new Set(['mcp', 'sse_stream'])
