/**
 * Spans as OTLP in protobuf (opentelemetry-proto, trace/v1/trace.proto and
 * collector/trace/v1/trace_service.proto); encode-json-spans.ts has them in JSON. The bytes are those that OpenTelemetry's own serialisers
 * would write for the same spans; test/telemetry/encode-spans.test.ts holds them side by side.
 */

import type { SpanContext } from '@opentelemetry/api'
import { DOUBLE_ATTRIBUTES, SCHEMA_URL, SCOPE_NAME } from './names.ts'
import { ProtobufWriter, sizeOfText, sizeOfVarint, varints, wrapped } from './protobuf-writer.ts'
import type { AttributeValue, SpanData, SpanEvent } from './span.ts'

/** Who exports: its attributes, names and values in turn, and the version of the scope. */
export interface SpanOrigin {
  readonly resource: readonly AttributeValue[]
  readonly version: string
}

export interface SpanEncoder {
  readonly contentType: 'application/json' | 'application/x-protobuf'
  /** One span, ready to be joined with others. */
  encode(span: SpanData): Buffer
  /** A whole export request. */
  request(spans: readonly Buffer[]): Buffer
}

export const STATUS_ERROR = 2

/** `flags` says of the parent's or the link's context whether it came from elsewhere. */
const HAS_IS_REMOTE = 0x100
const IS_REMOTE = 0x200

export function flagsOf(traceFlags: number, about: SpanContext | undefined): number {
  return (traceFlags & 0xff) | HAS_IS_REMOTE | (about?.isRemote === true ? IS_REMOTE : 0)
}

/** OTLP's span kinds count from 1. */
export function kindOf(span: SpanData): number {
  return span.kind + 1
}

const lengthDelimited = (field: number): number => field * 8 + 2
const varintField = (field: number): number => field * 8
const fixed64Field = (field: number): number => field * 8 + 1
const fixed32Field = (field: number): number => field * 8 + 5

const KEY = lengthDelimited(1)
const VALUE = lengthDelimited(2)
const STRING_VALUE = lengthDelimited(1)
const INT_VALUE = varintField(3)
const DOUBLE_VALUE = fixed64Field(4)

const SPAN_ATTRIBUTE = lengthDelimited(9)

/** Names of attributes are few, so what is known of them is kept. */
const NAMES_MAX = 256

/** Values per name whose bytes are kept; a name that shows more is one whose values do not repeat. */
const VALUES_MAX = 64

interface KnownAttribute {
  /** The bytes of the `key` field. */
  readonly key: Buffer
  /** Whole attributes by value; undefined when the values of this name do not repeat. */
  values: Map<AttributeValue, Buffer> | undefined
  /** The one of them that came last, looked at first. */
  last: AttributeValue | undefined
  lastBytes: Buffer | undefined
  /** True when its numbers have fractions; otherwise they are integers. */
  readonly double: boolean
}

export class ProtobufSpanEncoder implements SpanEncoder {
  readonly contentType = 'application/x-protobuf'
  readonly #writer = new ProtobufWriter()
  readonly #known = new Map<string, KnownAttribute>()
  readonly #blocks = new WeakMap<readonly AttributeValue[], Buffer>()
  /** By flags, of which there are few. */
  readonly #plainEnds = new Map<number, Buffer>()
  readonly #head: Buffer
  readonly #tail: Buffer

  constructor(origin: SpanOrigin) {
    const writer = this.#writer
    this.#attributes(lengthDelimited(1), origin.resource)
    writer.varint(varintField(2))
    writer.varint(0)
    writer.wrap(lengthDelimited(1), 0)
    this.#head = writer.take()
    writer.reset()
    writer.text(lengthDelimited(1), SCOPE_NAME)
    writer.text(lengthDelimited(2), origin.version)
    writer.wrap(lengthDelimited(1), 0)
    this.#tail = writer.take()
  }

  encode(span: SpanData): Buffer {
    const writer = this.#writer
    writer.reset()
    this.#context(span.context, true)
    if (span.parent !== undefined) writer.hex(lengthDelimited(4), span.parent.spanId)
    writer.text(lengthDelimited(5), span.name)
    this.#number(6, kindOf(span))
    writer.time(fixed64Field(7), span.startMs)
    writer.time(fixed64Field(8), span.endMs)
    this.#shared(span.shared)
    this.#attributes(SPAN_ATTRIBUTE, span.attributes)
    this.#end(span)
    writer.wrap(lengthDelimited(2), 0)
    return writer.take()
  }

