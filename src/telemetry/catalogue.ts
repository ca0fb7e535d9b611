/**
 * The tools of every upstream, learned from the lists that pass: how much context they cost, whether a
 * definition drifts, and whether a tool may be called as it is defined now (pins).
 */

import { sessionKeyOf, type Call } from '../core/exchange.ts'
import type { LimitName } from '../core/limits.ts'
import type { Log } from '../core/log.ts'
import type { Answered } from '../core/observer.ts'
import { DRIFT_KINDS, type Drift } from './catalogue-drift.ts'
import type { CatalogueView } from './catalogue-view.ts'
import type { DriftEntry, DriftLog } from './drift-log.ts'
import { isPlain, type LabelGuard } from './label-guard.ts'
import { OTHER } from './names.ts'
import { readPinFile, versionOf } from './pin-file.ts'
import { Pins, type PinnedDigests, type PinSettings, type PinVerdict } from './pins.ts'
import type { CounterFamily } from './series.ts'
import { estimateTokens } from './tokens.ts'
import { readPromptNames, type ToolHints } from './tool-list.ts'
import { UpstreamCatalogue, type PageSource } from './upstream-catalogue.ts'

/** Longest page of a list that is read, in bytes. */
export const LIST_BYTES_MAX = 1024 * 1024

/** How often pin files are looked at. */
const LOOK_EVERY_MS = 5_000

/** The pin file of an upstream as it was read at the start. */
export interface PinSource extends PinSettings {
  readonly file: string
  readonly digests: PinnedDigests
  /** Tells one version of the file from another. */
  readonly version: string
}

export interface CatalogueOptions {
  readonly upstreams: Iterable<string>
  readonly pins: ReadonlyMap<string, PinSource>
  readonly guard: LabelGuard
  readonly drifts: CounterFamily
  readonly driftLog: DriftLog
  readonly log: Log
  readonly limitHit: (limit: LimitName) => void
}

interface PinFileState {
  readonly upstream: string
  readonly file: string
  readonly pins: Pins
  version: string
}

function begin(upstream: string, source: PinSource): PinFileState {
  const { file, mode, unpinned, digests, version } = source
  return { upstream, file, version, pins: new Pins({ mode, unpinned }, digests) }
}

/** The same file in the same manner; what it says may have changed. */
function isSamePinning({ file, pins }: PinFileState, source: PinSource | undefined): boolean {
  const { mode, unpinned } = pins.settings
  return source?.file === file && source.mode === mode && source.unpinned === unpinned
}

export class Catalogue {
  readonly #options: CatalogueOptions
  readonly #upstreams = new Map<string, UpstreamCatalogue>()
  #files: readonly PinFileState[] = []
  #lookedMs = 0

  constructor(options: CatalogueOptions) {
    this.#options = options
    this.configure(options.upstreams, options.pins)
  }

  /** From now on these are the upstreams, with these pins; what is known of the others is forgotten. */
  configure(upstreams: Iterable<string>, sources: ReadonlyMap<string, PinSource>): void {
    const names = new Set(upstreams)
    for (const name of this.#upstreams.keys()) if (!names.has(name)) this.#upstreams.delete(name)
    const files: PinFileState[] = []
    for (const name of names) {
      let upstream = this.#upstreams.get(name)
      if (upstream === undefined) {
        upstream = new UpstreamCatalogue(() => this.#options.limitHit('catalogue'))
        this.#upstreams.set(name, upstream)
        for (const kind of DRIFT_KINDS) this.#options.drifts.add([name, kind], 0)
      }
      const source = sources.get(name)
      const kept = this.#files.find((one) => one.upstream === name && isSamePinning(one, source))
      const file = kept ?? (source === undefined ? undefined : begin(name, source))
      if (file !== undefined) files.push(file)
      // What was told of a file that stays is not told again.
      if (kept === undefined) this.#report(name, [], upstream.usePins(file?.pins))
    }
    this.#files = files
  }

  /** The longest result of this method that it wants a copy of; 0 for none. */
  resultBytesWanted(method: string): number {
    return method === 'tools/list' || method === 'prompts/list' ? LIST_BYTES_MAX : 0
  }

  /** The answer to a list has passed whole. */
  listed({ exchange, message }: Call, { result, resultBytes }: Answered): void {
    const upstream = this.#upstreams.get(exchange.upstreamName)
    if (upstream === undefined || resultBytes === 0) return
    if (message.method === 'prompts/list') {
      this.#learnNames(exchange.upstreamName, readPromptNames(result?.toString() ?? '') ?? [])
      return
    }
    const source: PageSource = {
      audience: exchange.ownerKey ?? '',
      session: sessionKeyOf(exchange) ?? '',
      cursor: message.cursor,
    }
    const report = result === undefined ? undefined : upstream.page(source, result)
    if (report === undefined) {
      upstream.unread(source)
      this.#options.log.write(
        'warn',
        'sidelight.catalogue.unread',
        'A list of tools could not be read',
        { 'sidelight.upstream.name': exchange.upstreamName },
      )
      return
    }
    this.#learnNames(
      exchange.upstreamName,
      report.tools.map(({ name }) => name),
    )
    this.#report(exchange.upstreamName, report.drifts, report.unpinned)
  }

