/**
 * One HTTP exchange with a client, and the calls in it.
 *
 * An exchange carries one call almost always; a 2025-03-26 batch carries several, a GET stream or
 * a DELETE none. Outcomes belong to calls; an exchange without calls has one of its own.
 */

import type { Decision } from './decision.ts'
import type { TraceRef } from './log.ts'
import type { Message } from './message.ts'
import type { Principal } from './principal.ts'
import type { Outcome } from './outcome.ts'

export type ExchangeKind =
  /** POST: JSON-RPC messages of the client. */
  | 'message'
  /** GET: the stream on which a server speaks first. */
  | 'stream'
  /** DELETE: the client ends its session. */
  | 'end_session'
  /** Any other method, passed through unread. */
  | 'other'

/** What a path of the data listener stands for. */
export type Endpoint =
  /** The MCP endpoint of Streamable HTTP. */
  | 'mcp'
  /** The stream of HTTP+SSE (2024-11-05). */
  | 'sse_stream'
  /** Where clients of HTTP+SSE post their messages. */
  | 'sse_post'
  /** OAuth metadata of the upstream as a protected resource (RFC 9728). */
  | 'metadata'
  /** None of MCP's: passed to the same path of the upstream, unread. */
  | 'pass'

export type HeaderRecord = Readonly<Record<string, string | readonly string[] | undefined>>

/** What is worked out once for all requests that come with the same head. */
export interface SharedHead {
  /** The lines of its headers as they were sent on last. */
  onward: OnwardLines | undefined
  /** The credential in it, as it was read last. */
  credential: KnownCredential | undefined
  /** What stands for its session at the upstream that it led to last. */
  session: KnownSession | undefined
}

export function newSharedHead(): SharedHead {
  return { onward: undefined, credential: undefined, session: undefined }
}

/** It holds for whoever read it, under his rules. */
export interface KnownCredential {
  readonly kind: 'credential'
  readonly reader: object
  readonly scheme: 'bearer' | 'dpop'
  readonly token: string
  readonly digest: string
}

export interface KnownSession {
  readonly upstream: string
  readonly digest: string
}

/** Lines of headers that hold for whoever sends requests on by the same rules. */
export interface OnwardLines {
  readonly rules: object
  /** Kinds of headers that are not among them, as the rules count them. */
  readonly dropped: number
  readonly lines: string
}

export interface Exchange {
  readonly kind: ExchangeKind
  readonly httpMethod: string
  /** "1.1" or "1.0". */
  readonly httpVersion: string
  /** What carried it here: a connection, or the pipes of a process that wraps a server. */
  readonly carrier: 'tcp' | 'pipe'
  /** The upstream that the path names; it need not exist. */
  readonly upstreamName: string
  /** The path as received, without the query. */
  readonly path: string
  readonly endpoint: Endpoint
  /** The query with its `?`, or empty. */
  readonly query: string
  /** Names and values in turn, exactly as received. */
  readonly rawHeaders: readonly string[]
  /** The same by lower-case name. */
  readonly headers: HeaderRecord
  /** Undefined when no other request is known to have come with the same head. */
  readonly shared?: SharedHead | undefined
  /** The body exactly as received. Forwarded as it is, never re-serialised. */
  readonly body: Buffer
  readonly clientAddress: string | undefined
  readonly clientPort: number | undefined
  /** Monotonic instant at which the request's head was read. */
  readonly receivedAtMs: number
  /** How long it took to find out who sends it, in milliseconds, before the body was read. */
  readonly authMs?: number
  /** Monotonic instant at which its last byte was read. */
  readonly readAtMs: number
  /** How long it waited for its turn at a busy upstream, in milliseconds. */
  turnMs: number
  /** MCP's session id, from the header or, for HTTP+SSE, from the query. Never logged. */
  readonly sessionId: string | undefined
  /** What stands for the session where it is kept in mind; made when it is first asked for. */
  sessionDigest?: string | undefined
  /** Whom it is from, as far as that is known: sessions, turns and caches belong to one. */
  readonly ownerKey: string | undefined
  /** The authenticated sender; undefined when nobody is authenticated. */
  readonly principal?: Principal | undefined
  calls: readonly Call[]
  /** True when the body is a JSON array of messages (2025-03-26); its answer is one too. */
  batch: boolean
}

/** One JSON-RPC request or notification of a client on its way through the sidecar. */
export interface Call {
  readonly exchange: Exchange
  readonly message: Message
  /** The span that telemetry gave the call; undefined until it is told of the call. */
  trace: TraceRef | undefined
  /** What authorization said of it; undefined until it has, and when nobody is asked. */
  decision?: Decision | undefined
  /** What the audit log follows it with, which is its own affair. */
  record?: unknown
  /** Set exactly once. */
  outcome: Outcome | undefined
}

export function newCall(exchange: Exchange, message: Message): Call {
  return {
    exchange,
    message,
    trace: undefined,
    decision: undefined,
    record: undefined,
    outcome: undefined,
  }
}

/** A single value of a header that may be sent once only; repeated values are joined as HTTP says. */
export function headerOf(headers: HeaderRecord, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' || value === undefined ? value : value.join(', ')
}

/** The protocol revision that a message of a session names, as far as it does. */
export function revisionOf(exchange: Exchange): string | undefined {
  const begins = exchange.calls.find(({ message }) => message.method === 'initialize')
  return begins?.message.protocolVersion ?? headerOf(exchange.headers, 'mcp-protocol-version')
}

/**
 * The MCP session that an exchange belongs to, as a key; undefined without one. Ids are unique within
 * a session only.
 */
export function sessionKeyOf(exchange: Exchange): string | undefined {
  const { sessionId, upstreamName, carrier } = exchange
  if (sessionId !== undefined) return `${upstreamName} ${sessionId}`
  // On pipes there is one client, so all of them are one session.
  return carrier === 'pipe' ? `${upstreamName} |` : undefined
}
