/** The rolling statistics of every upstream and of its tools. */

import type { Clock } from '../core/clock.ts'
import {
  firstSlotOf,
  History,
  Scratch,
  SLOT_MS,
  TOOL_LEVELS,
  UPSTREAM_LEVELS,
  type Window,
} from './history.ts'
import { Resolution } from './quantiles.ts'
import { TallySum, TimingSum } from './sums.ts'
import type { CallBins, CallRecord } from './tally.ts'
import type { TimelinePoint, WindowName, WindowStats } from './views.ts'
import {
  addBoth,
  percentileMs,
  ratesOf,
  type Rates,
  TOOL_WINDOWS,
  UPSTREAM_WINDOWS,
  windowStats,
} from './window-stats.ts'

/** What stands for everything that has no place of its own, as in metrics. */
export const OTHER = '_OTHER'

/** Percentiles of an upstream lie within 1 % of the true ones, those of a tool within 2.5 %. */
const UPSTREAM_ERROR = 0.01
const TOOL_ERROR = 0.025

/** Series that are looked after at a time, so that calls need not wait. */
const ROLLS_MAX = 500

export interface P95 {
  readonly calls: number
  readonly p95Ms: number | undefined
}

export interface StatisticsOptions {
  readonly clock: Clock
  readonly upstreams: Iterable<string>
  /** Most tools in all. */
  readonly toolsMax: number
  /** There is no room for one more tool: it is counted as `_OTHER`. */
  readonly onFull: () => void
}

export interface ToolSeries {
  readonly tool: string
  readonly history: History
  inFlight: number
}

export interface UpstreamSeries {
  readonly upstream: string
  readonly history: History
  readonly tools: Map<string, ToolSeries>
  inFlight: number
}

export class Statistics {
  readonly upstreamResolution = new Resolution(UPSTREAM_ERROR)
  readonly toolResolution = new Resolution(TOOL_ERROR)
  readonly #options: StatisticsOptions
  readonly #originMs: number
  readonly #total = new History(UPSTREAM_LEVELS)
  readonly #upstreams = new Map<string, UpstreamSeries>()
  readonly #scratch = new Scratch()
  readonly #sum = new TallySum()
  readonly #both = new TimingSum()
  readonly #bins = { duration: 0, firstEvent: 0 }
  #toolCount = 0
  /** Series that wait to be looked after. */
  #due: Iterator<History> | undefined

  constructor(options: StatisticsOptions) {
    this.#options = options
    this.#originMs = options.clock.monotonicMs()
    this.configure(options.upstreams)
  }

