/**
 * Spans and histograms of every call, as views of its outcome.
 *
 * A call is a SERVER span (we received it) with one CLIENT child per attempt to reach the upstream
 * (OpenTelemetry semantic conventions for MCP). Status is ERROR with `error.type`, or unset.
 */

import type { BreakerChange } from '../core/breaker.ts'
import type { Call, Exchange } from '../core/exchange.ts'
import type { LimitName } from '../core/limits.ts'
import type {
  Answered,
  AttemptFacts,
  AttemptTarget,
  CallFollower,
  CallObserver,
  Injection,
  ServerRequest,
  ServerRequestFollower,
  StreamKind,
} from '../core/observer.ts'
import { factsOf, reasonOf, type Outcome } from '../core/outcome.ts'
import { breakerEvent } from './breaker-event.ts'
import type { CallMetrics } from './call-metrics.ts'
import type { AgreedRevisions } from './agreed-revisions.ts'
import {
  boundedBy,
  callAttributes,
  serverAttributes,
  UPSTREAM_HTTP_VERSION,
  type CallDescription,
} from './describe-call.ts'
import { capturedArguments, type CaptureRule, type FindCapture } from './capture.ts'
import type { Epoch } from './epoch.ts'
import type { Instruments } from './instruments.ts'
import type { LabelGuard } from './label-guard.ts'
import { ATTR } from './names.ts'
import { showDecision } from './policy-signals.ts'
import { redactJson, redactMessage } from '../core/redact.ts'
import type { Propagation } from './propagation.ts'
import { ServerRequestSpans } from './server-request-spans.ts'
import type { AttributeValue, Span, SpanSubject, Tracer } from './span.ts'
import type { CallSignals } from './agent-signals.ts'
import type { ToolWatch } from './tool-watch.ts'

export interface CallTelemetryOptions {
  readonly tracer: Tracer
  readonly instruments: Instruments
  readonly guard: LabelGuard
  readonly metrics: CallMetrics
  readonly tools: ToolWatch
  readonly epoch: Epoch
  readonly propagation: Propagation
  /** Undefined when nothing is captured of any call. */
  readonly capture: FindCapture | undefined
  readonly upstreams: ReadonlySet<string>
  readonly methods: ReadonlySet<string>
  readonly revisions: ReadonlySet<string>
  readonly agreed: AgreedRevisions
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

  exchangeEnded(exchange: Exchange, outcome: Outcome, attempt?: AttemptFacts): void {
    const { instruments, upstreams } = this.#options
    const upstream = boundedBy(upstreams, exchange.upstreamName)
    instruments.exchanges.add([upstream, exchange.kind, outcome.kind, reasonOf(outcome) ?? ''], 1)
    instruments.traffic.exchangeEnded(upstream, exchange, outcome, attempt)
  }

  eventsPassed(exchange: Exchange, kind: StreamKind, count: number): void {
    const { instruments, upstreams } = this.#options
    instruments.traffic.eventsPassed(boundedBy(upstreams, exchange.upstreamName), kind, count)
  }

  asked(request: ServerRequest, atMs: number): ServerRequestFollower {
    return new ServerRequestSpans(request, atMs, undefined, this.#options)
  }

  limitHit(limit: LimitName): void {
    this.#options.instruments.limitHit(limit)
  }
}

interface OpenAttempt {
  readonly number: number
  readonly span: Span
  readonly target: AttemptTarget
  readonly startedMs: number
}

class CallSpans implements CallFollower {
  readonly #options: CallTelemetryOptions
  readonly #call: Call
  readonly #about: CallDescription
  readonly #offsetMs: number
  readonly #server: Span
  /** The call's own, of both spans; undefined when the call is not sampled. */
  readonly #attributes: readonly AttributeValue[] | undefined
  /** The attempt under way. */
  #attempt: OpenAttempt | undefined
  /** An earlier one, when two are. */
  #earlier: OpenAttempt | undefined
  /** What is shown of its arguments and its result; undefined for nothing, as usual. */
  readonly #capture: CaptureRule | undefined
  #result: Buffer | undefined
  readonly #signals: CallSignals
  #resultBytes = 0

