/**
 * The data plane: MCP and nothing else.
 *
 * A path as it is configured is found at once, and Hono routes the rest; everything after the route is
 * the pipeline, on Node's raw request and response.
 */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { Endpoint } from '../core/exchange.ts'
import { logDefect } from '../core/log.ts'
import { reject } from '../core/outcome.ts'
import { refuseUnread } from '../pipeline/handle.ts'
import { NO_ENDPOINT } from '../pipeline/refuse.ts'
import { checkPeer, type PeerRules } from './guard.ts'
import { discardBody } from './read-body.ts'
import {
  checkMethod,
  checkSession,
  countUnread,
  receive,
  unread,
  type ReceiveOptions,
  type Route,
} from './receive.ts'
import { serveResourceDocument, type DocumentAt } from './resource-document.ts'
import { ServerClient } from './server-client.ts'

export interface DataAppOptions extends ReceiveOptions {
  readonly peers: PeerRules
  /** What each fixed path stands for. */
  readonly paths: ReadonlyMap<string, Route>
  /** Beginnings of paths that go to an upstream unread; the longest that fits counts. */
  readonly prefixes: ReadonlyMap<string, Route>
  /** Our own metadata as a protected resource; undefined when we protect nothing. */
  readonly documentAt: DocumentAt | undefined
}

export function createDataApp(options: DataAppOptions): RequestListener {
  const app = new Hono<{ Bindings: HttpBindings }>()
  // Fixed paths alone: Hono finds them without matching patterns.
  for (const [path, route] of options.paths) app.all(path, (c) => receive(c.env, route, options))
  const prefixes = [...options.prefixes].toSorted(([a], [b]) => b.length - a.length)
  app.notFound((c) => {
    const { path } = c.req
    // What is sent on is the target as it came, so that is what must fit.
    const target = c.env.incoming.url ?? ''
    const passed = isPlainPath(target)
      ? prefixes.find(([prefix]) => target.startsWith(prefix))?.[1]
      : undefined
    if (passed !== undefined) return receive(c.env, passed, options)
    const unknown = /^\/([^/]+)\/mcp$/.exec(path)?.[1]
    if (unknown !== undefined) {
      return receive(c.env, { upstream: unknown, endpoint: 'mcp' }, options)
    }
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
    const rejection =
      checkPeer(incoming, options.peers) ?? checkMethod(incoming) ?? checkSession(incoming)
    if (rejection === undefined) {
      if (serveDocument(incoming, outgoing, options)) return
      const route = options.paths.get(pathAsSent(incoming.url ?? ''))
      if (route === undefined) return void listener(incoming, outgoing)
      return receiveAt(route, { incoming, outgoing }, options)
    }
    refuseUnread(unread(incoming, options), new ServerClient(outgoing), rejection, options.stages)
    discardBody(incoming, options.bodyBytesMax)
  }
}

/** Nearly every request names a path as it is configured, and needs no router. */
function pathAsSent(target: string): string {
  const query = target.indexOf('?')
  return query < 0 ? target : target.slice(0, query)
}

function receiveAt(route: Route, bindings: HttpBindings, options: DataAppOptions): void {
  try {
    receive(bindings, route, options)
  } catch (error) {
    const { incoming, outgoing } = bindings
    logDefect(options.stages.log, 'A request could not be received', error)
    const client = new ServerClient(outgoing)
    refuseUnread(unread(incoming, options), client, { kind: 'internal' }, options.stages)
    discardBody(incoming, options.bodyBytesMax)
  }
}

function serveDocument(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  options: DataAppOptions,
): boolean {
  const { documentAt, bodyBytesMax, stages } = options
  if (documentAt === undefined) return false
  if (!serveResourceDocument(incoming, outgoing, documentAt)) return false
  stages.observer.exchangeEnded(unread(incoming, options), { kind: 'ok' })
  discardBody(incoming, bodyBytesMax)
  return true
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
