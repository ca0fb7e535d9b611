/** A request on its way into the pipeline, in whichever way its bytes were read. */

import type { IncomingHttpHeaders } from 'node:http'
import type { Authenticator, RequestFacts } from '../core/authentication.ts'
import {
  headerOf,
  type Endpoint,
  type Exchange,
  type ExchangeKind,
  type SharedHead,
} from '../core/exchange.ts'
import { logDefect } from '../core/log.ts'
import { reject, type Outcome, type Rejection } from '../core/outcome.ts'
import type { Principal } from '../core/principal.ts'
import type { Client } from '../core/reply.ts'
import { handle, refuseUnread } from '../pipeline/handle.ts'
import type { Stages } from '../pipeline/stages.ts'
import type { BodyBudget } from './read-body.ts'
import type { Route } from './route.ts'

/** The other end of a connection. */
export interface Peer {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}

/** What is used of a request's head. */
export interface Incoming {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly httpVersion: string
  /** Names and values in turn, exactly as received. */
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingHttpHeaders
  /** Undefined for one that has come once only. */
  readonly shared?: SharedHead | undefined
}

/** A head and who sent it. Node's own request is one. */
export interface IncomingFrom extends Incoming {
  readonly socket: Peer
}

export interface ReceiveOptions {
  readonly stages: Stages
  readonly bodyBytesMax: number
  readonly bodyBudget: BodyBudget
  /** Finds out who sends a request; undefined when nobody has to say. */
  readonly authenticator: Authenticator | undefined
  /** Whom a request claims to come from, as far as its head tells, when nobody is authenticated. */
  identify(incoming: Incoming): string | undefined
  /** Makes session ids of at least 128 random bits. */
  newId(): string
}

const EMPTY = Buffer.alloc(0)

export const KINDS: Readonly<Record<string, ExchangeKind>> = {
  POST: 'message',
  GET: 'stream',
  DELETE: 'end_session',
  HEAD: 'other',
  OPTIONS: 'other',
}

/** How a request ends that never becomes a call. */
export type EarlyEnd = Rejection | Extract<Outcome, { kind: 'internal' | 'cancelled' }>

/** A request whose head is here, and what is found out about it. */
export abstract class Arrival {
  readonly incoming: Incoming
  readonly peer: Peer
  readonly client: Client
  readonly route: Route
  readonly options: ReceiveOptions
  readonly receivedAtMs: number
  /** When its sender was known, or at once when nobody asks. */
  identifiedAtMs: number
  principal: Principal | undefined

  constructor(
    incoming: Incoming,
    peer: Peer,
    client: Client,
    route: Route,
    options: ReceiveOptions,
  ) {
    this.incoming = incoming
    this.peer = peer
    this.client = client
    this.route = route
    this.options = options
    this.receivedAtMs = options.stages.clock.monotonicMs()
    this.identifiedAtMs = this.receivedAtMs
    this.principal = undefined
  }

  /** How long it took to find out who sends it, in milliseconds. */
  get authMs(): number {
    return this.identifiedAtMs - this.receivedAtMs
  }

  get stages(): Stages {
    return this.options.stages
  }

  /** It is from this sender. */
  identified(principal: Principal): void {
    this.principal = principal
    this.identifiedAtMs = this.options.stages.clock.monotonicMs()
    this.goOn()
  }

  /** It ends here, with this outcome, which a rejection or a defect still has to be answered with. */
  ended(outcome: EarlyEnd): void {
    this.refuse(outcome)
    this.discard()
  }

  facts(): RequestFacts {
    const { incoming, peer, route } = this
    const url = incoming.url ?? ''
    return {
      httpMethod: incoming.method ?? 'GET',
      upstreamName: route.upstream,
      path: pathOf(url),
      query: queryOf(url),
      rawHeaders: incoming.rawHeaders,
      headers: incoming.headers,
      shared: incoming.shared,
      clientAddress: peer.remoteAddress,
    }
  }

  /** Its sender is known, or nobody asks. */
  protected abstract goOn(): void

  /** What of it has not been read is not wanted. */
  protected abstract discard(): void

  protected refuse(outcome: EarlyEnd): void {
    const { client, options } = this
    const exchange = toExchange(this, EMPTY, options.stages.clock.monotonicMs(), options)
    if (outcome.kind === 'cancelled') options.stages.observer.exchangeEnded(exchange, outcome)
    else refuseUnread(exchange, client, outcome, options.stages)
  }

  /** Runs the pipeline; a defect in it costs this exchange and nothing else. The body was read at `readAtMs`. */
  protected pass(body: Buffer, readAtMs: number): void {
    const { client, options } = this
    const { stages } = options
    const exchange = toExchange(this, body, readAtMs, options)
    const { kind, endpoint } = exchange
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
}

/** What an exchange is made of, besides its body. */
type Beginnings = Pick<
  Arrival,
  'incoming' | 'peer' | 'route' | 'receivedAtMs' | 'principal' | 'authMs'
>

function toExchange(
  { incoming, peer, route, receivedAtMs, principal, authMs }: Beginnings,
  body: Buffer,
  readAtMs: number,
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
    shared: incoming.shared,
    body,
    clientAddress: peer.remoteAddress,
    clientPort: peer.remotePort,
    receivedAtMs,
    authMs,
    readAtMs,
    sessionId: sessionIdOf(incoming, endpoint, query, options),
    sessionDigest: undefined,
    ownerKey: options.authenticator === undefined ? options.identify(incoming) : principal?.key,
    principal,
    calls: [],
    turnMs: 0,
    batch: false,
  }
}

/** An exchange whose body is not read, and that leads to this place or to none. */
export function unread(
  incoming: IncomingFrom,
  options: ReceiveOptions,
  route: Route = NOWHERE,
): Exchange {
  const receivedAtMs = options.stages.clock.monotonicMs()
  return toExchange(
    { incoming, peer: incoming.socket, route, receivedAtMs, principal: undefined, authMs: 0 },
    EMPTY,
    receivedAtMs,
    options,
  )
}

const NOWHERE: Route = { upstream: '', endpoint: 'mcp' }

/** Some servers take a body for a message whatever the method is, and nobody has read this one. */
const UNREAD_BODY = reject('invalid_request', 'send messages with POST; nothing else has a body')

/** What is none of MCP's is never read, whatever its method. */
function kindOf(httpMethod: string, endpoint: Endpoint): ExchangeKind {
  if (endpoint === 'pass' || endpoint === 'metadata') return 'other'
  return KINDS[httpMethod] ?? 'other'
}

/** HTTP+SSE has no session header: the stream is the session, and its id stands in the query. */
function sessionIdOf(
  incoming: Incoming,
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
