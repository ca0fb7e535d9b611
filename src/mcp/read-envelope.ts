/**
 * Reads what we need of a client's message: one bounded, strict pass over its bytes.
 *
 * The bytes themselves go on unchanged; nothing here is ever written back.
 */

import { isUtf8 } from 'node:buffer'
import { headerOf, type HeaderRecord } from '../core/exchange.ts'
import type {
  Envelope,
  JsonRpcId,
  MemberSpan,
  Message,
  ObjectSpan,
  SplicePoints,
} from '../core/message.ts'
import { reject, rejectOver, type Rejection } from '../core/outcome.ts'
import { Slot } from './json-shape.ts'
import { JsonScanner, type ScanEnd } from './json-scanner.ts'
import { NameWatch } from './name-watch.ts'
import { listsNames, mirrorsAName, namesAPrompt, namesAResource, namesATool } from './methods.ts'
import { findHeaderMismatch } from './mirrored-headers.ts'
import { readError } from './read-error.ts'
import { readId } from './read-id.ts'
import { DECISIVE, NAME_BYTES_MAX, REQUEST, REQUEST_SHAPE } from './shapes.ts'

export interface EnvelopeLimits {
  /** Deepest nesting of objects and arrays in a message. */
  readonly depthMax: number
  /** Most messages in one batch. */
  readonly batchMax: number
  /**
   * Refuse a message in which a member that decides what it asks for stands twice, or in another case:
   * some servers would take another one than we do.
   */
  readonly unambiguous?: boolean
}

export type ReadEnvelope = (headers: HeaderRecord, body: Buffer) => Envelope | Rejection

/**
 * Makes a reader. It is not re-entrant, and need not be: reading is synchronous.
 * A body that is no JSON-RPC comes back as a `malformed` rejection, one whose headers contradict
 * it as an envelope with a `header_mismatch` for its fault, one that is compressed or not JSON by its type as `unsupported_media`.
 */
export function createEnvelopeReader(limits: EnvelopeLimits): ReadEnvelope {
  let messages: Message[] = []
  let fault: string | undefined
  const names = limits.unambiguous === true ? new NameWatch(DECISIVE) : undefined
  const scanner = new JsonScanner(REQUEST_SHAPE, {
    strict: true,
    depthMax: limits.depthMax,
    ...(names === undefined ? {} : { names }),
    onMessage: (slots) => {
      if (names?.ambiguous === true) fault ??= AMBIGUOUS
      names?.reset()
      const message = messages.length < limits.batchMax ? toMessage(slots) : TOO_MANY
      if (typeof message === 'string') fault ??= message
      else messages.push(message)
    },
    onOther: () => {
      fault ??= NO_OBJECT
    },
  })

  return (headers, body) => {
    const media = checkMedia(headers)
    if (media !== undefined) return media
    messages = []
    fault = undefined
    names?.reset()
    scanner.reset()
    scanner.write(body)
    const end = scanner.end()
    if (end === 'too_deep') {
      const message = `the message nests deeper than ${limits.depthMax} levels`
      return rejectOver('depth', 'invalid_request', message)
    }
    if (end !== 'complete') return reject('malformed', describeEnd(end, body))
    if (!isUtf8(body)) return reject('malformed', 'the body is not valid UTF-8')
    if (fault === TOO_MANY) return rejectOver('batch', 'invalid_request', TOO_MANY)
    if (fault !== undefined) return reject('invalid_request', fault)
    return finish(headers, body, messages)
  }
}

const AMBIGUOUS =
  'a member of the message stands there twice, or in another case, so that servers may read another one'
const NO_OBJECT = 'a message must be a JSON object'
const TOO_MANY = 'the batch holds more messages than limits.batch allows'