  /** From now on these are the upstreams; what was counted of others is forgotten. */
  configure(upstreams: Iterable<string>): void {
    const before = new Map(this.#upstreams)
    this.#upstreams.clear()
    for (const name of [...upstreams, OTHER]) {
      this.#upstreams.set(name, before.get(name) ?? newUpstream(name))
      before.delete(name)
    }
    for (const { tools } of before.values()) this.#toolCount -= tools.size
    this.#due = undefined
  }

  /** In the order of the configuration, `_OTHER` last. */
  all(): readonly UpstreamSeries[] {
    return [...this.#upstreams.values()]
  }

  find(upstream: string): UpstreamSeries | undefined {
    return this.#upstreams.get(upstream)
  }

  /** That of the upstream, or of `_OTHER`. */
  seriesOf(upstream: string): UpstreamSeries {
    const found = this.#upstreams.get(upstream) ?? this.#upstreams.get(OTHER)
    if (found === undefined) throw new Error('there is no series of other upstreams')
    return found
  }

  /** `tool` is the tool's label; undefined when it was no call of a tool. */
  record(series: UpstreamSeries, tool: string | undefined, call: CallRecord, atMs: number): void {
    const slot = this.#slotAt(atMs)
    const bins = this.#binsOf(call, this.upstreamResolution)
    this.#total.record(slot, call, bins, this.#scratch)
    series.history.record(slot, call, bins, this.#scratch)
    if (tool === undefined) return
    const { history } = this.#toolOf(series, tool)
    history.record(slot, call, this.#binsOf(call, this.toolResolution), this.#scratch)
  }

  upstreamStats({ history }: UpstreamSeries, window: WindowName): WindowStats {
    return this.#stats(history, window, UPSTREAM_WINDOWS, this.upstreamResolution)
  }

  /** Of all upstreams together. */
  totalStats(window: WindowName): WindowStats {
    return this.#stats(this.#total, window, UPSTREAM_WINDOWS, this.upstreamResolution)
  }

  toolStats({ history }: ToolSeries, window: WindowName): WindowStats {
    return this.#stats(history, window, TOOL_WINDOWS, this.toolResolution)
  }

  /** Calls of an upstream in the last so many milliseconds, an hour at most. */
  lately({ history }: UpstreamSeries, windowMs: number): Rates {
    this.#sum.clear()
    history.countInto(this.#sum, this.#slotNow(), windowOf(windowMs))
    return ratesOf(this.#sum)
  }

  /** What 95 % of its callers waited at most in that time, and how many there were. */
  p95Lately({ history }: UpstreamSeries, windowMs: number): P95 {
    this.#sum.clear()
    history.sumInto(this.#sum, this.#slotNow(), windowOf(windowMs))
    const both = addBoth(this.#sum, this.#both)
    return { calls: both.calls, p95Ms: percentileMs(both, 0.95, this.upstreamResolution) }
  }

  /** Of all upstreams together when no series is given. */
  timeline(series: UpstreamSeries | undefined, span: '5m' | '1h' | '24h'): TimelinePoint[] {
    const { clock } = this.#options
    const { history } = series ?? { history: this.#total }
    const window = UPSTREAM_WINDOWS[span]
    const slot = this.#slotNow()
    const originWallMs = clock.wallMs() - (clock.monotonicMs() - this.#originMs)
    const points: TimelinePoint[] = []
    history.timeline(slot, window, this.#sum, (sum) => {
      const { calls, errors } = ratesOf(sum)
      const first = firstSlotOf(slot, window) + points.length * window.slots
      const both = addBoth(sum, this.#both)
      points.push({
        startMs: originWallMs + first * SLOT_MS,
        durationMs: window.slots * SLOT_MS,
        calls,
        errors,
        p50Ms: percentileMs(both, 0.5, this.upstreamResolution),
        p95Ms: percentileMs(both, 0.95, this.upstreamResolution),
      })
    })
    return points
  }

  /** Packs what has ended, and forgets tools that nobody has called for a day. */
  tick(): void {
    const slot = this.#slotNow()
    this.#due ??= this.#histories()
    for (let rolled = 0; rolled < ROLLS_MAX;) {
      const { done, value } = this.#due.next()
      if (done === true) {
        this.#due = undefined
        return
      }
      if (!value.isDue(slot)) continue
      value.roll(slot, this.#scratch)
      rolled += 1
    }
  }

  *#histories(): Iterator<History> {
    yield this.#total
    for (const { history, tools } of this.#upstreams.values()) {
      yield history
      for (const [name, tool] of tools) {
        yield tool.history
        if (!tool.history.empty || tool.inFlight > 0) continue
        tools.delete(name)
        this.#toolCount -= 1
      }
    }
  }

  /** What was returned before is overwritten. */
  #binsOf(call: CallRecord, resolution: Resolution): CallBins {
    const bins = this.#bins
    bins.duration = call.timing === 'none' ? 0 : resolution.binOf(call.us)
    bins.firstEvent = call.firstEventUs < 0 ? 0 : resolution.binOf(call.firstEventUs)
    return bins
  }

  #toolOf(series: UpstreamSeries, tool: string): ToolSeries {
    const known = series.tools.get(tool)
    if (known !== undefined) return known
    const full = this.#toolCount >= this.#options.toolsMax && tool !== OTHER
    if (full) this.#options.onFull()
    const name = full ? OTHER : tool
    const fallback = series.tools.get(name)
    if (fallback !== undefined) return fallback
    const made: ToolSeries = { tool: name, history: new History(TOOL_LEVELS), inFlight: 0 }
    series.tools.set(name, made)
    // A call may end after its upstream has gone from the configuration; nobody counts its tools down again.
    if (this.#upstreams.get(series.upstream) === series) this.#toolCount += 1
    return made
  }

  #stats(
    history: History,
    name: WindowName,
    windows: Readonly<Record<WindowName, Window>>,
    resolution: Resolution,
  ): WindowStats {
    const window = windows[name]
    const slot = this.#slotNow()
    this.#sum.clear()
    history.sumInto(this.#sum, slot, window)
    const coveredMs = this.#coveredMs(window)
    return windowStats(this.#sum, name, coveredMs, { resolution, both: this.#both })
  }

  /** From the beginning of the window, or from the start of the sidecar, until now. */
  #coveredMs(window: Window): number {
    const sinceStartMs = this.#options.clock.monotonicMs() - this.#originMs
    const slot = Math.floor(sinceStartMs / SLOT_MS)
    return Math.min(sinceStartMs, sinceStartMs - firstSlotOf(slot, window) * SLOT_MS)
  }

  #slotNow(): number {
    return this.#slotAt(this.#options.clock.monotonicMs())
  }

  #slotAt(atMs: number): number {
    return Math.max(0, Math.floor((atMs - this.#originMs) / SLOT_MS))
  }
}

function newUpstream(upstream: string): UpstreamSeries {
  return { upstream, history: new History(UPSTREAM_LEVELS), tools: new Map(), inFlight: 0 }
}

/** By 5 seconds as far as they are kept, by minutes beyond. */
function windowOf(ms: number): Window {
  const fine = UPSTREAM_WINDOWS['5m']
  const { slots } = ms <= fine.keep * SLOT_MS ? fine : UPSTREAM_WINDOWS['1h']
  return { slots, keep: Math.max(1, Math.round(ms / (slots * SLOT_MS))) }
}
