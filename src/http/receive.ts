/** From Node's request to an exchange in the pipeline. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { headerOf, type Endpoint, type Exchange, type ExchangeKind } from '../core/exchange.ts'
import { logDefect } from '../core/log.ts'
import { reject, rejectOver, type Rejection } from '../core/outcome.ts'
import { handle, refuseUnread } from '../pipeline/handle.ts'
import type { Stages } from '../pipeline/stages.ts'
import { readBody, type BodyBudget, type BodyEnd } from './read-body.ts'
import { ServerClient } from './server-client.ts'

export interface ReceiveOptions {
  readonly stages: Stages
  readonly bodyBytesMax: number
  readonly bodyBudget: BodyBudget
  /** Who sends a request, as far as its head tells. */
  identify(incoming: IncomingMessage): string | undefined
  /** Makes session ids of at least 128 random bits. */
  newId(): string
}

/** Where a request goes: the upstream, and what of it the path stands for. */
export interface Route {
  readonly upstream: string
  readonly endpoint: Endpoint
}

const EMPTY = Buffer.alloc(0)

/** How long a request may still take to arrive when a shutdown begins. */
const UPLOAD_GRACE_MS = 1_000

const KINDS: Readonly<Record<string, ExchangeKind>> = {
  POST: 'message',
  GET: 'stream',
  DELETE: 'end_session',
  HEAD: 'other',
  OPTIONS: 'other',
}

/**
 * MCP uses POST, GET and DELETE; browsers add OPTIONS. Anything else would pass unread, and TRACE
 * would show a client what was added to its request.
 */
export function checkMethod(incoming: IncomingMessage): Rejection | undefined {
  return Object.hasOwn(KINDS, incoming.method ?? '')
    ? undefined
    : reject('unsupported_method', 'use POST, GET or DELETE')
}

export function receive(
  { incoming, outgoing }: HttpBindings,
  route: Route,
  options: ReceiveOptions,
): Response {
  const { stages } = options
  const receivedAtMs = stages.clock.monotonicMs()
  let finished = false
  // A shutdown waits for requests that are still coming in, but not for long.
  const reading = {
    upstreamName: route.upstream,
    inFlightIndex: -1,
    longLived: true,
    stop: () => {
      setTimeout(() => {
        if (!finished) outgoing.destroy()
      }, UPLOAD_GRACE_MS).unref()
    },
    abort: () => void outgoing.destroy(),
    cancelCall: () => {},
    tick: () => {},
  }
  stages.inFlight.add(reading)
  readBody(
    incoming,
    { bytesMax: options.bodyBytesMax, budget: options.bodyBudget },
    (give) => {
      if (outgoing.closed) give()
      else outgoing.once('close', give)
    },
    (end) => {
      finished = true
      const body = end.kind === 'body' ? end.body : EMPTY
      const exchange = toExchange(incoming, route, body, receivedAtMs, options)
      if (end.kind === 'body') pass(exchange, outgoing, stages)
      else if (end.kind === 'gone') stages.observer.exchangeEnded(exchange, { kind: 'cancelled' })
      else refuseUnread(exchange, new ServerClient(outgoing), describe(end, options), stages)
      stages.inFlight.remove(reading)
    },
  )
  return RESPONSE_ALREADY_SENT
}

function describe(
  end: Exclude<BodyEnd, { kind: 'body' | 'gone' }>,
  options: ReceiveOptions,
): Rejection {
  return end.kind === 'no_room'
    ? rejectOver(
        'bodies',
        'at_capacity',
        'all bodies together are as large as limits.bodies allows',
      )
    : rejectOver(
        'body',
        'too_large',
        `the body is larger than limits.body allows (${options.bodyBytesMax} bytes)`,
      )
}

/** An exchange whose body is not read. */
export function unread(incoming: IncomingMessage, options: ReceiveOptions): Exchange {
  return toExchange(incoming, NOWHERE, EMPTY, options.stages.clock.monotonicMs(), options)
}

/** Counts an exchange that is answered elsewhere. */
export function countUnread(
  incoming: IncomingMessage,
  rejection: Rejection,
  options: ReceiveOptions,
): void {
  options.stages.observer.exchangeEnded(unread(incoming, options), rejection)
}

/** Runs the pipeline; a defect in it costs this exchange and nothing else. */
function pass(exchange: Exchange, outgoing: ServerResponse, stages: Stages): void {
  const client = new ServerClient(outgoing)
  try {
    handle(exchange, client, stages)
  } catch (error) {
    logDefect(stages.log, 'A defect of the sidecar ended an exchange', error)
    refuseUnread(exchange, client, { kind: 'internal' }, stages)
  }
}

const NOWHERE: Route = { upstream: '', endpoint: 'mcp' }

function toExchange(
  incoming: IncomingMessage,
  { upstream, endpoint }: Route,
  body: Buffer,
  receivedAtMs: number,
  options: ReceiveOptions,
): Exchange {
  const httpMethod = incoming.method ?? 'GET'
  const url = incoming.url ?? ''
  const query = queryOf(url)
  return {
    kind: kindOf(httpMethod, endpoint),
    httpMethod,
    httpVersion: incoming.httpVersion,
    carrier: 'tcp',
    upstreamName: upstream,
    path: pathOf(url),
    endpoint,
    query,
    rawHeaders: incoming.rawHeaders,
    headers: incoming.headers,
    body,
    clientAddress: incoming.socket.remoteAddress,
    clientPort: incoming.socket.remotePort,
    receivedAtMs,
    readAtMs: options.stages.clock.monotonicMs(),
    sessionId: sessionIdOf(incoming, endpoint, query, options),
    ownerKey: options.identify(incoming),
    calls: [],
    turnMs: 0,
    batch: false,
  }
}

/** What is none of MCP's is never read, whatever its method. */
function kindOf(httpMethod: string, endpoint: Endpoint): ExchangeKind {
  if (endpoint === 'pass' || endpoint === 'metadata') return 'other'
  return KINDS[httpMethod] ?? 'other'
}

/** HTTP+SSE has no session header: the stream is the session, and its id stands in the query. */
function sessionIdOf(
  incoming: IncomingMessage,
  endpoint: Endpoint,
  query: string,
  options: ReceiveOptions,
): string | undefined {
  if (endpoint === 'mcp') return headerOf(incoming.headers, 'mcp-session-id')
  if (endpoint === 'sse_stream') return options.newId()
  return endpoint === 'sse_post'
    ? (new URLSearchParams(query).get('sessionId') ?? undefined)
    : undefined
}

function pathOf(url: string): string {
  const query = url.indexOf('?')
  const path = query < 0 ? url : url.slice(0, query)
  const fragment = path.indexOf('#')
  return fragment < 0 ? path : path.slice(0, fragment)
}

/** With its `?`; a fragment, which no client should send, is no part of it. */
function queryOf(url: string): string {
  const query = url.indexOf('?')
  if (query < 0) return ''
  const fragment = url.indexOf('#')
  if (fragment < 0) return url.slice(query)
  return fragment < query ? '' : url.slice(query, fragment)
}
