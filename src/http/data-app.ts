/**
 * The data plane: MCP and nothing else.
 *
 * A path as it is configured is found at once; for any other the router is loaded. Everything after the
 * route is the pipeline, on Node's raw request and response.
 */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { logDefect } from '../core/log.ts'
import { refuseUnread } from '../pipeline/handle.ts'
import { checkPeer, type PeerRules } from './guard.ts'
import { discardBody } from './read-body.ts'
import { unread, type ReceiveOptions } from './arrival.ts'
import { checkMethod, checkSession, receive, type Arrived } from './receive.ts'
import { pathAsSent, type Route } from './route.ts'
import { ordinaryRouteOf, receiveWhole } from './fast/receive-whole.ts'
import type { FastApp } from './fast/front.ts'
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

/** Takes the requests of the data plane. */
export interface DataApp extends FastApp {
  /** Those that Node's server has read. */
  readonly serve: RequestListener
}

export function createDataApp(options: DataAppOptions): DataApp {
  return {
    serve: createListener(options),
    routeOf: (head) => ordinaryRouteOf(head, options),
    receiveWhole: (head, body, route, client) => receiveWhole(head, body, route, client, options),
    abandoned: (head, socket, route) =>
      options.stages.observer.exchangeEnded(unread({ ...head, socket }, options, route), {
        kind: 'cancelled',
      }),
  }
}

function createListener(options: DataAppOptions): RequestListener {
  let routes: Promise<RequestListener> | undefined
  const find = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    routes ??= import('./data-routes.ts').then(({ createDataRoutes }) => createDataRoutes(options))
    const listener = await routes
    listener(incoming, outgoing)
  }
  return (incoming, outgoing) => {
    const rejection =
      checkPeer(incoming, options.peers) ?? checkMethod(incoming) ?? checkSession(incoming)
    if (rejection === undefined) {
      if (serveDocument(incoming, outgoing, options)) return
      const route = options.paths.get(pathAsSent(incoming.url ?? ''))
      if (route !== undefined) return receiveAt(route, { incoming, outgoing }, options)
      // Node keeps the body until somebody reads it.
      find(incoming, outgoing).catch((error: unknown) =>
        failed({ incoming, outgoing }, error, options),
      )
      return
    }
    refuseUnread(unread(incoming, options), new ServerClient(outgoing), rejection, options.stages)
    discardBody(incoming, options.bodyBytesMax)
  }
}

function receiveAt(route: Route, arrived: Arrived, options: DataAppOptions): void {
  try {
    receive(arrived, route, options)
  } catch (error) {
    failed(arrived, error, options)
  }
}

function failed({ incoming, outgoing }: Arrived, error: unknown, options: DataAppOptions): void {
  logDefect(options.stages.log, 'A request could not be received', error)
  const client = new ServerClient(outgoing)
  refuseUnread(unread(incoming, options), client, { kind: 'internal' }, options.stages)
  discardBody(incoming, options.bodyBytesMax)
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
