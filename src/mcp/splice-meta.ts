/**
 * Writes context into `params._meta` of a message without touching any other byte (MCP SEP-414:
 * unprefixed `traceparent`, `tracestate` and `baggage`), and takes baggage out that is not to go on.
 */

import type { Injection } from '../core/observer.ts'
import type { Message, SplicePoints, ValueSpan } from '../core/message.ts'
import { applyEdits, type Edit } from './edit-bytes.ts'

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
  const edits: Edit[] = []
  for (const { message, injection } of injections) {
    collectEdits(body, message.splice, injection, edits)
  }
  return applyEdits(body, edits)
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

function insert(
  object: { readonly inside: number; readonly empty: boolean },
  members: string,
  edits: Edit[],
): void {
  const text = object.empty ? members : `${members},`
  edits.push({ start: object.inside, end: object.inside, text })
}
