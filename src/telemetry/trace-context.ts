/** W3C Trace Context (Level 2): reading a remote parent and writing our own context. */

import {
  createTraceState,
  isSpanContextValid,
  type SpanContext,
  type TraceState,
} from '@opentelemetry/api'
import type { Injection } from '../core/observer.ts'

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Longest `tracestate` that is read; a longer one is dropped, as the recommendation allows. */
const TRACESTATE_CHARS_MAX = 512

/** The remote parent, or undefined when the field is absent or invalid: then a new trace begins. */
export function parseTraceContext(
  traceparent: string | undefined,
  tracestate: string | undefined,
): SpanContext | undefined {
  if (traceparent === undefined) return undefined
  const match = TRACEPARENT.exec(traceparent.trim())
  if (match === null) return undefined
  const [, version, traceId = '', spanId = '', flags = '00', rest] = match
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  const context: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & 1,
    isRemote: true,
  }
  if (!isSpanContextValid(context)) return undefined
  const state = parseTraceState(tracestate)
  return state === undefined ? context : { ...context, traceState: state }
}

function parseTraceState(tracestate: string | undefined): TraceState | undefined {
  if (tracestate === undefined || tracestate === '') return undefined
  return tracestate.length > TRACESTATE_CHARS_MAX ? undefined : createTraceState(tracestate)
}

export function formatTraceContext(context: SpanContext): Injection {
  const flags = (context.traceFlags & 1) === 1 ? '01' : '00'
  return {
    traceparent: `00-${context.traceId}-${context.spanId}-${flags}`,
    tracestate: context.traceState?.serialize() ?? '',
  }
}

/** True when both name the same span. */
export function isSameSpan(a: SpanContext, b: SpanContext): boolean {
  return a.traceId === b.traceId && a.spanId === b.spanId
}
