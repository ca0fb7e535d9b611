/** Makes contexts and spans. Sampling is OpenTelemetry's own. */

import {
  ROOT_CONTEXT,
  SpanKind,
  TraceFlags,
  trace,
  type Link,
  type SpanContext,
  type TraceState,
} from '@opentelemetry/api'
import { SamplingDecision } from '@opentelemetry/sdk-trace'
import { Span, type SpanSubject, type TracerOptions } from './span.ts'

const NO_ATTRIBUTES = {}
const NO_LINKS: readonly SpanContext[] = []
const NO_SAMPLED_LINKS: Link[] = []

export class Tracer {
  readonly #options: TracerOptions

  constructor(options: TracerOptions) {
    this.#options = options
  }

  /** The context of a span of a trace that may have begun elsewhere. */
  serverContext(name: string, parent: SpanContext | undefined): SpanContext {
    const { sampler, ids, trustSampled } = this.#options
    const traceId = parent?.traceId ?? ids.generateTraceId()
    const above =
      parent === undefined || (parent.isRemote === true && !trustSampled)
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, parent)
    const { SERVER } = SpanKind
    const { decision, traceState } = sampler.shouldSample(
      above,
      traceId,
      name,
      SERVER,
      NO_ATTRIBUTES,
      NO_SAMPLED_LINKS,
    )
    const sampled = decision === SamplingDecision.RECORD_AND_SAMPLED
    const flags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE
    return contextOf(traceId, ids.generateSpanId(), flags, traceState ?? parent?.traceState)
  }

  /** That of a child in this process. It is sampled as its parent is: every standard sampler says so. */
  clientContext({ traceId, traceFlags, traceState }: SpanContext): SpanContext {
    return contextOf(traceId, this.#options.ids.generateSpanId(), traceFlags, traceState)
  }

  /** False when a span will not be exported, whatever happens; then none has to be made. */
  records({ traceFlags }: SpanContext): boolean {
    const { onEnd, keep } = this.#options
    return onEnd !== undefined && (keep !== undefined || (traceFlags & TraceFlags.SAMPLED) !== 0)
  }

  /** The span of a context that was made before. */
  serverSpan(
    subject: SpanSubject,
    context: SpanContext,
    startMs: number,
    parent: SpanContext | undefined,
    links: readonly SpanContext[] = NO_LINKS,
  ): Span {
    const { SERVER } = SpanKind
    return new Span(this.#options, subject, SERVER, context, parent, links, startMs, undefined)
  }

  /** The same for a child of `parent`. */
  clientSpan(subject: SpanSubject, context: SpanContext, startMs: number, parent: Span): Span {
    const { CLIENT } = SpanKind
    const { context: above } = parent
    return new Span(this.#options, subject, CLIENT, context, above, NO_LINKS, startMs, parent)
  }

  startServer(
    subject: SpanSubject,
    startMs: number,
    parent: SpanContext | undefined,
    links: readonly SpanContext[] = NO_LINKS,
  ): Span {
    const context = this.serverContext(subject.name, parent)
    return this.serverSpan(subject, context, startMs, parent, links)
  }

  startClient(subject: SpanSubject, startMs: number, parent: Span): Span {
    return this.clientSpan(subject, this.clientContext(parent.context), startMs, parent)
  }
}

function contextOf(
  traceId: string,
  spanId: string,
  traceFlags: number,
  traceState: TraceState | undefined,
): SpanContext {
  return traceState === undefined
    ? { traceId, spanId, traceFlags }
    : { traceId, spanId, traceFlags, traceState }
}