  /** Nothing happened during most spans, and most do not fail; their last bytes are the same. */
  #end(span: SpanData): void {
    const flags = flagsOf(span.context.traceFlags, span.parent)
    const plain =
      span.events.length + span.links.length + span.droppedEvents + span.droppedAttributes === 0 &&
      !span.failed &&
      span.statusMessage === undefined
    const known = plain ? this.#plainEnds.get(flags) : undefined
    if (known !== undefined) return this.#writer.raw(known)
    const from = this.#writer.at
    this.#number(10, span.droppedAttributes)
    for (const event of span.events) this.#event(event)
    this.#number(12, span.droppedEvents)
    for (const link of span.links) this.#link(link)
    this.#number(14, 0)
    this.#status(span)
    this.#writer.fixed32(fixed32Field(16), flags)
    if (plain) this.#plainEnds.set(flags, this.#writer.take(from))
  }

  request(spans: readonly Buffer[]): Buffer {
    const schema = Buffer.from(SCHEMA_URL)
    const schemaField = Buffer.concat([varints(lengthDelimited(3), schema.length), schema])
    const scopeSpans = wrapped(lengthDelimited(2), [this.#tail, ...spans, schemaField])
    return Buffer.concat(wrapped(lengthDelimited(1), [this.#head, ...scopeSpans]))
  }

  #context(context: SpanContext, always: boolean): void {
    const writer = this.#writer
    writer.hex(lengthDelimited(1), context.traceId)
    writer.hex(lengthDelimited(2), context.spanId)
    const state = context.traceState?.serialize() ?? ''
    if (always && state !== '') writer.text(lengthDelimited(3), state)
  }

  #number(field: number, value: number): void {
    this.#writer.varint(varintField(field))
    this.#writer.varint(value)
  }

  #event({ name, timeMs, attributes }: SpanEvent): void {
    const from = this.#writer.at
    this.#writer.time(fixed64Field(1), timeMs)
    this.#writer.text(lengthDelimited(2), name)
    this.#attributes(lengthDelimited(3), attributes)
    this.#number(4, 0)
    this.#writer.wrap(lengthDelimited(11), from)
  }

  #link(link: SpanContext): void {
    const from = this.#writer.at
    this.#context(link, true)
    this.#number(5, 0)
    this.#writer.fixed32(fixed32Field(6), flagsOf(link.traceFlags, link))
    this.#writer.wrap(lengthDelimited(13), from)
  }

  #status(span: SpanData): void {
    const from = this.#writer.at
    if (span.statusMessage !== undefined && span.statusMessage !== '') {
      this.#writer.text(lengthDelimited(2), span.statusMessage)
    }
    this.#number(3, span.failed ? STATUS_ERROR : 0)
    this.#writer.wrap(lengthDelimited(15), from)
  }

  /** Attributes that many spans have in common are encoded once per list. */
  #shared(attributes: readonly AttributeValue[]): void {
    const known = this.#blocks.get(attributes)
    if (known !== undefined) return this.#writer.raw(known)
    const from = this.#writer.at
    this.#attributes(SPAN_ATTRIBUTE, attributes)
    this.#blocks.set(attributes, this.#writer.take(from))
  }

  #attributes(tag: number, attributes: readonly AttributeValue[]): void {
    for (let i = 0; i + 1 < attributes.length; i += 2) {
      const name = attributes[i]
      const value = attributes[i + 1]
      if (typeof name === 'string' && value !== undefined) this.#attribute(tag, name, value)
    }
  }

  #attribute(tag: number, name: string, value: AttributeValue): void {
    const entry = this.#entry(name)
    if (tag === SPAN_ATTRIBUTE && entry.values !== undefined) {
      const known = entry.last === value ? entry.lastBytes : entry.values.get(value)
      if (known !== undefined) {
        entry.last = value
        entry.lastBytes = known
        return this.#writer.raw(known)
      }
    }
    const from = this.#writer.at
    if (entry.double && typeof value === 'number') this.#doubleValue(tag, entry.key, value)
    else this.#keyValue(tag, entry.key, value)
    if (entry.values === undefined || tag !== SPAN_ATTRIBUTE) return
    if (entry.values.size >= VALUES_MAX) entry.values = undefined
    else entry.values.set(value, this.#writer.take(from))
  }

  #keyValue(tag: number, key: Buffer, value: AttributeValue): void {
    const writer = this.#writer
    const text = typeof value === 'string'
    const size = text ? sizeOfText(value) : sizeOfVarint(value)
    const valueSize = text ? 1 + sizeOfVarint(size) + size : 1 + size
    writer.varint(tag)
    writer.varint(key.length + 1 + sizeOfVarint(valueSize) + valueSize)
    writer.raw(key)
    writer.varint(VALUE)
    writer.varint(valueSize)
    if (text) writer.text(STRING_VALUE, value)
    else {
      writer.varint(INT_VALUE)
      writer.varint(value)
    }
  }

  #doubleValue(tag: number, key: Buffer, value: number): void {
    const writer = this.#writer
    const valueSize = 1 + 8
    writer.varint(tag)
    writer.varint(key.length + 1 + sizeOfVarint(valueSize) + valueSize)
    writer.raw(key)
    writer.varint(VALUE)
    writer.varint(valueSize)
    writer.double(DOUBLE_VALUE, value)
  }

  #entry(name: string): KnownAttribute {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const bytes = Buffer.from(name)
    const key = Buffer.concat([varints(KEY, bytes.length), bytes])
    const double = DOUBLE_ATTRIBUTES.has(name)
    const values = double ? undefined : new Map()
    const entry: KnownAttribute = { key, values, last: undefined, lastBytes: undefined, double }
    if (this.#known.size < NAMES_MAX) this.#known.set(name, entry)
    return entry
  }
}
