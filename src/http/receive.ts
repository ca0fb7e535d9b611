/** From Node's request to an exchange in the pipeline. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Authenticator, RequestFacts } from '../core/authentication.ts'
import { headerOf, type Endpoint, type Exchange, type ExchangeKind } from '../core/exchange.ts'
import { logDefect } from '../core/log.ts'
import { reject, rejectOver, type Rejection } from '../core/outcome.ts'
import type { Principal } from '../core/principal.ts'
import { handle, refuseUnread } from '../pipeline/handle.ts'
import type { Stages } from '../pipeline/stages.ts'
import { authenticate } from './authenticate.ts'
import { isRepeated } from './guard.ts'
import { discardBody, readBody, type BodyBudget, type BodyEnd } from './read-body.ts'
import { Reading } from './reading.ts'
import { ServerClient } from './server-client.ts'

export interface ReceiveOptions {
  readonly stages: Stages
  readonly bodyBytesMax: number
  readonly bodyBudget: BodyBudget
  /** Finds out who sends a request; undefined when nobody has to say. */
  readonly authenticator: Authenticator | undefined
  /** Whom a request claims to come from, as far as its head tells, when nobody is authenticated. */
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

/** Of several ids the upstream may take another one than we do, and so the session of somebody else. */
export function checkSession({ rawHeaders }: IncomingMessage): Rejection | undefined {
  return isRepeated(rawHeaders, 'mcp-session-id')
    ? reject('invalid_request', 'send Mcp-Session-Id once')
    : undefined
}

/** A request, and where its reply goes. */
export interface Arrived {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

export function receive(
  { incoming, outgoing }: Arrived,
  route: Route,
  options: ReceiveOptions,
): void {
  const { stages, authenticator, bodyBytesMax } = options
  const arrived: Identified = {
    incoming,
    outgoing,
    route,
    receivedAtMs: stages.clock.monotonicMs(),
    principal: undefined,
    authMs: 0,
  }
  if (authenticator === undefined) {
    read(arrived, options)
    return
  }
  const facts = factsOf(incoming, route)
  authenticate(
    {
      incoming,
      outgoing,
      facts,
      stages,
      onPrincipal: (principal) => {
        const authMs = stages.clock.monotonicMs() - arrived.receivedAtMs
        read({ ...arrived, principal, authMs }, options)
      },
      onEnd: (outcome) => {
        const exchange = toExchange(arrived, EMPTY, options)
        if (outcome.kind === 'cancelled') stages.observer.exchangeEnded(exchange, outcome)
        else refuseUnread(exchange, new ServerClient(outgoing), outcome, stages)
        discardBody(incoming, bodyBytesMax)
      },
      onPreflight: () => {
        stages.observer.exchangeEnded(toExchange(arrived, EMPTY, options), { kind: 'ok' })
        discardBody(incoming, bodyBytesMax)
      },
    },
    authenticator,
  )
}

/** A request, and what is known of it before its body. */
interface Identified extends Arrived {
  readonly route: Route
  readonly receivedAtMs: number
  readonly principal: Principal | undefined
  readonly authMs: number
}

function read(arrived: Identified, options: ReceiveOptions): void {
  const { incoming, outgoing, route } = arrived
  const { stages, bodyBytesMax: bytesMax, bodyBudget: budget } = options
  const reading = new Reading(route.upstream, outgoing)
  stages.inFlight.add(reading)
  readBody(
    incoming,
    { bytesMax, budget },
    (give) => {
      if (outgoing.closed) give()
      else outgoing.once('close', give)
    },
    (end) => {
      reading.finished = true
      const body = end.kind === 'body' ? end.body : EMPTY
      const exchange = toExchange(arrived, body, options)
      if (end.kind === 'body') pass(exchange, outgoing, stages)
      else if (end.kind === 'gone') stages.observer.exchangeEnded(exchange, { kind: 'cancelled' })
      else refuseUnread(exchange, new ServerClient(outgoing), describe(end, options), stages)
      stages.inFlight.remove(reading)
    },
  )
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
  const receivedAtMs = options.stages.clock.monotonicMs()
  const nobody = { route: NOWHERE, receivedAtMs, principal: undefined, authMs: 0 }
  return toExchange({ incoming, ...nobody }, EMPTY, options)
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
  const { kind, endpoint, body } = exchange
  if (kind !== 'message' && endpoint !== 'pass' && body.length > 0) {
    return refuseUnread(exchange, client, UNREAD_BODY, stages)
  }
  try {
    handle(exchange, client, stages)
  } catch (error) {
    logDefect(stages.log, 'A defect of the sidecar ended an exchange', error)
    refuseUnread(exchange, client, { kind: 'internal' }, stages)
  }
}

/** Some servers take a body for a message whatever the method is, and nobody has read this one. */
const UNREAD_BODY = reject('invalid_request', 'send messages with POST; nothing else has a body')

const NOWHERE: Route = { upstream: '', endpoint: 'mcp' }

function factsOf(incoming: IncomingMessage, { upstream }: Route): RequestFacts {
  const url = incoming.url ?? ''
  return {
    httpMethod: incoming.method ?? 'GET',
    upstreamName: upstream,
    path: pathOf(url),
    query: queryOf(url),
    rawHeaders: incoming.rawHeaders,
    headers: incoming.headers,
    clientAddress: incoming.socket.remoteAddress,
  }
}

function toExchange(
  { incoming, route, receivedAtMs, principal, authMs }: Omit<Identified, 'outgoing'>,
  body: Buffer,
  options: ReceiveOptions,
): Exchange {
  const { upstream, endpoint } = route
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
    authMs,
    readAtMs: options.stages.clock.monotonicMs(),
    sessionId: sessionIdOf(incoming, endpoint, query, options),
    ownerKey: options.authenticator === undefined ? options.identify(incoming) : principal?.key,
    principal,
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
