/**
 * Decodes OTLP, protobuf and JSON, by the tables in otlp-schema.ts. It is our own: protobufjs would be
 * a dependency for a hundred lines, and would pass over fields that nobody has defined, where this
 * refuses them. test/otel/protoc.test.ts holds its reading against protoc's.
 */

import assert from 'node:assert/strict'
import { REQUESTS, type Field, type Message, type Scalar } from './otlp-schema.ts'

type Decoded = Record<string, unknown>

/** The export request that was sent to `path`. */
export function decodeRequest(path: string, contentType: string, body: Buffer): Decoded {
  const schema = REQUESTS[path]
  assert.ok(schema !== undefined, `OTLP has no path ${path}`)
  return contentType.includes('json')
    ? fromJson(schema, JSON.parse(body.toString()), path)
    : decodeMessage(schema, new Reader(body), path)
}

const WIRE: Readonly<Record<Scalar, number>> = {
  varint: 0,
  sint32: 0,
  bool: 0,
  time: 1,
  fixed64: 1,
  sfixed64: 1,
  double: 1,
  string: 2,
  hex: 2,
  fixed32: 5,
}

class Reader {
  readonly #bytes: Buffer
  at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.at >= this.#bytes.length
  }

  varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.at++]
      assert.ok(byte !== undefined, 'a varint ends with the bytes')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return assert.fail('a varint is longer than ten bytes')
  }

  take(length: number): Buffer {
    const from = this.at
    this.at += length
    assert.ok(this.at <= this.#bytes.length, 'a field ends behind the message')
    return this.#bytes.subarray(from, this.at)
  }
}

function decodeMessage(schema: Message, reader: Reader, where: string): Decoded {
  const found = withDefaults(schema)
  while (!reader.done) {
    const tag = Number(reader.varint())
    const [number, wire] = [tag >>> 3, tag & 7]
    const field = schema.get(number)
    assert.ok(field !== undefined, `${where}: there is no field ${number}`)
    const place = `${where}.${field.name}`
    if (typeof field.type === 'function') {
      assert.equal(wire, 2, place)
      const bytes = reader.take(Number(reader.varint()))
      put(found, field, decodeMessage(field.type(), new Reader(bytes), place))
    } else if (wire === 2 && WIRE[field.type] !== 2 && field.mode === 'many') {
      const packed = new Reader(reader.take(Number(reader.varint())))
      while (!packed.done) put(found, field, decodeScalar(field.type, packed))
    } else {
      assert.equal(wire, WIRE[field.type], place)
      put(found, field, decodeScalar(field.type, reader))
    }
  }
  return found
}

function decodeScalar(type: Scalar, reader: Reader): unknown {
  switch (type) {
    case 'varint':
      return Number(BigInt.asIntN(64, reader.varint()))
    case 'sint32': {
      const value = Number(reader.varint())
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    case 'bool':
      return reader.varint() !== 0n
    case 'fixed32':
      return reader.take(4).readUInt32LE()
    case 'fixed64':
      return Number(reader.take(8).readBigUInt64LE())
    case 'sfixed64':
      return Number(reader.take(8).readBigInt64LE())
    case 'time':
      return reader.take(8).readBigUInt64LE().toString()
    case 'double':
      return reader.take(8).readDoubleLE()
    case 'hex':
      return reader.take(Number(reader.varint())).toString('hex')
    case 'string':
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
        reader.take(Number(reader.varint())),
      )
  }
}

function put(found: Decoded, { name, mode }: Field, value: unknown): void {
  const list = found[name]
  if (mode === 'many' && Array.isArray(list)) list.push(value)
  else found[name] = value
}

/** What the fields of a message are when they are not sent. */
function withDefaults(schema: Message): Decoded {
  const found: Decoded = {}
  for (const { name, type, mode } of schema.values()) {
    if (mode === 'many') found[name] = []
    if (mode === 'one') found[name] = typeof type === 'function' ? withDefaults(type()) : ZERO[type]
  }
  return found
}

const ZERO: Readonly<Record<Scalar, unknown>> = {
  varint: 0,
  sint32: 0,
  bool: false,
  time: '0',
  fixed64: 0,
  sfixed64: 0,
  double: 0,
  string: '',
  hex: '',
  fixed32: 0,
}

/** OTLP/JSON: 64-bit integers may be texts, ids are hex (OTLP specification, "JSON Protobuf Encoding"). */
function fromJson(schema: Message, json: unknown, where: string): Decoded {
  assert.ok(typeof json === 'object' && json !== null && !Array.isArray(json), where)
  const fields = new Map([...schema.values()].map((field) => [field.name, field]))
  const found = withDefaults(schema)
  for (const [name, value] of Object.entries(json)) {
    const field = fields.get(name)
    const place = `${where}.${name}`
    assert.ok(field !== undefined, `${where}: there is no field ${name}`)
    if (field.mode === 'many') assert.ok(Array.isArray(value), place)
    const items: readonly unknown[] =
      field.mode === 'many' && Array.isArray(value) ? value : [value]
    for (const item of items) put(found, field, jsonValue(field.type, item, place))
  }
  return found
}

function jsonValue(type: Field['type'], value: unknown, where: string): unknown {
  if (typeof type === 'function') return fromJson(type(), value, where)
  switch (type) {
    case 'string':
    case 'hex':
      assert.equal(typeof value, 'string', where)
      return value
    case 'bool':
      assert.equal(typeof value, 'boolean', where)
      return value
    case 'time':
      assert.match(String(value), /^\d+$/, where)
      return String(value)
    case 'varint':
    case 'fixed64':
    case 'sfixed64':
      assert.match(String(value), /^-?\d+$/, where)
      return Number(value)
    case 'sint32':
    case 'fixed32':
    case 'double':
      assert.equal(typeof value, 'number', where)
      return value
  }
}
