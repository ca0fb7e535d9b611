/** Spans as OTLP in JSON; encode-spans.ts has them in protobuf, which is the default. */

import type { SpanContext } from '@opentelemetry/api'
import { flagsOf, kindOf, STATUS_ERROR, type SpanEncoder, type SpanOrigin } from './encode-spans.ts'
import { DOUBLE_ATTRIBUTES, SCHEMA_URL, SCOPE_NAME } from './names.ts'
import type { AttributeValue, SpanData } from './span.ts'

export class JsonSpanEncoder implements SpanEncoder {
  readonly contentType = 'application/json'
  readonly #head: string
  readonly #tail: string

  constructor(origin: SpanOrigin) {
    const resource = { attributes: jsonAttributes(origin.resource), droppedAttributesCount: 0 }
    const scope = { name: SCOPE_NAME, version: origin.version }
    this.#head = `{"resourceSpans":[{"resource":${JSON.stringify(resource)},"scopeSpans":[{"scope":${JSON.stringify(scope)},"spans":[`
    this.#tail = `],"schemaUrl":${JSON.stringify(SCHEMA_URL)}}]}]}`
  }

  encode(span: SpanData): Buffer {
    const { context, parent } = span
    return Buffer.from(
      JSON.stringify({
        ...jsonContext(context),
        ...(parent === undefined ? {} : { parentSpanId: parent.spanId }),
        name: span.name,
        kind: kindOf(span),
        startTimeUnixNano: nanosOf(span.startMs),
        endTimeUnixNano: nanosOf(span.endMs),
        attributes: [...jsonAttributes(span.shared), ...jsonAttributes(span.attributes)],
        droppedAttributesCount: span.droppedAttributes,
        events: span.events.map(({ name, timeMs, attributes }) => ({
          attributes: jsonAttributes(attributes),
          name,
          timeUnixNano: nanosOf(timeMs),
          droppedAttributesCount: 0,
        })),
        droppedEventsCount: span.droppedEvents,
        status: {
          code: span.failed ? STATUS_ERROR : 0,
          ...(span.statusMessage === undefined ? {} : { message: span.statusMessage }),
        },
        links: span.links.map((link) => ({
          ...jsonContext(link),
          attributes: [],
          droppedAttributesCount: 0,
          flags: flagsOf(link.traceFlags, link),
        })),
        droppedLinksCount: 0,
        flags: flagsOf(context.traceFlags, parent),
      }),
    )
  }

  request(spans: readonly Buffer[]): Buffer {
    return Buffer.from(`${this.#head}${spans.map(String).join(',')}${this.#tail}`)
  }
}

function jsonContext(context: SpanContext): Record<string, string> {
  const { traceId, spanId } = context
  const traceState = context.traceState?.serialize() ?? ''
  return traceState === '' ? { traceId, spanId } : { traceId, spanId, traceState }
}

function jsonAttributes(attributes: readonly AttributeValue[]): unknown[] {
  const list: unknown[] = []
  for (let i = 0; i + 1 < attributes.length; i += 2) {
    const name = attributes[i]
    const value = attributes[i + 1]
    if (typeof name === 'string') list.push({ key: name, value: jsonValue(name, value) })
  }
  return list
}

function jsonValue(name: string, value: AttributeValue | undefined): unknown {
  if (typeof value === 'string') return { stringValue: value }
  return DOUBLE_ATTRIBUTES.has(name) ? { doubleValue: value } : { intValue: value }
}

function nanosOf(epochMs: number): string {
  const seconds = Math.floor(epochMs / 1000)
  const nanos = Math.round((epochMs - seconds * 1000) * 1e6)
  return (BigInt(seconds) * 1_000_000_000n + BigInt(nanos)).toString()
}
