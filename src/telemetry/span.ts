/**
 * Spans, as light as they can be: what is recorded, and when it ends, its bytes.
 *
 * OpenTelemetry's SDK makes, checks and serialises a span for about 15 µs of CPU, most of it in
 * bursts that hold the event loop; a call has two. These are encoded once, as they end
 * (ARCHITECTURE.md, "Spans"). Sampling is OpenTelemetry's own.
 */

import { ROOT_CONTEXT, SpanKind, TraceFlags, trace, type SpanContext } from '@opentelemetry/api'
import { SamplingDecision, type IdGenerator, type Sampler } from '@opentelemetry/sdk-trace'

export type AttributeValue = string | number

/** Everything an encoder needs of a span that has ended. */
export interface SpanData {
  readonly name: string
  readonly kind: SpanKind.SERVER | SpanKind.CLIENT
  readonly context: SpanContext
  readonly parent: SpanContext | undefined
  readonly links: readonly SpanContext[]
  /** Milliseconds since the epoch, with fractions. */
  readonly startMs: number
  readonly endMs: number
  /** Names and values in turn. */
  readonly attributes: readonly AttributeValue[]
  readonly droppedAttributes: number
  /** Status ERROR; otherwise it is unset. */
  readonly failed: boolean
  readonly statusMessage: string | undefined
}

export interface SpanLimits {
  readonly attributesMax: number
  readonly valueCharsMax: number
}

export interface TracerOptions {
  readonly sampler: Sampler
  readonly ids: IdGenerator
  readonly limits: SpanLimits
  /** Undefined when nobody wants spans; contexts are made and propagated all the same. */
  readonly onEnd: ((span: SpanData) => void) | undefined
}

const NO_ATTRIBUTES = {}
const NO_LINKS: readonly SpanContext[] = []

export class Tracer {
  readonly #options: TracerOptions

  constructor(options: TracerOptions) {
    this.#options = options
  }

  /** A span of a trace that may have begun elsewhere. */
  startServer(
    name: string,
    startMs: number,
    parent: SpanContext | undefined,
    links: readonly SpanContext[] = NO_LINKS,
  ): Span {
    const { sampler, ids } = this.#options
    const traceId = parent?.traceId ?? ids.generateTraceId()
    const above = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent)
    const result = sampler.shouldSample(above, traceId, name, SpanKind.SERVER, NO_ATTRIBUTES, [])
    const traceState = result.traceState ?? parent?.traceState
    const context: SpanContext = {
      traceId,
      spanId: ids.generateSpanId(),
      traceFlags:
        result.decision === SamplingDecision.RECORD_AND_SAMPLED
          ? TraceFlags.SAMPLED
          : TraceFlags.NONE,
      ...(traceState === undefined ? {} : { traceState }),
    }
    return new Span(this.#options, name, SpanKind.SERVER, context, parent, links, startMs)
  }

  /** A child in this process. It is sampled as its parent is: every standard sampler says so. */
  startClient(name: string, startMs: number, parent: Span): Span {
    const context = { ...parent.context, spanId: this.#options.ids.generateSpanId() }
    const { context: above } = parent
    return new Span(this.#options, name, SpanKind.CLIENT, context, above, NO_LINKS, startMs)
  }
}

export class Span implements SpanData {
  readonly name: string
  readonly kind: SpanKind.SERVER | SpanKind.CLIENT
  readonly context: SpanContext
  readonly parent: SpanContext | undefined
  readonly links: readonly SpanContext[]
  readonly startMs: number
  /** False when the span is not sampled or not wanted; then nothing needs to be set. */
  readonly recording: boolean
  readonly attributes: AttributeValue[] = []
  endMs = 0
  droppedAttributes = 0
  failed = false
  statusMessage: string | undefined = undefined
  readonly #options: TracerOptions

  constructor(
    options: TracerOptions,
    name: string,
    kind: SpanKind.SERVER | SpanKind.CLIENT,
    context: SpanContext,
    parent: SpanContext | undefined,
    links: readonly SpanContext[],
    startMs: number,
  ) {
    this.#options = options
    this.name = name
    this.kind = kind
    this.context = context
    this.parent = parent
    this.links = links
    this.startMs = startMs
    this.recording = options.onEnd !== undefined && (context.traceFlags & TraceFlags.SAMPLED) !== 0
  }

  /** Each name once: a span's attributes are a list, not a map. */
  set(name: string, value: AttributeValue): void {
    const { attributesMax, valueCharsMax } = this.#options.limits
    if (this.attributes.length >= 2 * attributesMax) {
      this.droppedAttributes += 1
      return
    }
    const tooLong = typeof value === 'string' && value.length > valueCharsMax
    this.attributes.push(name, tooLong ? value.slice(0, valueCharsMax) : value)
  }

  setAll(attributes: readonly AttributeValue[]): void {
    const { attributesMax, valueCharsMax } = this.#options.limits
    if (
      valueCharsMax === Infinity &&
      this.attributes.length + attributes.length <= 2 * attributesMax
    ) {
      for (const item of attributes) this.attributes.push(item)
      return
    }
    for (let i = 0; i + 1 < attributes.length; i += 2) {
      const name = attributes[i]
      const value = attributes[i + 1]
      if (typeof name === 'string' && value !== undefined) this.set(name, value)
    }
  }

  fail(message: string | undefined): void {
    this.failed = true
    this.statusMessage = message
  }

  end(endMs: number): void {
    this.endMs = Math.max(this.startMs, endMs)
    if (this.recording) this.#options.onEnd?.(this)
  }
}