function finish(
  headers: HeaderRecord,
  body: Buffer,
  messages: readonly Message[],
): Envelope | Rejection {
  const first = messages[0]
  const batch = isArray(body)
  if (first === undefined) {
    return reject('invalid_request', batch ? 'the batch is empty' : NO_OBJECT)
  }
  if (batch && messages.some((message) => message.claimsModern)) {
    return reject('invalid_request', 'this protocol revision has no batches; send one message')
  }
  const mismatch = batch ? undefined : findHeaderMismatch(headers, first)
  const fault = mismatch === undefined ? undefined : reject('header_mismatch', mismatch.message)
  return { kind: 'envelope', batch, messages, fault }
}

function checkMedia(headers: HeaderRecord): Rejection | undefined {
  const encoding = headerOf(headers, 'content-encoding')
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity') {
    return reject(
      'unsupported_media',
      'send the message uncompressed: Content-Encoding is not read',
    )
  }
  const contentType = headerOf(headers, 'content-type')
  if (!isJsonType(contentType)) {
    return reject('unsupported_media', 'Content-Type must be application/json')
  }
  return isUtf8Type(contentType)
    ? undefined
    : reject('unsupported_media', 'send the message in UTF-8; JSON has no other encoding')
}

/** True unless a parameter asks for another encoding: then the upstream might read another text. */
function isUtf8Type(contentType: string | undefined): boolean {
  if (contentType === undefined || !contentType.includes(';')) return true
  const charsets = [...contentType.matchAll(/charset\s*=\s*"?([^";,\s]*)/gi)]
  return charsets.every(([, charset = '']) => /^(utf-?8|us-ascii)$/i.test(charset))
}

/** True for `application/json` and `application/*+json`, with or without parameters. */
export function isJsonType(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true
  const essence = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  return essence === 'application/json' || /^application\/[\w.-]+\+json$/.test(essence)
}

function describeEnd(end: ScanEnd, body: Buffer): string {
  if (body.length === 0) return 'the body is empty; expected one JSON-RPC message'
  return end === 'incomplete'
    ? 'the body ends before its JSON does'
    : 'the body is not valid JSON; expected one JSON-RPC message'
}

const OPEN_BRACKET = 0x5b

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function isArray(body: Buffer): boolean {
  let first = 0
  while (isSpace(body[first])) first += 1
  return body[first] === OPEN_BRACKET
}

/** The message that the scanner has just passed, or what is wrong with it. */
function toMessage(slots: readonly Slot[]): Message | string {
  const id = readId(at(slots, REQUEST.id))
  if (typeof id === 'string') return id
  const methodSlot = at(slots, REQUEST.method)
  if (methodSlot.type === 'none') return toResponse(slots, id)
  const method = methodSlot.text()
  if (method === undefined) return `"method" must be a string of at most ${NAME_BYTES_MAX} bytes`
  const metaVersion = at(slots, REQUEST.metaVersion).text()
  return {
    kind: id === undefined ? 'notification' : 'request',
    id,
    method,
    jsonrpc: at(slots, REQUEST.jsonrpc).text(),
    target: namesATool(method) || namesAPrompt(method) ? at(slots, REQUEST.name).text() : undefined,
    args: namesATool(method) ? valueSpan(at(slots, REQUEST.args)) : undefined,
    cursor: cursorOf(method, at(slots, REQUEST.cursor)),
    resourceUri: namesAResource(method) ? at(slots, REQUEST.uri).text() : undefined,
    mirroredName: mirroredName(method, slots),
    protocolVersion:
      metaVersion ??
      (method === 'initialize' ? at(slots, REQUEST.initializeVersion).text() : undefined),
    claimsModern: metaVersion !== undefined,
    asksTask: at(slots, REQUEST.task).type === 'object',
    cancels: method === 'notifications/cancelled' ? keyOf(at(slots, REQUEST.requestId)) : undefined,
    progressToken: at(slots, REQUEST.progressToken).raw,
    error: undefined,
    trace: traceOf(slots),
    splice: splicePoints(slots),
  }
}

