/**
 * Spans, as light as they can be: what is recorded, and when it ends, its bytes.
 *
 * OpenTelemetry's SDK makes, checks and serialises a span for about 15 µs of CPU, most of it in
 * bursts that hold the event loop; a call has two. These are encoded once, as they end
 * (ARCHITECTURE.md, "Spans"). Sampling is OpenTelemetry's own.
 */

import { TraceFlags, type SpanContext, type SpanKind } from '@opentelemetry/api'
import type { IdGenerator, Sampler } from '@opentelemetry/sdk-trace'
import type { AttributeLimits } from './env.ts'

export type AttributeValue = string | number

/** Something that happened during a span. */
export interface SpanEvent {
  readonly name: string
  /** Milliseconds since the epoch, with fractions. */
  readonly timeMs: number
  /** Names and values in turn. */
  readonly attributes: readonly AttributeValue[]
}

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
  /** Names and values in turn; a list that many spans have in common, so it is encoded once. */
  readonly shared: readonly AttributeValue[]
  /** Names and values in turn; the span's own. */
  readonly attributes: readonly AttributeValue[]
  readonly droppedAttributes: number
  readonly events: readonly SpanEvent[]
  readonly droppedEvents: number
  /** Status ERROR; otherwise it is unset. */
  readonly failed: boolean
  readonly statusMessage: string | undefined
}

/** What a span is of. */
export interface SpanSubject {
  readonly name: string
  readonly attributes: readonly AttributeValue[]
}

/** Which calls are exported although they were not sampled. */
export interface KeepRules {
  readonly errors: boolean
  /** Calls that took at least so long; Infinity for none. */
  readonly slowerThanMs: number
}

export interface TracerOptions {
  readonly sampler: Sampler
  /** False when a remote parent's sampled flag does not decide for us. */
  readonly trustSampled: boolean
  /** Undefined when only what is sampled is exported. */
  readonly keep: KeepRules | undefined
  readonly ids: IdGenerator
  readonly limits: AttributeLimits
  /** Undefined when nobody wants spans; contexts are made and propagated all the same. */
  readonly onEnd: ((span: SpanData) => void) | undefined
}

const NO_EVENTS: readonly SpanEvent[] = []

/** Events of one span. */
const EVENTS_MAX = 8

/** Spans that wait for their call's verdict; a call has one per attempt, and few attempts. */
const HELD_MAX = 8

export class Span implements SpanData {
  readonly name: string
  readonly kind: SpanKind.SERVER | SpanKind.CLIENT
  readonly context: SpanContext
  readonly parent: SpanContext | undefined
  readonly links: readonly SpanContext[]
  readonly startMs: number
  shared: readonly AttributeValue[]
  /** False when the span will not be exported, whatever happens; then nothing needs to be set. */
  readonly recording: boolean
  /** True when it is certain to be exported. */
  readonly sampled: boolean
  attributes: AttributeValue[] = []
  endMs = 0
  droppedAttributes = 0
  events: readonly SpanEvent[] = NO_EVENTS
  droppedEvents = 0
  failed = false
  statusMessage: string | undefined = undefined
  readonly #options: TracerOptions
  /** The span of the whole call, itself or its parent, which decides what is kept of it. */
  readonly #owner: Span
  /** Spans of a call that is not sampled, until it has ended; undefined afterwards. */
  #held: Span[] | undefined
  #ended = false
  #kept = false

  constructor(
    options: TracerOptions,
    subject: SpanSubject,
    kind: SpanKind.SERVER | SpanKind.CLIENT,
    context: SpanContext,
    parent: SpanContext | undefined,
    links: readonly SpanContext[],
    startMs: number,
    owner: Span | undefined,
  ) {
    this.#options = options
    this.#owner = owner ?? this
    this.name = subject.name
    this.shared = subject.attributes
    this.kind = kind
    this.context = context
    this.parent = parent
    this.links = links
    this.startMs = startMs
    const exported = options.onEnd !== undefined
    this.sampled = exported && (context.traceFlags & TraceFlags.SAMPLED) !== 0
    this.recording = this.sampled || (exported && options.keep !== undefined)
    if (this.recording && !this.#fits(subject.attributes.length)) this.#ownShared()
  }

  /** Each name once: a span's attributes are a list, not a map. */
  set(name: string, value: AttributeValue): void {
    const { attributesMax, valueCharsMax } = this.#options.limits
    if (this.shared.length + this.attributes.length >= 2 * attributesMax) {
      this.droppedAttributes += 1
      return
    }
    const tooLong = typeof value === 'string' && value.length > valueCharsMax
    this.attributes.push(name, tooLong ? value.slice(0, valueCharsMax) : value)
  }

  setAll(attributes: readonly AttributeValue[]): void {
    if (this.#fits(this.shared.length + this.attributes.length + attributes.length)) {
      if (this.attributes.length === 0) this.attributes = attributes.slice()
      else for (const item of attributes) this.attributes.push(item)
      return
    }
    for (let i = 0; i + 1 < attributes.length; i += 2) {
      const name = attributes[i]
      const value = attributes[i + 1]
      if (typeof name === 'string' && value !== undefined) this.set(name, value)
    }
  }

  /** Under the limits of attributes; the few that an event has are never too many. */
  addEvent(event: SpanEvent): void {
    if (!this.recording) return
    if (this.events.length >= EVENTS_MAX) {
      this.droppedEvents += 1
      return
    }
    const { valueCharsMax } = this.#options.limits
    const attributes = event.attributes.map((item, at) =>
      typeof item === 'string' && at % 2 === 1 ? item.slice(0, valueCharsMax) : item,
    )
    this.events = [...this.events, { ...event, attributes }]
  }

  /** True when so many names and values need no limit looked at. */
  #fits(items: number): boolean {
    const { attributesMax, valueCharsMax } = this.#options.limits
    return valueCharsMax === Infinity && items <= 2 * attributesMax
  }

  /** Under unusual limits the common attributes are set one by one, like the others. */
  #ownShared(): void {
    const { shared } = this
    this.shared = []
    this.setAll(shared)
  }

  fail(message: string | undefined): void {
    this.failed = true
    this.statusMessage = message
  }

  end(endMs: number): void {
    this.endMs = Math.max(this.startMs, endMs)
    if (!this.recording) return
    this.#ended = true
    if (this.sampled) this.#options.onEnd?.(this)
    else {
      const owner = this.#owner
      owner.#hold(this)
    }
  }

  /** Keeps the span until the call's own has ended and decides for all of them. */
  #hold(span: Span): void {
    if (!this.#ended) {
      this.#held ??= []
      if (this.#held.length < HELD_MAX) this.#held.push(span)
      return
    }
    if (span === this) this.#decide()
    if (this.#kept) this.#options.onEnd?.(span)
  }

  #decide(): void {
    const { keep, onEnd } = this.#options
    const held = this.#held ?? []
    this.#held = undefined
    if (keep === undefined) return
    const failed = this.failed || held.some((one) => one.failed)
    this.#kept = (keep.errors && failed) || this.endMs - this.startMs >= keep.slowerThanMs
    if (this.#kept && onEnd !== undefined) for (const one of held) onEnd(one)
  }
}