  constructor(call: Call, options: CallTelemetryOptions) {
    this.#options = options
    this.#call = call
    this.#about = options.describe(call)
    this.#offsetMs = options.epoch.offsetMs(call.exchange.receivedAtMs)
    const { parent, links } = options.propagation.ancestryOf(call)
    const subject = this.#subject(call.exchange.carrier)
    const startMs = this.#offsetMs + call.exchange.receivedAtMs
    this.#server = options.tracer.startServer(subject, startMs, parent, links)
    call.trace = this.#server.context
    this.#signals = options.tools.begin(call)
    this.#attributes = this.#server.recording ? callAttributes(call) : undefined
    this.#capture =
      options.capture === undefined || !this.#server.recording || this.#about.tool === undefined
        ? undefined
        : options.capture(this.#about.upstream, this.#about.tool)
    if (this.#attributes === undefined) return
    this.#server.setAll(this.#attributes)
    this.#server.setAll(serverAttributes(call))
    if (this.#signals.repeats > 0) this.#server.set(ATTR.callRepeats, this.#signals.repeats)
  }

  get resultBytesWanted(): number {
    const { tools, agreed } = this.#options
    return Math.max(
      this.#capture?.resultBytesMax ?? 0,
      tools.resultBytesWanted(this.#call),
      agreed.resultBytesWanted(this.#call),
    )
  }

  answered(answer: Answered): void {
    this.#resultBytes = answer.resultBytes
    if (this.#capture !== undefined) this.#result = answer.result
    this.#options.agreed.learn(this.#call, answer)
    this.#options.tools.answered(this.#call, answer)
  }

  attemptStarted(target: AttemptTarget, attempt: number, atMs: number): Injection | undefined {
    const { tracer, propagation } = this.#options
    const span = tracer.startClient(
      this.#subject(target.carrier),
      this.#offsetMs + atMs,
      this.#server,
    )
    this.#earlier = this.#attempt
    this.#attempt = { number: attempt, span, target, startedMs: atMs }
    if (this.#attributes !== undefined) {
      span.setAll(this.#attributes)
      setTarget(span, target)
      span.set(ATTR.attempt, attempt)
    }
    return propagation.injectionFor(this.#call, span.context)
  }

  attemptEnded(outcome: Outcome, atMs: number, attempt?: AttemptFacts): void {
    const ended = this.#takeAttempt(attempt?.number)
    if (ended === undefined) return
    const { span, target, startedMs } = ended
    const { clientErrorType } = factsOf(outcome)
    if (span.recording && attempt !== undefined) setFacts(span, attempt)
    endSpan(span, outcome, clientErrorType, this.#offsetMs + atMs)
    if (this.#options.isLongLived(this.#call.message.method)) return
    const seconds = Math.max(0, (atMs - startedMs) / 1000)
    this.#options.metrics.attempted(this.#about, outcome, target, seconds, span)
  }

  #takeAttempt(number: number | undefined): OpenAttempt | undefined {
    const earlier = this.#earlier
    this.#earlier = undefined
    if (earlier !== undefined && earlier.number === number) return earlier
    const ended = this.#attempt
    this.#attempt = earlier
    return ended
  }

  /** On the span of the attempt, which is what failed or worked. */
  breakersChanged(changes: readonly BreakerChange[], atMs: number): void {
    const span = this.#attempt?.span ?? this.#server
    if (!span.recording) return
    for (const change of changes) {
      // What came to light later belongs to the span all the same, and not behind its end.
      const timeMs = this.#offsetMs + Math.min(change.transition.atMs, atMs)
      span.addEvent(breakerEvent(this.#about.upstream, change, timeMs))
    }
  }

  asked(request: ServerRequest, atMs: number): ServerRequestFollower {
    const during = { span: this.#attempt?.span.context, offsetMs: this.#offsetMs }
    return new ServerRequestSpans(request, atMs, during, this.#options)
  }

  ended(outcome: Outcome, atMs: number): void {
    const { metrics } = this.#options
    const { serverErrorType } = factsOf(outcome)
    if (this.#capture !== undefined) this.#show(this.#capture, outcome)
    const { exchange, message } = this.#call
    if (exchange.turnMs > 0) this.#server.set(ATTR.queueDuration, exchange.turnMs / 1000)
    showDecision(this.#call.decision, this.#about.upstream, this.#server, this.#options.instruments)
    endSpan(this.#server, outcome, serverErrorType, this.#offsetMs + atMs)
    metrics.callEnded(this.#about, outcome)
    if (outcome.kind === 'rejected') {
      this.#options.instruments.traffic.rejected(this.#about.upstream, outcome.reason)
    }
    if (message.method === 'tools/call') this.#toolEnded(outcome, atMs)
    if (this.#options.isLongLived(message.method)) return
    const seconds = Math.max(0, (atMs - exchange.receivedAtMs) / 1000)
    metrics.served(this.#about, outcome, exchange, seconds, this.#server)
  }

  /** Results of successes only (GenAI conventions, `gen_ai.tool.call.result`). */
  #show(rule: CaptureRule, outcome: Outcome): void {
    const sent = capturedArguments(this.#call, rule)
    if (sent !== undefined) this.#server.set(ATTR.toolArguments, sent)
    if (this.#result === undefined || outcome.kind !== 'ok') return
    const got = redactJson(this.#result, rule.redaction)
    if (got !== undefined) this.#server.set(ATTR.toolResult, got)
  }

  #toolEnded(outcome: Outcome, atMs: number): void {
    const { tools, guard } = this.#options
    const { upstream, tool } = this.#about
    tools.ended(this.#call, {
      upstream,
      tool: tool === undefined ? '' : guard.admit(upstream, tool, outcome),
      outcome,
      atMs,
      resultBytes: this.#resultBytes,
      signals: this.#signals,
    })
  }

  #subject(carrier: 'tcp' | 'pipe'): SpanSubject {
    return { name: this.#about.spanName, attributes: this.#about.attributes[carrier] }
  }
}

function setTarget(span: Span, { carrier, address, port }: AttemptTarget): void {
  if (carrier === 'pipe') return
  span.set(ATTR.networkProtocolVersion, UPSTREAM_HTTP_VERSION)
  if (address !== undefined) span.set(ATTR.serverAddress, address)
  if (port !== undefined) span.set(ATTR.serverPort, port)
}

/** What the attempt took, as far as it explains a slow call. */
function setFacts(span: Span, attempt: AttemptFacts): void {
  const { queuedMs, connectMs, firstEventMs, startedMs } = attempt
  if (queuedMs > 0) span.set(ATTR.queueDuration, queuedMs / 1000)
  if (connectMs >= 0) span.set(ATTR.connectDuration, connectMs / 1000)
  if (firstEventMs > 0) span.set(ATTR.firstEventDuration, (firstEventMs - startedMs) / 1000)
  span.set(ATTR.requestSize, attempt.requestBytes)
  if (attempt.headMs > 0) span.set(ATTR.responseSize, attempt.responseBytes)
}

function endSpan(
  span: Span,
  outcome: Outcome,
  errorType: string | undefined,
  epochMs: number,
): void {
  if (span.recording) {
    span.set(ATTR.outcome, outcome.kind)
    const reason = reasonOf(outcome)
    if (reason !== undefined) span.set(ATTR.outcomeReason, reason)
    if (outcome.kind === 'rpc_error') span.set(ATTR.rpcStatusCode, String(outcome.code))
    if (errorType !== undefined) {
      span.set(ATTR.errorType, errorType)
      span.fail(outcome.kind === 'rpc_error' ? redactMessage(outcome.message) : undefined)
    }
  }
  span.end(epochMs)
}
