/** The spans and the measurements of one call, from its beginning to its end. */

import type { BreakerChange } from '../core/breaker.ts'
import type { Call } from '../core/exchange.ts'
import type {
  Answered,
  AttemptFacts,
  AttemptTarget,
  CallFollower,
  Injection,
  ServerRequest,
  ServerRequestFollower,
} from '../core/observer.ts'
import { factsOf, type Outcome } from '../core/outcome.ts'
import { redactJson } from '../core/redact.ts'
import type { SpanContext } from '@opentelemetry/api'
import type { CallSignals } from './agent-signals.ts'
import { breakerEvent } from './breaker-event.ts'
import { endSpan, setFacts, setTarget } from './call-span-facts.ts'
import type { CallTelemetryOptions } from './call-telemetry.ts'
import { capturedArguments, type CaptureRule } from './capture.ts'
import { callAttributes, serverAttributes, type CallDescription } from './describe-call.ts'
import { ATTR } from './names.ts'
import { showDecision } from './policy-signals.ts'
import { ServerRequestSpans } from './server-request-spans.ts'
import type { AttributeValue, Span, SpanSubject } from './span.ts'

interface OpenAttempt {
  readonly number: number
  readonly context: SpanContext
  /** Undefined when it is not recorded. */
  readonly span: Span | undefined
  readonly target: AttemptTarget
  readonly startedMs: number
}

export class CallSpans implements CallFollower {
  readonly #options: CallTelemetryOptions
  readonly #call: Call
  readonly #about: CallDescription
  readonly #offsetMs: number
  readonly #context: SpanContext
  /** Undefined when the call is not recorded: most calls have ids, which others may sample, and no spans. */
  readonly #server: Span | undefined
  /** The call's own, of both spans. */
  readonly #attributes: readonly AttributeValue[] = NO_ATTRIBUTES
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
    const { tracer, epoch, propagation, tools } = options
    const { receivedAtMs, carrier } = call.exchange
    this.#options = options
    this.#call = call
    this.#about = options.describe(call)
    this.#offsetMs = epoch.offsetMs(receivedAtMs)
    const { parent, links } = propagation.ancestryOf(call)
    this.#context = tracer.serverContext(this.#about.spanName, parent)
    call.trace = this.#context
    this.#signals = tools.begin(call)
    if (!tracer.records(this.#context)) return
    const startMs = this.#offsetMs + receivedAtMs
    const span = tracer.serverSpan(this.#subject(carrier), this.#context, startMs, parent, links)
    this.#server = span
    this.#attributes = callAttributes(call)
    const { upstream, tool } = this.#about
    if (tool !== undefined) this.#capture = options.capture?.(upstream, tool)
    span.setAll(this.#attributes)
    span.setAll(serverAttributes(call))
    if (this.#signals.repeats > 0) span.set(ATTR.callRepeats, this.#signals.repeats)
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
    const context = tracer.clientContext(this.#context)
    const span = this.#startClient(context, target, attempt, atMs)
    this.#earlier = this.#attempt
    this.#attempt = { number: attempt, context, span, target, startedMs: atMs }
    return propagation.injectionFor(this.#call, context)
  }

  #startClient(
    context: SpanContext,
    target: AttemptTarget,
    attempt: number,
    atMs: number,
  ): Span | undefined {
    const server = this.#server
    if (server === undefined) return undefined
    const subject = this.#subject(target.carrier)
    const startMs = this.#offsetMs + atMs
    const span = this.#options.tracer.clientSpan(subject, context, startMs, server)
    span.setAll(this.#attributes)
    setTarget(span, target)
    span.set(ATTR.attempt, attempt)
    return span
  }

  attemptEnded(outcome: Outcome, atMs: number, attempt?: AttemptFacts): void {
    const ended = this.#takeAttempt(attempt?.number)
    if (ended === undefined) return
    const { span, target, startedMs } = ended
    if (span !== undefined) {
      if (attempt !== undefined) setFacts(span, attempt)
      endSpan(span, outcome, factsOf(outcome).clientErrorType, this.#offsetMs + atMs)
    }
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
    if (span === undefined) return
    for (const change of changes) {
      // What came to light later belongs to the span all the same, and not behind its end.
      const timeMs = this.#offsetMs + Math.min(change.transition.atMs, atMs)
      span.addEvent(breakerEvent(this.#about.upstream, change, timeMs))
    }
  }

  asked(request: ServerRequest, atMs: number): ServerRequestFollower {
    const during = { span: this.#attempt?.context, offsetMs: this.#offsetMs }
    return new ServerRequestSpans(request, atMs, during, this.#options)
  }

  ended(outcome: Outcome, atMs: number): void {
    const { metrics, instruments, tools } = this.#options
    const { exchange, message, decision } = this.#call
    const about = this.#about
    if (this.#server !== undefined) this.#endServer(this.#server, outcome, atMs)
    if (decision !== undefined) metrics.decided(about, outcome, decision)
    metrics.callEnded(about, outcome)
    if (outcome.kind === 'rejected') instruments.traffic.rejected(about.upstream, outcome.reason)
    if (message.method === 'tools/call') {
      metrics.toolEnded(about, outcome, this.#resultBytes, this.#signals)
      tools.ended(this.#call, outcome, atMs)
    }
    if (this.#options.isLongLived(message.method)) return
    const seconds = Math.max(0, (atMs - exchange.receivedAtMs) / 1000)
    metrics.served(about, outcome, exchange, seconds, this.#server)
  }

  #endServer(span: Span, outcome: Outcome, atMs: number): void {
    const { exchange, decision } = this.#call
    if (this.#capture !== undefined) this.#show(span, this.#capture, outcome)
    if (exchange.turnMs > 0) span.set(ATTR.queueDuration, exchange.turnMs / 1000)
    if (decision !== undefined) showDecision(decision, span)
    endSpan(span, outcome, factsOf(outcome).serverErrorType, this.#offsetMs + atMs)
  }

  /** Results of successes only (GenAI conventions, `gen_ai.tool.call.result`). */
  #show(span: Span, rule: CaptureRule, outcome: Outcome): void {
    const sent = capturedArguments(this.#call, rule)
    if (sent !== undefined) span.set(ATTR.toolArguments, sent)
    if (this.#result === undefined || outcome.kind !== 'ok') return
    const got = redactJson(this.#result, rule.redaction)
    if (got !== undefined) span.set(ATTR.toolResult, got)
  }

  #subject(carrier: 'tcp' | 'pipe'): SpanSubject {
    return { name: this.#about.spanName, attributes: this.#about.attributes[carrier] }
  }
}

const NO_ATTRIBUTES: readonly AttributeValue[] = []
