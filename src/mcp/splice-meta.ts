/**
 * Writes context into `params._meta` of a message without touching any other byte (MCP SEP-414:
 * unprefixed `traceparent`, `tracestate` and `baggage`), and takes baggage out that is not to go on.
 */

import type { Injection } from '../core/observer.ts'
import type { Message, ObjectSpan, SplicePoints, ValueSpan } from '../core/message.ts'
import { applyEdits, insertText, type Edit } from './edit-bytes.ts'

/** What to write into which message of the body. */
export interface MetaInjection {
  readonly message: Message
  readonly injection: Injection
}

/**
 * The body with the context written in; the same buffer when there is nothing to write.
 * A message whose `params` or `_meta` is no object is left alone.
 */
export function spliceMeta(body: Buffer, injections: readonly MetaInjection[]): Buffer {
  const [first] = injections
  if (first === undefined) return body
  if (injections.length === 1 && isPlain(first.message.splice, first.injection)) {
    return insertOnly(body, first.message.splice, first.injection)
  }
  const edits: Edit[] = []
  for (const { message, injection } of injections) {
    collectEdits(body, message.splice, injection, edits)
  }
  return applyEdits(body, edits)
}

/** Nearly every message: there is context to write, and nothing that it would take the place of. */
function isPlain(splice: SplicePoints, { traceparent }: Injection): boolean {
  const { params, meta, baggage, earlierBaggage } = splice
  if (traceparent === '' || params === 'other' || meta === 'other') return false
  if (baggage !== undefined || earlierBaggage.length > 0) return false
  return splice.traceparent === undefined && splice.tracestate === undefined
}

function insertOnly(
  body: Buffer,
  { message, params, meta }: SplicePoints,
  { traceparent, tracestate }: Injection,
): Buffer {
  const state = tracestate === '' ? '' : `,"tracestate":${JSON.stringify(tracestate)}`
  const members = `"traceparent":"${traceparent}"${state}`
  if (typeof meta === 'object') return insertText(body, meta.inside, separated(members, meta))
  const own = `"_meta":{${members}}`
  if (typeof params === 'object') return insertText(body, params.inside, separated(own, params))
  return insertText(body, message.inside, separated(`"params":{${own}}`, message))
}

function collectEdits(
  body: Buffer,
  splice: SplicePoints,
  injection: Injection,
  edits: Edit[],
): void {
  const added = injection.traceparent === '' ? [] : contextEdits(splice, injection, edits)
  const { params, meta, baggage } = splice
  const kept = injection.metaBaggage
  emptyEarlier(splice, injection, edits)
  if (baggage !== undefined && kept !== undefined) {
    // Before the last of several of one name stands another, which must not take its place.
    if (kept !== '' || baggage.repeated) edits.push({ ...baggage, text: JSON.stringify(kept) })
    else if (added.length > 0) {
      edits.push({ start: keyStart(body, baggage.start), end: baggage.end, text: added.join(',') })
      return
    } else edits.push(removal(body, baggage))
  }
  if (added.length === 0 || params === 'other' || meta === 'other') return
  if (params === 'absent') insert(splice.message, `"params":{"_meta":{${added.join(',')}}}`, edits)
  else if (meta === 'absent') insert(params, `"_meta":{${added.join(',')}}`, edits)
  else insert(meta, added.join(','), edits)
}

/** Not every parser takes the last of several; what does not count here must not count there. */
function emptyEarlier(splice: SplicePoints, { metaBaggage }: Injection, edits: Edit[]): void {
  if (metaBaggage === undefined) return
  for (const value of splice.earlierBaggage) edits.push({ ...value, text: '""' })
}

/** Replaces the context that is there; returns the members that are still to be added. */
function contextEdits(splice: SplicePoints, injection: Injection, edits: Edit[]): string[] {
  if (splice.params === 'other' || splice.meta === 'other') return []
  const parent = `"${injection.traceparent}"`
  const hasState = injection.tracestate !== ''
  const state = hasState ? JSON.stringify(injection.tracestate) : '""'
  const added: string[] = []
  if (splice.traceparent === undefined) added.push(`"traceparent":${parent}`)
  else edits.push({ ...splice.traceparent, text: parent })
  // A tracestate that belonged to another parent must not survive beside ours; empty means none.
  if (splice.tracestate !== undefined) edits.push({ ...splice.tracestate, text: state })
  else if (hasState) added.push(`"tracestate":${state}`)
  return added
}

/** The member whose value stands at `value`, with the one comma that goes with it. */
function removal(body: Buffer, value: ValueSpan): Edit {
  const start = keyStart(body, value.start)
  const after = skipSpace(body, value.end, 1)
  if (body[after] === COMMA) return { start, end: after + 1, text: '' }
  const before = skipSpace(body, start - 1, -1)
  return { start: body[before] === COMMA ? before : start, end: value.end, text: '' }
}

/**
 * Where the name begins whose value begins at `valueStart`. A name that is read here holds no quote
 * of its own, however it is spelled.
 */
function keyStart(body: Buffer, valueStart: number): number {
  const closing = body.lastIndexOf(QUOTE, valueStart - 1)
  return body.lastIndexOf(QUOTE, closing - 1)
}

function skipSpace(body: Buffer, from: number, step: 1 | -1): number {
  let at = from
  while (SPACE.has(body[at] ?? -1)) at += step
  return at
}

const QUOTE = 0x22
const COMMA = 0x2c
const SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])

function insert(object: ObjectSpan, members: string, edits: Edit[]): void {
  const text = separated(members, object)
  edits.push({ start: object.inside, end: object.inside, text })
}

/** With the comma between them and what the object holds. */
function separated(members: string, { empty }: ObjectSpan): string {
  return empty ? members : `${members},`
}