function toResponse(slots: readonly Slot[], id: JsonRpcId | undefined): Message | string {
  if (at(slots, REQUEST.result).type === 'none' && at(slots, REQUEST.error).type === 'none') {
    return 'the message has none of "method", "result" and "error"'
  }
  return {
    kind: 'response',
    id,
    method: '',
    jsonrpc: at(slots, REQUEST.jsonrpc).text(),
    target: undefined,
    args: undefined,
    cursor: undefined,
    resourceUri: undefined,
    mirroredName: undefined,
    protocolVersion: undefined,
    claimsModern: false,
    asksTask: false,
    cancels: undefined,
    progressToken: undefined,
    error:
      at(slots, REQUEST.error).type === 'none'
        ? undefined
        : readError(at(slots, REQUEST.errorCode), at(slots, REQUEST.errorMessage)),
    trace: NO_TRACE,
    splice: splicePoints(slots),
  }
}

function traceOf(slots: readonly Slot[]): Message['trace'] {
  if (at(slots, REQUEST.meta).type === 'none') return NO_TRACE
  return {
    traceparent: at(slots, REQUEST.traceparent).text(),
    tracestate: at(slots, REQUEST.tracestate).text(),
    baggage: at(slots, REQUEST.baggage).text(),
  }
}

function at(slots: readonly Slot[], index: number): Slot {
  return slots[index] ?? EMPTY_SLOT
}

/** SEP-2243: which member `Mcp-Name` repeats depends on the method. */
function mirroredName(method: string, slots: readonly Slot[]): string | undefined {
  if (!mirrorsAName(method)) return undefined
  if (method === 'resources/read') return at(slots, REQUEST.uri).text()
  return at(slots, method.startsWith('tasks/') ? REQUEST.taskId : REQUEST.name).text()
}

function splicePoints(slots: readonly Slot[]): SplicePoints {
  return {
    message: inside(at(slots, REQUEST.message)),
    params: objectOr(at(slots, REQUEST.params)),
    meta:
      isScalar(at(slots, REQUEST.traceparent)) && isScalar(at(slots, REQUEST.tracestate))
        ? objectOr(at(slots, REQUEST.meta))
        : 'other',
    traceparent: valueSpan(at(slots, REQUEST.traceparent)),
    tracestate: valueSpan(at(slots, REQUEST.tracestate)),
    baggage: memberSpan(at(slots, REQUEST.baggage)),
    earlierBaggage: at(slots, REQUEST.baggage).earlier ?? NONE_EARLIER,
  }
}

function isScalar(slot: Slot): boolean {
  return slot.type !== 'object' && slot.type !== 'array'
}

function inside(slot: Slot): ObjectSpan {
  return { inside: slot.start + 1, empty: slot.empty }
}

function objectOr(slot: Slot): ObjectSpan | 'absent' | 'other' {
  if (slot.type === 'none') return 'absent'
  return slot.type === 'object' ? inside(slot) : 'other'
}

function valueSpan(slot: Slot): { start: number; end: number } | undefined {
  return slot.type === 'none' ? undefined : { start: slot.start, end: slot.end }
}

/** 2025-11-25 "Pagination": a cursor is a string; `null` is taken for none. */
function cursorOf(method: string, slot: Slot): string | undefined {
  if (!listsNames(method) || slot.type === 'none' || slot.type === 'null') return undefined
  return slot.text() ?? ''
}

function memberSpan(slot: Slot): MemberSpan | undefined {
  if (slot.type === 'none') return undefined
  return { start: slot.start, end: slot.end, repeated: slot.repeated }
}

function keyOf(slot: Slot): string | undefined {
  const id = readId(slot)
  return typeof id === 'string' ? undefined : id?.key
}

const NONE_EARLIER: SplicePoints['earlierBaggage'] = []
const NO_TRACE = { traceparent: undefined, tracestate: undefined, baggage: undefined }
const EMPTY_SLOT = new Slot()