  /** Whether calls of this tool are to be refused, and why. One look-up, or two. */
  verdictOn(upstream: string, tool: string): PinVerdict | undefined {
    return this.#upstreams.get(upstream)?.pins?.verdictOn(tool)
  }

  /** What the server says of a tool's behaviour; undefined when it is not known, or not one thing. */
  hintsOf(upstream: string, tool: string): ToolHints | undefined {
    const known = this.#upstreams.get(upstream)?.definitions().get(tool)
    return known?.length === 1 ? known[0]?.hints : undefined
  }

  /** Looks at the pin files now and then. */
  tick(nowMs: number): void {
    if (this.#files.length === 0 || nowMs - this.#lookedMs < LOOK_EVERY_MS) return
    this.#lookedMs = nowMs
    for (const file of this.#files) this.#refresh(file)
  }

  /** Size of the list that was read last, per upstream of which one was. */
  *sizes(): Iterable<{
    readonly upstream: string
    readonly tools: number
    readonly bytes: number
  }> {
    for (const [upstream, { whole }] of this.#upstreams) {
      if (whole !== undefined) yield { upstream, ...whole }
    }
  }

  /** The catalogue of one upstream as JSON, without texts; undefined for one that does not exist. */
  view(name: string): CatalogueView | undefined {
    const upstream = this.#upstreams.get(name)
    if (upstream === undefined) return undefined
    const { whole, pins } = upstream
    const definitions = [...upstream.definitions()].sort(([a], [b]) => (a < b ? -1 : 1))
    return {
      upstream: name,
      tools: whole?.tools ?? 0,
      bytes: whole?.bytes ?? 0,
      tokens: estimateTokens(whole?.bytes ?? 0),
      ...(pins === undefined ? {} : { pins: pins.settings }),
      list: definitions.map(([tool, variants]) => ({
        name: tool,
        digests: variants.map(({ digest }) => digest),
        bytes: Math.max(...variants.map(({ bytes }) => bytes)),
        tokens: estimateTokens(Math.max(...variants.map(({ bytes }) => bytes))),
        ...(pins === undefined ? {} : { pin: pins.stateOf(tool) }),
      })),
    }
  }

  views(): readonly CatalogueView[] {
    return [...this.#upstreams.keys()].flatMap((name) => this.view(name) ?? [])
  }

  /** The last changes of tools, newest first. */
  recentDrifts(): readonly DriftEntry[] {
    return this.#options.driftLog.entries()
  }

  /** A pin file that accepts every definition that is shown now. */
  pinFile(name: string): object | undefined {
    const upstream = this.#upstreams.get(name)
    if (upstream === undefined) return undefined
    const definitions = [...upstream.definitions()].sort(([a], [b]) => (a < b ? -1 : 1))
    const tools = definitions.map(([tool, variants]) => {
      const digests = variants.map(({ digest }) => digest)
      return [tool, digests.length === 1 ? digests[0] : digests] as const
    })
    return { version: 1, tools: Object.fromEntries(tools) }
  }

  #learnNames(upstream: string, names: readonly string[]): void {
    for (const name of names) this.#options.guard.learn(upstream, name)
  }

  #report(upstream: string, drifts: readonly Drift[], unpinned: readonly Drift[]): void {
    if (drifts.length + unpinned.length === 0) return
    // One event for what is new to its audience and to the pins alike.
    const known = new Set(drifts.map(({ kind, tool }) => `${kind} ${tool}`))
    const further = unpinned.filter(({ kind, tool }) => !known.has(`${kind} ${tool}`))
    const pinned = new Set(unpinned.map(({ kind, tool }) => `${kind} ${tool}`))
    for (const drift of [...drifts, ...further]) {
      this.#options.drifts.add([upstream, drift.kind], 1)
      const differs = pinned.has(`${drift.kind} ${drift.tool}`)
      this.#options.driftLog.add(upstream, drift, differs)
      this.#event(upstream, drift, differs)
    }
  }

  #event(upstream: string, { kind, tool, members }: Drift, differs: boolean): void {
    this.#options.log.write(
      'warn',
      'sidelight.catalogue.drift',
      'A tool is not what it was, or not what it is pinned to be',
      {
        'sidelight.upstream.name': upstream,
        'gen_ai.tool.name': isPlain(tool) ? tool : OTHER,
        'sidelight.drift.kind': kind,
        'sidelight.drift.members': members.length === 0 ? undefined : members.join(','),
        'sidelight.drift.pinned': differs ? true : undefined,
      },
    )
  }

  /** A file that cannot be read or is malformed keeps what was read before. */
  #refresh(state: PinFileState): void {
    const version = versionOf(state.file)
    const key = typeof version === 'string' ? version : version.message
    if (key === state.version) return
    state.version = key
    const read = typeof version === 'string' ? readPinFile(state.file) : version
    const about = { 'sidelight.upstream.name': state.upstream, 'file.path': state.file }
    if (read.kind === 'problem') {
      this.#options.log.write(
        'warn',
        'sidelight.pins.unreadable',
        'A pin file cannot be used; what it said last stays in use',
        { ...about, 'sidelight.detail': read.message },
      )
      return
    }
    state.pins.replace(read.digests)
    const differing = this.#upstreams.get(state.upstream)?.usePins(state.pins) ?? []
    this.#options.log.write('info', 'sidelight.pins.reloaded', 'A pin file was read again', about)
    this.#report(state.upstream, [], differing)
  }
}
