/**
 * Spans and histograms of every call, as views of its outcome.
 *
 * A call is a SERVER span (we received it) with one CLIENT child per attempt to reach the upstream
 * (OpenTelemetry semantic conventions for MCP). Status is ERROR with `error.type`, or unset.
 */

import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Link,
  type Span,
  type Tracer,
} from '@opentelemetry/api'
import { headerOf, type Call, type Exchange } from '../core/exchange.ts'
import type { LimitName } from '../core/limits.ts'
import type { AttemptTarget, CallFollower, CallObserver, Injection } from '../core/observer.ts'
import { factsOf, reasonOf, type Outcome } from '../core/outcome.ts'
import { boundedBy, type CallDescription } from './describe-call.ts'
import { toHrTime, type Epoch } from './epoch.ts'
import type { Instruments } from './instruments.ts'
import type { LabelGuard } from './label-guard.ts'
import { ATTR } from './names.ts'
import { formatTraceContext, isSameSpan, parseTraceContext } from './trace-context.ts'

/** Upstreams are spoken to in HTTP/1.1. */
const UPSTREAM_HTTP_VERSION = '1.1'

export interface CallTelemetryOptions {
  readonly tracer: Tracer
  readonly instruments: Instruments
  readonly guard: LabelGuard
  readonly epoch: Epoch
  /** False when `OTEL_PROPAGATORS` leaves trace context out: nothing is read or written. */
  readonly propagates: boolean
  readonly upstreams: ReadonlySet<string>
  describe(call: Call): CallDescription
  isLongLived(method: string): boolean
}

export class CallTelemetry implements CallObserver {
  readonly #options: CallTelemetryOptions

  constructor(options: CallTelemetryOptions) {
    this.#options = options
  }

  begin(call: Call): CallFollower {
    return new CallSpans(call, this.#options)
  }

  exchangeEnded(exchange: Exchange, outcome: Outcome): void {
    this.#options.instruments.exchanges.add(
      [
        boundedBy(this.#options.upstreams, exchange.upstreamName),
        exchange.kind,
        outcome.kind,
        reasonOf(outcome) ?? '',
      ],
      1,
    )
  }

  limitHit(limit: LimitName): void {
    this.#options.instruments.limitHit(limit)
  }
}

class CallSpans implements CallFollower {
  readonly #options: CallTelemetryOptions
  readonly #call: Call
  readonly #about: CallDescription
  readonly #offsetMs: number
  readonly #server: Span
  readonly #context: Context
  #client: Span | undefined
  #target: AttemptTarget | undefined
  #attemptStartedMs = 0

