/** Our encoders beside OpenTelemetry's own: the same span must give the same export request. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  createTraceState,
  SpanKind,
  SpanStatusCode,
  type HrTime,
  type SpanContext,
} from '@opentelemetry/api'
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import * as fc from 'fast-check'
import { JsonSpanEncoder } from '../../src/telemetry/encode-json-spans.ts'
import { ProtobufSpanEncoder } from '../../src/telemetry/encode-spans.ts'
import type { SpanData } from '../../src/telemetry/span.ts'

const SCHEMA_URL = 'https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev'
const ORIGIN = {
  resource: ['service.name', 'sidelight', 'service.version', '1.2.3'],
  version: '1.2.3',
}
const RESOURCE = resourceFromAttributes({ 'service.name': 'sidelight', 'service.version': '1.2.3' })
const SCOPE = { name: 'sidelight', version: '1.2.3', schemaUrl: SCHEMA_URL }

function hrTime(epochMs: number): HrTime {
  const seconds = Math.floor(epochMs / 1000)
  return [seconds, Math.round((epochMs - seconds * 1000) * 1e6)]
}

function toRecord(list: readonly (string | number)[]): Record<string, string | number> {
  const attributes: Record<string, string | number> = {}
  for (let i = 0; i < list.length; i += 2) attributes[String(list[i])] = list[i + 1] ?? ''
  return attributes
}

/** The same span as OpenTelemetry's SDK would hand it to an exporter. */
function toReadable(span: SpanData): ReadableSpan {
  const attributes = toRecord([...span.shared, ...span.attributes])
  const readable = {
    name: span.name,
    kind: span.kind,
    spanContext: () => span.context,
    ...(span.parent === undefined ? {} : { parentSpanContext: span.parent }),
    startTime: hrTime(span.startMs),
    endTime: hrTime(span.endMs),
    status: {
      code: span.failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET,
      ...(span.statusMessage === undefined ? {} : { message: span.statusMessage }),
    },
    attributes,
    links: span.links.map((context) => ({ context, attributes: {}, droppedAttributesCount: 0 })),
    events: span.events.map((event) => ({
      name: event.name,
      time: hrTime(event.timeMs),
      attributes: toRecord(event.attributes),
      droppedAttributesCount: 0,
    })),
    duration: hrTime(0),
    ended: true,
    resource: RESOURCE,
    instrumentationScope: SCOPE,
    droppedAttributesCount: span.droppedAttributes,
    droppedEventsCount: span.droppedEvents,
    droppedLinksCount: 0,
  }
  return readable
}

const hex = (length: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: length, maxLength: length })
    .map((bytes) => Buffer.from(bytes).toString('hex'))

const context: fc.Arbitrary<SpanContext> = fc
  .record({
    traceId: hex(16),
    spanId: hex(8),
    traceFlags: fc.constantFrom(0, 1),
    isRemote: fc.boolean(),
    state: fc.constantFrom('', 'a=1', 'vendor=x,other=y:z'),
  })
  .map(({ state, ...rest }) =>
    state === '' ? rest : { ...rest, traceState: createTraceState(state) },
  )

const attributes = fc
  // The prefix keeps names from being integers, which objects would put first.
  .uniqueArray(
    fc.string({ unit: 'grapheme', maxLength: 40 }).map((name) => `a.${name}`),
    { maxLength: 20 },
  )
  .chain((names) =>
    fc.tuple(
      ...names.map((name) =>
        fc.tuple(
          fc.constant(name),
          fc.oneof(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.nat(2 ** 31 - 1)),
        ),
      ),
    ),
  )
  .map((pairs) => pairs.flat())

const event = fc.record({
  name: fc.string({ unit: 'grapheme', maxLength: 100 }),
  timeMs: fc.double({ min: 0, max: 4e12, noNaN: true }),
  attributes,
})

const span: fc.Arbitrary<SpanData> = fc
  .record({
    name: fc.string({ unit: 'grapheme', maxLength: 200 }),
    kind: fc.constantFrom<SpanData['kind']>(SpanKind.SERVER, SpanKind.CLIENT),
    context,
    parent: fc.option(context, { nil: undefined }),
    links: fc.array(context, { maxLength: 2 }),
    startMs: fc.double({ min: 0, max: 4e12, noNaN: true }),
    durationMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
    attributes,
    sharedItems: fc.nat(20),
    droppedAttributes: fc.nat(300),
    events: fc.array(event, { maxLength: 3 }),
    droppedEvents: fc.nat(300),
    failed: fc.boolean(),
    statusMessage: fc.option(fc.string({ unit: 'grapheme', maxLength: 256 }), { nil: undefined }),
  })
  .map(({ durationMs, sharedItems, attributes: list, ...rest }) => ({
    ...rest,
    endMs: rest.startMs + durationMs,
    shared: list.slice(0, 2 * Math.min(sharedItems, list.length / 2)),
    attributes: list.slice(2 * Math.min(sharedItems, list.length / 2)),
  }))

describe('A batch of spans', () => {
  it('has the protobuf bytes that OpenTelemetry would send', () => {
    const encoder = new ProtobufSpanEncoder(ORIGIN)
    fc.assert(
      fc.property(fc.array(span, { minLength: 1, maxLength: 4 }), (spans) => {
        const ours = encoder.request(spans.map((one) => encoder.encode(one)))
        const theirs = ProtobufTraceSerializer.serializeRequest(spans.map(toReadable))
        assert.equal(ours.toString('hex'), Buffer.from(theirs ?? []).toString('hex'))
      }),
      { numRuns: 300 },
    )
  })

  it('has the JSON that OpenTelemetry would send', () => {
    const encoder = new JsonSpanEncoder(ORIGIN)
    fc.assert(
      fc.property(fc.array(span, { minLength: 1, maxLength: 4 }), (spans) => {
        const ours: unknown = JSON.parse(
          encoder.request(spans.map((one) => encoder.encode(one))).toString(),
        )
        const theirs = JsonTraceSerializer.serializeRequest(spans.map(toReadable))
        assert.deepEqual(ours, JSON.parse(Buffer.from(theirs ?? []).toString()))
      }),
      { numRuns: 300 },
    )
  })
})
