/**
 * The data plane: MCP and nothing else.
 *
 * Hono routes; everything after the route is the pipeline, on Node's raw request and response.
 */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import type { Exchange, ExchangeKind } from '../core/exchange.ts'
import { rejectOver } from '../core/outcome.ts'
import { handle, refuseUnread } from '../pipeline/handle.ts'
import type { Stages } from '../pipeline/stages.ts'
import { checkPeer, type PeerRules } from './guard.ts'
import { readBody } from './read-body.ts'
import { ServerClient } from './server-client.ts'

export interface DataAppOptions {
  readonly stages: Stages
  readonly peers: PeerRules
  readonly bodyBytesMax: number
  /** Paths besides `/<upstream>/mcp`, each with the upstream it stands for. */
  readonly paths: ReadonlyMap<string, string>
}

const EMPTY = Buffer.alloc(0)

const KINDS: Readonly<Record<string, ExchangeKind>> = {
  POST: 'message',
  GET: 'stream',
  DELETE: 'end_session',
}

export function createDataApp(options: DataAppOptions): RequestListener {
  const app = new Hono<{ Bindings: HttpBindings }>()
  const paths = new Map([...namedPaths(options.stages), ...options.paths])
  // Fixed paths alone: Hono finds them without matching patterns.
  for (const [path, upstream] of paths) app.all(path, (c) => receive(c.env, upstream, options))
  app.notFound((c) => {
    const unknown = /^\/([^/]+)\/mcp$/.exec(c.req.path)?.[1]
    return unknown === undefined
      ? c.text(describePaths(options), 404)
      : receive(c.env, unknown, options)
  })
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    autoCleanupIncoming: false,
  })
  return (incoming, outgoing) => {
    const rejection = checkPeer(incoming.headers, options.peers)
    if (rejection === undefined) return void listener(incoming, outgoing)
    const exchange = toExchange(incoming, '', EMPTY, options.stages.clock.monotonicMs())
    refuseUnread(exchange, new ServerClient(outgoing), rejection, options.stages)
    incoming.resume()
  }
}

function receive(
  { incoming, outgoing }: HttpBindings,
  upstream: string,
  options: DataAppOptions,
): Response {
  const receivedAtMs = options.stages.clock.monotonicMs()
  readBody(incoming, options.bodyBytesMax, (end) => {
    const body = end.kind === 'body' ? end.body : EMPTY
    const exchange = toExchange(incoming, upstream, body, receivedAtMs)
    if (end.kind === 'body') pass(exchange, outgoing, options.stages)
    else if (end.kind === 'too_large') refuseTooLarge(exchange, outgoing, options)
    else options.stages.observer.exchangeEnded(exchange, { kind: 'cancelled' })
  })
  return RESPONSE_ALREADY_SENT
}

function refuseTooLarge(
  exchange: Exchange,
  outgoing: ServerResponse,
  options: DataAppOptions,
): void {
  const message = `the body is larger than limits.body allows (${options.bodyBytesMax} bytes)`
  const rejection = rejectOver('body', 'too_large', message)
  refuseUnread(exchange, new ServerClient(outgoing), rejection, options.stages)
}

/** Runs the pipeline; a defect in it costs this exchange and nothing else. */
function pass(exchange: Exchange, outgoing: ServerResponse, stages: Stages): void {
  const client = new ServerClient(outgoing)
  try {
    handle(exchange, client, stages)
  } catch (error) {
    stages.log.write('error', 'sidecar.defect', 'A defect of the sidecar ended an exchange', {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
    refuseUnread(exchange, client, { kind: 'internal' }, stages)
  }
}

function toExchange(
  incoming: IncomingMessage,
  upstreamName: string,
  body: Buffer,
  receivedAtMs: number,
): Exchange {
  const httpMethod = incoming.method ?? 'GET'
  const url = incoming.url ?? ''
  const query = url.indexOf('?')
  return {
    kind: KINDS[httpMethod] ?? 'other',
    httpMethod,
    httpVersion: incoming.httpVersion,
    upstreamName,
    query: query < 0 ? '' : url.slice(query),
    rawHeaders: incoming.rawHeaders,
    headers: incoming.headers,
    body,
    clientAddress: incoming.socket.remoteAddress,
    clientPort: incoming.socket.remotePort,
    receivedAtMs,
    calls: [],
    batch: false,
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