  constructor(call: Call, options: CallTelemetryOptions) {
    this.#options = options
    this.#call = call
    this.#about = options.describe(call)
    this.#offsetMs = options.epoch.offsetMs()
    const { parent, links } = options.propagates
      ? parentOf(call)
      : { parent: ROOT_CONTEXT, links: [] }
    this.#server = options.tracer.startSpan(
      this.#about.spanName,
      {
        kind: SpanKind.SERVER,
        startTime: toHrTime(this.#offsetMs + call.exchange.receivedAtMs),
        attributes: this.#about.samplingAttributes,
        links,
      },
      parent,
    )
    this.#context = trace.setSpan(parent, this.#server)
    call.traceId = this.#server.spanContext().traceId
    if (!this.#server.isRecording()) return
    this.#server.setAttributes(this.#about.attributes)
    this.#server.setAttributes(this.#about.serverAttributes)
  }

  attemptStarted(target: AttemptTarget, attempt: number, atMs: number): Injection | undefined {
    const { tracer, propagates } = this.#options
    this.#target = target
    this.#attemptStartedMs = atMs
    const span = tracer.startSpan(
      this.#about.spanName,
      {
        kind: SpanKind.CLIENT,
        startTime: toHrTime(this.#offsetMs + atMs),
        attributes: {
          ...this.#about.samplingAttributes,
          [ATTR.serverAddress]: target.address,
          [ATTR.serverPort]: target.port,
        },
      },
      this.#context,
    )
    this.#client = span
    if (span.isRecording()) {
      span.setAttributes(this.#about.attributes)
      span.setAttribute(ATTR.networkProtocolVersion, UPSTREAM_HTTP_VERSION)
      span.setAttribute(ATTR.attempt, attempt)
    }
    return propagates ? formatTraceContext(span.spanContext()) : undefined
  }

  attemptEnded(outcome: Outcome, atMs: number): void {
    const span = this.#client
    if (span === undefined) return
    this.#client = undefined
    const { clientErrorType } = factsOf(outcome)
    endSpan(span, outcome, clientErrorType, this.#offsetMs + atMs)
    if (this.#options.isLongLived(this.#call.message.method)) return
    const seconds = (atMs - this.#attemptStartedMs) / 1000
    this.#options.instruments.clientOperationDuration.record(
      [
        ...this.#labels(outcome, clientErrorType, UPSTREAM_HTTP_VERSION),
        this.#target?.address ?? '',
        String(this.#target?.port ?? ''),
      ],
      Math.max(0, seconds),
    )
  }

  ended(outcome: Outcome, atMs: number): void {
    const { instruments } = this.#options
    const { serverErrorType } = factsOf(outcome)
    endSpan(this.#server, outcome, serverErrorType, this.#offsetMs + atMs)
    const { exchange, message } = this.#call
    instruments.calls.add(
      [this.#about.upstream, this.#about.method, outcome.kind, reasonOf(outcome) ?? ''],
      1,
    )
    if (this.#options.isLongLived(message.method)) return
    const seconds = (atMs - exchange.receivedAtMs) / 1000
    instruments.serverOperationDuration.record(
      this.#labels(outcome, serverErrorType, exchange.httpVersion),
      Math.max(0, seconds),
    )
  }

  /** Attribute values in the order of `OPERATION_ATTRIBUTES`. */
  #labels(outcome: Outcome, errorType: string | undefined, httpVersion: string): string[] {
    const about = this.#about
    const admit = (name: string | undefined): string =>
      name === undefined ? '' : this.#options.guard.admit(about.upstream, name, outcome)
    return [
      about.method,
      about.upstream,
      admit(about.tool),
      admit(about.prompt),
      about.operationName,
      errorType ?? '',
      outcome.kind === 'rpc_error' ? String(outcome.code) : '',
      about.protocolVersion,
      'tcp',
      'http',
      httpVersion,
    ]
  }
}

/**
 * The parent is `_meta`'s context when it is valid, else the HTTP header's; when both are valid and
 * differ, the header's is linked (MCP conventions, "Context propagation").
 */
function parentOf(call: Call): { parent: Context; links: Link[] } {
  const { message, exchange } = call
  const inMeta = parseTraceContext(message.trace.traceparent, message.trace.tracestate)
  const inHeader = parseTraceContext(
    headerOf(exchange.headers, 'traceparent'),
    headerOf(exchange.headers, 'tracestate'),
  )
  const parent = inMeta ?? inHeader
  if (parent === undefined) return { parent: ROOT_CONTEXT, links: [] }
  const linked = inMeta !== undefined && inHeader !== undefined && !isSameSpan(inMeta, inHeader)
  return {
    parent: trace.setSpanContext(ROOT_CONTEXT, parent),
    links: linked ? [{ context: inHeader }] : [],
  }
}

function endSpan(
  span: Span,
  outcome: Outcome,
  errorType: string | undefined,
  epochMs: number,
): void {
  if (span.isRecording()) {
    span.setAttribute(ATTR.outcome, outcome.kind)
    const reason = reasonOf(outcome)
    if (reason !== undefined) span.setAttribute(ATTR.outcomeReason, reason)
    if (outcome.kind === 'rpc_error') span.setAttribute(ATTR.rpcStatusCode, String(outcome.code))
    if (errorType !== undefined) {
      span.setAttribute(ATTR.errorType, errorType)
      const message = outcome.kind === 'rpc_error' ? outcome.message : undefined
      span.setStatus(
        message === undefined
          ? { code: SpanStatusCode.ERROR }
          : { code: SpanStatusCode.ERROR, message },
      )
    }
  }
  span.end(toHrTime(epochMs))
}
