/**
 * What is read of a caller's context and what is written for the upstream
 * (W3C Trace Context, W3C Baggage, MCP SEP-414).
 */

import type { SpanContext } from '@opentelemetry/api'
import { headerOf, type Call } from '../core/exchange.ts'
import type { Injection } from '../core/observer.ts'
import { filterBaggage } from './baggage.ts'
import { formatTraceContext, isSameSpan, parseTraceContext } from './trace-context.ts'

export type PropagationMode =
  /** The caller's trace goes on. */
  | 'continue'
  /** A trace of our own begins, with a link to the caller's. */
  | 'link'
  /** Nothing is read or written. */
  | 'off'

export interface PropagationOptions {
  readonly mode: PropagationMode
  /** Entries of the caller's baggage that go on to upstreams. */
  readonly baggage: ReadonlySet<string>
  /** What `OTEL_PROPAGATORS` names. */
  readonly propagators: { readonly traceContext: boolean; readonly baggage: boolean }
}

export interface Ancestry {
  readonly parent: SpanContext | undefined
  readonly links: readonly SpanContext[]
}

const NO_LINKS: readonly SpanContext[] = []
const NO_PARENT: Ancestry = { parent: undefined, links: NO_LINKS }

export class Propagation {
  readonly #mode: PropagationMode
  readonly #allowed: ReadonlySet<string>
  readonly #traceContext: boolean
  readonly #baggage: boolean

  constructor({ mode, baggage, propagators }: PropagationOptions) {
    this.#mode = mode
    this.#allowed = baggage
    this.#traceContext = mode !== 'off' && propagators.traceContext
    this.#baggage = mode !== 'off' && propagators.baggage
  }

  /** True when others may say in which trace a span of ours is. */
  get continues(): boolean {
    return this.#mode === 'continue'
  }

  /** False when nobody's trace context counts. */
  get readsTraceContext(): boolean {
    return this.#traceContext
  }

  /**
   * The parent is `_meta`'s context when it is valid, else the HTTP header's; when both are valid and
   * differ, the header's is linked (MCP conventions, "Context propagation").
   */
  ancestryOf(call: Call): Ancestry {
    if (!this.#traceContext) return NO_PARENT
    const { message, exchange } = call
    const header = headerOf(exchange.headers, 'traceparent')
    if (message.trace.traceparent === undefined && header === undefined) return NO_PARENT
    const inMeta = parseTraceContext(message.trace.traceparent, message.trace.tracestate)
    const inHeader = parseTraceContext(header, headerOf(exchange.headers, 'tracestate'))
    const differ = inMeta !== undefined && inHeader !== undefined && !isSameSpan(inMeta, inHeader)
    if (this.#mode === 'link') {
      const own = inMeta ?? inHeader
      const links = [...(own === undefined ? [] : [own]), ...(differ ? [inHeader] : [])]
      return { parent: undefined, links }
    }
    return { parent: inMeta ?? inHeader, links: differ ? [inHeader] : NO_LINKS }
  }

  /** What the request of one attempt carries; `context` is that of its CLIENT span. */
  injectionFor(call: Call, context: SpanContext): Injection | undefined {
    if (!this.#baggage) return this.#traceContext ? formatTraceContext(context) : undefined
    const { message, exchange } = call
    const inHeader = headerOf(exchange.headers, 'baggage')
    const { baggage, earlierBaggage } = message.splice
    if (inHeader === undefined && baggage === undefined && earlierBaggage.length === 0) {
      return this.#traceContext ? formatTraceContext(context) : undefined
    }
    return {
      ...(this.#traceContext ? formatTraceContext(context) : NO_CONTEXT),
      headerBaggage: this.#changed(inHeader),
      metaBaggage: this.#changedMeta(message),
    }
  }

  #changedMeta({ splice, trace }: Call['message']): string | undefined {
    const text = trace.baggage ?? ''
    if (splice.earlierBaggage.length > 0) return filterBaggage(text, this.#allowed)
    return splice.baggage === undefined ? undefined : this.#changed(text)
  }

  /** What to write instead, or undefined to leave it as it is. */
  #changed(text: string | undefined): string | undefined {
    if (text === undefined) return undefined
    const kept = filterBaggage(text, this.#allowed)
    return kept === text && kept !== '' ? undefined : kept
  }
}

const NO_CONTEXT: Injection = { traceparent: '', tracestate: '' }
