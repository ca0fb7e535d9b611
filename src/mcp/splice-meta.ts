/**
 * Writes trace context into `params._meta` of a message without touching any other byte
 * (MCP SEP-414: unprefixed `traceparent` and `tracestate`).
 */

import type { Injection } from '../core/observer.ts'
import type { Message, SplicePoints } from '../core/message.ts'
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
  for (const { message, injection } of injections) collectEdits(message.splice, injection, edits)
  return applyEdits(body, edits)
}

function collectEdits(splice: SplicePoints, injection: Injection, edits: Edit[]): void {
  const { params, meta } = splice
  if (params === 'other' || meta === 'other') return
  const parent = `"${injection.traceparent}"`
  const hasState = injection.tracestate !== ''
  const state = hasState ? JSON.stringify(injection.tracestate) : '""'
  if (params === 'absent' || meta === 'absent') {
    const members = `"traceparent":${parent}${hasState ? `,"tracestate":${state}` : ''}`
    const text = `"_meta":{${members}}`
    if (params === 'absent') insert(splice.message, `"params":{${text}}`, edits)
    else insert(params, text, edits)
    return
  }
  const added: string[] = []
  if (splice.traceparent === undefined) added.push(`"traceparent":${parent}`)
  else edits.push({ ...splice.traceparent, text: parent })
  // A tracestate that belonged to another parent must not survive beside ours; empty means none.
  if (splice.tracestate !== undefined) edits.push({ ...splice.tracestate, text: state })
  else if (hasState) added.push(`"tracestate":${state}`)
  if (added.length > 0) insert(meta, added.join(','), edits)
}

function insert(
  object: { readonly inside: number; readonly empty: boolean },
  members: string,
  edits: Edit[],
): void {
  const text = object.empty ? members : `${members},`
  edits.push({ start: object.inside, end: object.inside, text })
}
