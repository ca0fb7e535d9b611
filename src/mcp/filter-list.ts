/**
 * Takes entries out of lists of tools, prompts, resources and templates, and leaves every other byte as
 * it is. What counts is that a message is such a list, not which request it answers, so that a list
 * that comes on another stream is one too.
 */

import type { OperationKind } from '../core/operation.ts'
import { JsonCursor } from './json-cursor.ts'

/** Whether an entry is shown; `name` is undefined when the entry has none that can be read. */
export type Shows = (kind: OperationKind, name: string | undefined) => boolean

export type Filtered =
  | { readonly kind: 'same' }
  | { readonly kind: 'changed'; readonly bytes: Buffer }
  /** No JSON, as far as it was read. */
  | { readonly kind: 'unreadable' }

/** What names the entries of each kind of list (2025-11-25, `ListToolsResult` and its like). */
const LISTS: ReadonlyMap<string, { readonly kind: OperationKind; readonly key: string }> = new Map([
  ['tools', { kind: 'tool', key: 'name' }],
  ['prompts', { kind: 'prompt', key: 'name' }],
  ['resources', { kind: 'resource', key: 'uri' }],
  ['resourceTemplates', { kind: 'resource', key: 'uriTemplate' }],
])

/** Caches may keep a public result for everybody (2026-07-28, SEP-2549); a filtered one is for one. */
const CACHE_SCOPE = 'cacheScope'
const PRIVATE = Buffer.from('"private"')

interface Cut {
  readonly start: number
  readonly end: number
  readonly by: Buffer | undefined
}

/** `text` is one JSON-RPC message, or a batch of them. */
export function filterList(text: Buffer, shows: Shows): Filtered {
  const scan = new ListScan(text, shows)
  if (!scan.run()) return { kind: 'unreadable' }
  if (scan.cuts.length === 0) return { kind: 'same' }
  const pieces: Buffer[] = []
  let at = 0
  for (const { start, end, by } of scan.cuts.toSorted((a, b) => a.start - b.start)) {
    pieces.push(text.subarray(at, start))
    if (by !== undefined) pieces.push(by)
    at = end
  }
  pieces.push(text.subarray(at))
  return { kind: 'changed', bytes: Buffer.concat(pieces) }
}

class ListScan {
  readonly cuts: Cut[] = []
  readonly #cursor: JsonCursor
  readonly #shows: Shows

  constructor(text: Buffer, shows: Shows) {
    this.#cursor = new JsonCursor(text)
    this.#shows = shows
  }

  /** False when the text is no JSON. */
  run(): boolean {
    const cursor = this.#cursor
    cursor.skipMark()
    const read =
      cursor.peek() === 'array' ? cursor.eachItem(() => this.#message()) : this.#message()
    return read && cursor.atEnd()
  }

  #message(): boolean {
    const cursor = this.#cursor
    if (cursor.peek() !== 'object') return cursor.skip()
    return cursor.eachMember((key) => (key === 'result' ? this.#result() : cursor.skip()))
  }

  #result(): boolean {
    const cursor = this.#cursor
    if (cursor.peek() !== 'object') return cursor.skip()
    const scopes: Cut[] = []
    let lists = false
    const read = cursor.eachMember((key) => {
      const list = LISTS.get(key)
      if (list !== undefined && cursor.peek() === 'array') {
        lists = true
        return this.#list(list.kind, list.key)
      }
      const start = cursor.at()
      if (!cursor.skip()) return false
      if (key === CACHE_SCOPE) scopes.push({ start, end: cursor.at(), by: PRIVATE })
      return true
    })
    if (lists) for (const cut of scopes) if (!this.#isPrivate(cut)) this.cuts.push(cut)
    return read
  }

  #isPrivate({ start, end }: Cut): boolean {
    return this.#cursor.text(start, end) === 'private'
  }

  #list(kind: OperationKind, nameKey: string): boolean {
    const cursor = this.#cursor
    let begin = -1
    /** Where the entry that was kept last ends, and the one before this. */
    let keptEnd = -1
    let lastEnd = -1
    const read = cursor.eachItem(() => {
      const start = cursor.at()
      const name = this.#nameOf(nameKey)
      if (name === false) return false
      if (this.#shows(kind, name)) {
        // Entries before it are hidden: they go with the commas behind them.
        if (begin >= 0) this.cuts.push({ start: begin, end: start, by: undefined })
        begin = -1
        keptEnd = cursor.at()
      } else if (begin < 0) begin = start
      lastEnd = cursor.at()
      return true
    })
    if (!read || begin < 0) return read
    // The last entries are hidden: they go with the comma before them.
    this.cuts.push({ start: keptEnd < 0 ? begin : keptEnd, end: lastEnd, by: undefined })
    return true
  }

  /** The name of the entry that comes; undefined when it has none, or several; false for no JSON. */
  #nameOf(nameKey: string): string | undefined | false {
    const cursor = this.#cursor
    if (cursor.peek() !== 'object') return cursor.skip() ? undefined : false
    let found = 0
    let name: string | undefined
    const read = cursor.eachMember((key) => {
      if (key !== nameKey) return cursor.skip()
      found += 1
      const start = cursor.at()
      if (!cursor.skip()) return false
      name = cursor.text(start, cursor.at())
      return true
    }, nameKey)
    if (!read) return false
    return found === 1 ? name : undefined
  }
}
