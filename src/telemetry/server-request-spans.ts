/**
 * The spans of a request that an upstream makes of its client. Roles are turned round: Sidelight receives
 * it from the upstream (SERVER) and sends it on to the client (CLIENT), so `client.*` is the upstream and
 * `server.*` the agent. The request itself passes as it came, without our trace context in it.
 */

import type { SpanContext } from '@opentelemetry/api'
import { headerOf } from '../core/exchange.ts'
import type {
  ServerRequest,
  ServerRequestFollower,
  ServerRequestOutcome,
} from '../core/observer.ts'
import { factsOf } from '../core/outcome.ts'
import type { CallTelemetryOptions } from './call-telemetry.ts'
import { boundedBy, HTTP, showId, UPSTREAM_HTTP_VERSION } from './describe-call.ts'
import { isPlain } from './label-guard.ts'
import { ATTR, OTHER } from './names.ts'
import type { AttributeValue, Span } from './span.ts'
import { redactMessage } from '../core/redact.ts'
import { isSameSpan, parseTraceContext } from './trace-context.ts'

/** One end of the way that a request takes: who is there, and what carries the messages. */
interface Peer {
  readonly carrier: 'tcp' | 'pipe'
  readonly httpVersion: string
  readonly address: string | undefined
  readonly port: number | undefined
}

/** The call on whose stream a request came. */
export interface Surroundings {
  /** Its CLIENT span. */
  readonly span: SpanContext | undefined
  /** What turns its instants into times: spans of one tree must agree, whatever the wall clock does. */
  readonly offsetMs: number
}

export class ServerRequestSpans implements ServerRequestFollower {
  readonly #options: CallTelemetryOptions
  readonly #method: string
  readonly #upstream: string
  readonly #revision: string
  readonly #from: Peer
  readonly #to: Peer
  readonly #beganMs: number
  readonly #offsetMs: number
  readonly #server: Span
  readonly #client: Span

  constructor(
    request: ServerRequest,
    atMs: number,
    during: Surroundings | undefined,
    options: CallTelemetryOptions,
  ) {
    const { exchange, target, method } = request
    this.#options = options
    this.#method = boundedBy(options.methods, method)
    this.#upstream = boundedBy(options.upstreams, exchange.upstreamName)
    const revision = headerOf(exchange.headers, 'mcp-protocol-version')
    this.#revision = revision === undefined ? '' : boundedBy(options.revisions, revision)
    this.#from = { ...target, httpVersion: UPSTREAM_HTTP_VERSION }
    this.#to = {
      carrier: exchange.carrier,
      httpVersion: exchange.httpVersion,
      address: exchange.clientAddress,
      port: exchange.clientPort,
    }
    this.#beganMs = atMs
    this.#offsetMs = during?.offsetMs ?? options.epoch.offsetMs(atMs)
    const startMs = this.#offsetMs + atMs
    const name = isPlain(method) ? method : OTHER
    const attributes = commonAttributes(request, name, this.#upstream, revision)
    const { parent, links } = this.#ancestry(request, during?.span)
    this.#server = options.tracer.startServer({ name, attributes }, startMs, parent, links)
    this.#client = options.tracer.startClient({ name, attributes }, startMs, this.#server)
    if (!this.#server.recording) return
    this.#server.setAll(peerAttributes(this.#from, ATTR.clientAddress, ATTR.clientPort))
    this.#client.setAll(peerAttributes(this.#to, ATTR.serverAddress, ATTR.serverPort))
  }

  ended(outcome: ServerRequestOutcome, atMs: number): void {
    const { clientErrorType, serverErrorType } = errorTypesOf(outcome)
    const endMs = this.#offsetMs + atMs
    endSpan(this.#client, outcome, clientErrorType, endMs)
    endSpan(this.#server, outcome, serverErrorType, endMs)
    const seconds = Math.max(0, (atMs - this.#beganMs) / 1000)
    const { instruments } = this.#options
    instruments.serverOperationDuration.record(
      this.#labels(outcome, serverErrorType, this.#from),
      seconds,
    )
    // The address of an agent is on no metric.
    instruments.clientOperationDuration.record(
      [...this.#labels(outcome, clientErrorType, this.#to), '', ''],
      seconds,
    )
  }

  /** The context in the request, else the call that it came with; that call is linked otherwise. */
  #ancestry(
    { trace }: ServerRequest,
    during: SpanContext | undefined,
  ): { readonly parent: SpanContext | undefined; readonly links: readonly SpanContext[] } {
    const { propagation } = this.#options
    const own = propagation.readsTraceContext
      ? parseTraceContext(trace.traceparent, trace.tracestate)
      : undefined
    if (own === undefined) return { parent: during, links: [] }
    if (!propagation.continues && own.traceId !== during?.traceId) {
      return { parent: during, links: [own] }
    }
    const linked = during !== undefined && !isSameSpan(own, during)
    return { parent: own, links: linked ? [during] : [] }
  }

  /** Attribute values in the order of `OPERATION_ATTRIBUTES`. */
  #labels(outcome: ServerRequestOutcome, errorType: string | undefined, peer: Peer): string[] {
    const code =
      outcome.kind === 'rpc_error'
        ? this.#options.guard.admitCode(this.#upstream, String(outcome.code))
        : ''
    const http = peer.carrier === 'tcp'
    return [
      this.#method,
      this.#upstream,
      '',
      '',
      '',
      errorType === undefined || outcome.kind !== 'rpc_error' ? (errorType ?? '') : code,
      code,
      this.#revision,
      peer.carrier,
      http ? HTTP : '',
      http ? peer.httpVersion : '',
    ]
  }
}

function commonAttributes(
  { id, exchange }: ServerRequest,
  method: string,
  upstream: string,
  revision: string | undefined,
): AttributeValue[] {
  const list: AttributeValue[] = [ATTR.methodName, method, ATTR.upstreamName, upstream]
  list.push(ATTR.requestId, showId(id))
  if (exchange.sessionId !== undefined) list.push(ATTR.sessionId, exchange.sessionId)
  if (revision !== undefined) list.push(ATTR.protocolVersion, revision)
  return list
}

function peerAttributes(peer: Peer, addressName: string, portName: string): AttributeValue[] {
  const list: AttributeValue[] = [ATTR.networkTransport, peer.carrier]
  if (peer.carrier === 'pipe') return list
  list.push(ATTR.networkProtocolName, HTTP, ATTR.networkProtocolVersion, peer.httpVersion)
  if (peer.address !== undefined) list.push(addressName, peer.address)
  if (peer.port !== undefined) list.push(portName, peer.port)
  return list
}

interface ErrorTypes {
  readonly clientErrorType: string | undefined
  readonly serverErrorType: string | undefined
}

function errorTypesOf(outcome: ServerRequestOutcome): ErrorTypes {
  return outcome.kind === 'unanswered' ? UNANSWERED : factsOf(outcome)
}

const UNANSWERED: ErrorTypes = { clientErrorType: 'timeout', serverErrorType: 'timeout' }

function endSpan(
  span: Span,
  outcome: ServerRequestOutcome,
  errorType: string | undefined,
  epochMs: number,
): void {
  if (span.recording) {
    span.set(ATTR.outcome, outcome.kind)
    if (outcome.kind === 'rpc_error') span.set(ATTR.rpcStatusCode, String(outcome.code))
    if (errorType !== undefined) {
      span.set(ATTR.errorType, errorType)
      span.fail(outcome.kind === 'rpc_error' ? redactMessage(outcome.message) : undefined)
    }
  }
  span.end(epochMs)
}
