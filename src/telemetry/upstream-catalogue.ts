/** What one upstream's lists of tools have said, page by page and audience by audience. */

import { hash } from 'node:crypto'
import { BoundedMap } from '../core/bounded-map.ts'
import { Audience, type Drift, type ListedTool } from './catalogue-drift.ts'
import type { Pins } from './pins.ts'
import { readToolPage, TOOLS_MAX, type ListPage, type ToolDefinition } from './tool-list.ts'

/** Audiences per upstream that are told apart; one that comes back after this many begins anew. */
export const AUDIENCES_MAX = 32

/** Lists whose next page is waited for. */
const CHAINS_MAX = 64

/** Most pages of one list. */
const PAGES_MAX = 100

/** Pages that are not read again when they come again byte for byte. */
const READ_PAGES_MAX = 16

export interface PageSource {
  /** Everybody who claims this identity; empty for those who claim none. */
  readonly audience: string
  /** The session it came in; empty without one. */
  readonly session: string
  /** Undefined for the first page; empty when it could not be read. */
  readonly cursor: string | undefined
}

/** The whole list that was read last. */
export interface WholeList {
  readonly tools: number
  /** Bytes of its results, all pages together. */
  readonly bytes: number
}

/** A list as far as its pages have come. */
interface Chain {
  readonly names: ReadonlySet<string>
  readonly bytes: number
  readonly pages: number
  readonly cut: boolean
}

const BEGINNING: Chain = { names: new Set(), bytes: 0, pages: 0, cut: false }

/** What a page brought. */
export interface PageReport {
  readonly tools: readonly ToolDefinition[]
  readonly drifts: readonly Drift[]
  /** Definitions that differ from their pins, or have none; each is told once. */
  readonly unpinned: readonly Drift[]
}

export class UpstreamCatalogue {
  #pins: Pins | undefined
  /** A bound was hit. */
  readonly #onFull: () => void
  readonly #audiences: BoundedMap<Audience>
  readonly #chains = new BoundedMap<Chain>(CHAINS_MAX)
  readonly #read = new BoundedMap<ListPage>(READ_PAGES_MAX)
  #whole: WholeList | undefined

  constructor(onFull: () => void) {
    this.#onFull = onFull
    this.#audiences = new BoundedMap(AUDIENCES_MAX, (key) => {
      this.#pins?.forget(key)
      onFull()
    })
  }

  get pins(): Pins | undefined {
    return this.#pins
  }

  get whole(): WholeList | undefined {
    return this.#whole
  }

  /** A page has passed; `result` is its JSON text. Undefined when it could not be read. */
  page(source: PageSource, result: Buffer): PageReport | undefined {
    const page = this.#parse(result)
    if (page === undefined) {
      this.unread(source)
      return undefined
    }
    const audience = this.#audienceOf(source)
    const listed = this.#listed(source, page.tools)
    const drifts = [...audience.page(listed)]
    const whole = this.#follow(source, page, result.length)
    if (whole !== undefined) {
      this.#whole = { tools: whole.names.size, bytes: whole.bytes }
      // What a list that was cut leaves out is not known to be absent.
      if (!whole.cut) drifts.push(...audience.complete(whole.names))
      this.#pins?.read(source.audience, !whole.cut)
    }
    return { tools: page.tools, drifts, unpinned: this.#checkPins(source.audience, listed) }
  }

  /** A page has passed of which nobody knows what it says. */
  unread(source: PageSource): void {
    this.#audienceOf(source)
    this.#pins?.read(source.audience, false)
  }

  /** These pins hold now, if any: what each audience is shown is compared with them. */
  usePins(pins: Pins | undefined): readonly Drift[] {
    this.#pins = pins
    return [...this.#audiences.entries()].flatMap(([key, audience]) =>
      // These pins know of nothing that one of them could make up for.
      this.#checkPins(
        key,
        [...audience.definitions()].map((tool) => ({ tool, again: true })),
      ),
    )
  }

  /** Each tool with every definition by which somebody knows it now. */
  definitions(): ReadonlyMap<string, readonly ToolDefinition[]> {
    const all = new Map<string, ToolDefinition[]>()
    for (const audience of this.#audiences.values()) {
      for (const tool of audience.definitions()) {
        const known = all.get(tool.name)
        if (known === undefined) all.set(tool.name, [tool])
        else if (known.every(({ digest }) => digest !== tool.digest)) known.push(tool)
      }
    }
    return all
  }

  #audienceOf({ audience: key }: PageSource): Audience {
    let audience = this.#audiences.get(key)
    if (audience === undefined) {
      audience = new Audience(this.#onFull)
      this.#audiences.set(key, audience)
    }
    return audience
  }

  #parse(result: Buffer): ListPage | undefined {
    const key = hash('sha256', result, 'base64')
    const known = this.#read.get(key)
    if (known !== undefined) return known
    const page = readToolPage(result.toString('utf8'))
    if (page === undefined) return undefined
    this.#read.set(key, page)
    return page
  }

  /** Which of the tools may have stood on an earlier page, or on this one. */
  #listed(source: PageSource, tools: readonly ToolDefinition[]): readonly ListedTool[] {
    const before = source.cursor === undefined ? BEGINNING : this.#chains.get(chainKey(source))
    const here = new Set<string>()
    return tools.map((tool) => {
      const again = before === undefined || before.names.has(tool.name) || here.has(tool.name)
      here.add(tool.name)
      return { tool, again }
    })
  }

  /** Puts a page to those before it; returns the list when it is whole now. */
  #follow(
    { audience, session, cursor }: PageSource,
    page: ListPage,
    bytes: number,
  ): Chain | undefined {
    const keyOf = (at: string): string => chainKey({ audience, session, cursor: at })
    const before = cursor === undefined ? BEGINNING : this.#chains.get(keyOf(cursor))
    if (before === undefined) return undefined
    if (cursor !== undefined) this.#chains.delete(keyOf(cursor))
    const names = new Set(before.names)
    for (const { name } of page.tools) names.add(name)
    const tooLong = names.size > TOOLS_MAX || before.pages >= PAGES_MAX
    if (tooLong || page.cut) this.#onFull()
    const chain: Chain = {
      names,
      bytes: before.bytes + bytes,
      pages: before.pages + 1,
      cut: before.cut || page.cut || tooLong,
    }
    if (page.nextCursor === undefined) return chain
    // A list without an end is not followed for ever.
    if (!tooLong) this.#chains.set(keyOf(page.nextCursor), chain)
    return undefined
  }

  #checkPins(audience: string, tools: readonly ListedTool[]): readonly Drift[] {
    const drifts: Drift[] = []
    if (this.#pins === undefined) return drifts
    for (const listed of tools) {
      const kind = this.#pins.shown(audience, listed)
      if (kind !== undefined) drifts.push({ kind, tool: listed.tool.name, members: [] })
    }
    return drifts
  }
}

function chainKey({ audience, session, cursor = '' }: PageSource): string {
  return `${audience}\n${session}\n${cursor}`
}
