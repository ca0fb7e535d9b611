/**
 * Asks an HTTP upstream, over the connections for streams: a check neither waits for calls nor takes
 * a place from them.
 */

import type { Clock } from '../../core/clock.ts'
import type { Exchange, ExchangeKind, HeaderRecord } from '../../core/exchange.ts'
import { newAttempt } from '../../core/observer.ts'
import { createEnvelopeReader } from '../../mcp/read-envelope.ts'
import { FIRST_MODERN_REVISION } from '../../mcp/revisions.ts'
import type { HttpTransport } from '../http-transport.ts'
import type { Outbound } from '../transport.ts'
import { hearProbe, type ProbeReply } from './probe-sink.ts'
import {
  LEGACY_REVISION,
  notificationBody,
  requestBody,
  type ProbeAnswer,
  type ProbeLink,
  type ProbeRequest,
} from './probe-link.ts'

export interface HttpLinkOptions {
  readonly name: string
  readonly url: URL
  readonly http: HttpTransport
  /** Sidelight's own. */
  readonly version: string
  readonly clock: Clock
}

/** The end of a session is waited for so long. */
const END_MS = 2_000

/** One check. */
export class HttpLink implements ProbeLink {
  readonly #options: HttpLinkOptions
  readonly #signal: AbortSignal
  #nextId = 1
  #sessionId: string | undefined
  #revision = LEGACY_REVISION

  constructor(options: HttpLinkOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
  }

  async request(request: ProbeRequest): Promise<ProbeAnswer> {
    const body = requestBody(this.#nextId, request, this.#options.version)
    this.#nextId += 1
    const headers = this.#headers(request)
    const reply = await this.#send('message', headers, body, this.#signal)
    if (request.method === 'initialize') {
      this.#sessionId = reply.sessionId
      this.#revision = reply.revision ?? LEGACY_REVISION
    }
    return reply.answer
  }

  async notify(method: string): Promise<void> {
    const headers = this.#headers({ method, era: 'legacy' })
    await this.#send('message', headers, notificationBody(method), this.#signal)
  }

  /** Also after the check has run out of time: a session that was begun must not be left behind. */
  async end(): Promise<void> {
    if (this.#sessionId === undefined) return
    const headers = this.#headers({ method: '', era: 'legacy' })
    await this.#send('end_session', headers, Buffer.alloc(0), AbortSignal.timeout(END_MS))
    this.#sessionId = undefined
  }

  #headers({ method, era }: ProbeRequest): Record<string, string> {
    const { url, version } = this.#options
    const headers: Record<string, string> = {
      host: url.host,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'user-agent': `sidelight/${version} (health check)`,
    }
    if (era === 'modern') {
      headers['mcp-protocol-version'] = FIRST_MODERN_REVISION
      headers['mcp-method'] = method
    } else if (method !== 'initialize') headers['mcp-protocol-version'] = this.#revision
    if (this.#sessionId !== undefined) headers['mcp-session-id'] = this.#sessionId
    return headers
  }

  #send(
    kind: ExchangeKind,
    headers: HeaderRecord,
    body: Buffer,
    signal: AbortSignal,
  ): Promise<ProbeReply> {
    const exchange = probeExchange(this.#options, kind, headers, body)
    return sendProbe(this.#options.http, exchange, signal)
  }
}

/** An exchange of our own, that no client sent. */
export function probeExchange(
  { name, url, clock }: Pick<HttpLinkOptions, 'name' | 'url' | 'clock'>,
  kind: ExchangeKind,
  headers: HeaderRecord,
  body: Buffer,
): Exchange {
  const exchange: Exchange = {
    kind,
    httpMethod: kind === 'message' ? 'POST' : kind === 'stream' ? 'GET' : 'DELETE',
    httpVersion: '1.1',
    carrier: 'tcp',
    upstreamName: name,
    path: url.pathname,
    endpoint: 'mcp',
    query: '',
    rawHeaders: Object.entries(headers).flatMap(([key, value]) => [key, String(value)]),
    headers,
    body,
    clientAddress: undefined,
    clientPort: undefined,
    receivedAtMs: clock.monotonicMs(),
    readAtMs: clock.monotonicMs(),
    sessionId: undefined,
    ownerKey: undefined,
    calls: [],
    turnMs: 0,
    batch: false,
  }
  if (kind !== 'message') return exchange
  const envelope = createEnvelopeReader({ depthMax: 8, batchMax: 1 })(headers, body)
  if (envelope.kind === 'rejected') throw new Error('a health check that is no message')
  exchange.calls = envelope.messages.map((message) => ({
    exchange,
    message,
    trace: undefined,
    outcome: undefined,
  }))
  return exchange
}

function sendProbe(
  http: HttpTransport,
  exchange: Exchange,
  signal: AbortSignal,
): Promise<ProbeReply> {
  const message = exchange.calls.find((call) => call.message.kind === 'request')?.message
  return hearProbe(message, signal, (sink) => http.send(outboundOf(exchange), sink))
}

/** On the connections for streams. */
export function outboundOf(exchange: Exchange): Outbound {
  const attempt = newAttempt(1, exchange.receivedAtMs)
  return { exchange, body: exchange.body, injection: undefined, longLived: true, attempt }
}
