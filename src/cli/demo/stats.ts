/** What the demo shows of the calls it has seen. Bounded: rows, durations and outcomes have a most. */

import type { Clock } from '../../core/clock.ts'
import type { Call } from '../../core/exchange.ts'
import type { CallFollower, CallObserver } from '../../core/observer.ts'
import { reasonOf, type Outcome } from '../../core/outcome.ts'
import { Tally, type RowNumbers } from './tally.ts'

export interface Row {
  /** The tool's name for a tool call, else the method and what it is about. */
  readonly label: string
  readonly numbers: RowNumbers
}

export interface Group {
  readonly upstream: string
  readonly numbers: RowNumbers
  /** Most calls first. */
  readonly rows: readonly Row[]
}

export interface EndedCall {
  readonly atWallMs: number
  readonly upstream: string
  readonly label: string
  readonly outcome: string
  readonly durationMs: number
  readonly traceId: string | undefined
}

/** Everything that the view shows, at one moment. */
export interface Snapshot {
  readonly uptimeMs: number
  readonly groups: readonly Group[]
  readonly total: RowNumbers
  /** Newest last. */
  readonly recent: readonly EndedCall[]
}

export interface StatsOptions {
  readonly clock: Clock
  readonly upstreams: readonly string[]
  isLongLived(method: string): boolean
  /** Told of every call that ends. */
  onEnded?(call: EndedCall): void
}

/** Rows per upstream; what clients send must not grow the table without end. */
const ROWS_MAX = 64
const RECENT_MAX = 50
const LABEL_CHARS_MAX = 64
const OTHER = '(other)'

interface Counted {
  readonly total: Tally
  readonly rows: Map<string, Tally>
}

export class DemoStats implements CallObserver {
  readonly #options: StatsOptions
  readonly #startedMs: number
  readonly #total = new Tally()
  readonly #groups = new Map<string, Counted>()
  readonly #recent: EndedCall[] = []

  constructor(options: StatsOptions) {
    this.#options = options
    this.#startedMs = options.clock.monotonicMs()
    for (const name of options.upstreams) this.#groups.set(name, newCounted())
  }

  begin(call: Call): CallFollower {
    const { upstreamName, receivedAtMs } = call.exchange
    const label = labelOf(call)
    const upstream = this.#groups.has(upstreamName) ? upstreamName : OTHER
    const tallies = this.#talliesOf(upstream, label)
    for (const tally of tallies) tally.begin()
    return {
      attemptStarted: () => undefined,
      attemptEnded: () => {},
      ended: (outcome, atMs) => {
        const durationMs = Math.max(0, atMs - receivedAtMs)
        const timed = this.#options.isLongLived(call.message.method) ? undefined : durationMs
        const name = nameOutcome(outcome)
        for (const tally of tallies) tally.end(name, timed, atMs)
        this.#remember({
          atWallMs: this.#options.clock.wallMs(),
          upstream,
          label,
          outcome: name,
          durationMs,
          traceId: call.trace?.traceId,
        })
      },
    }
  }

  exchangeEnded(): void {}

  limitHit(): void {}

  snapshot(): Snapshot {
    const now = this.#options.clock.monotonicMs()
    const numbers = (tally: Tally): RowNumbers => tally.numbers(now, this.#startedMs)
    return {
      uptimeMs: now - this.#startedMs,
      groups: [...this.#groups].map(([upstream, { total, rows }]) => ({
        upstream,
        numbers: numbers(total),
        rows: [...rows]
          .sort(([, a], [, b]) => b.calls - a.calls)
          .map(([label, tally]) => ({ label, numbers: numbers(tally) })),
      })),
      total: numbers(this.#total),
      recent: [...this.#recent],
    }
  }

  #talliesOf(upstream: string, label: string): readonly Tally[] {
    const group = this.#groups.get(upstream) ?? newCounted()
    this.#groups.set(upstream, group)
    const key = group.rows.has(label) || group.rows.size < ROWS_MAX ? label : OTHER
    const row = group.rows.get(key) ?? new Tally()
    group.rows.set(key, row)
    return [this.#total, group.total, row]
  }

  #remember(call: EndedCall): void {
    this.#recent.push(call)
    if (this.#recent.length > RECENT_MAX) this.#recent.shift()
    this.#options.onEnded?.(call)
  }
}

function newCounted(): Counted {
  return { total: new Tally(), rows: new Map() }
}

/** What was called, in printable characters: a name may come from anywhere and steer a terminal. */
function labelOf({ message }: Call): string {
  const label =
    message.method === 'tools/call' && message.target !== undefined
      ? message.target
      : [message.method, message.target ?? message.resourceUri].filter(Boolean).join(' ')
  return label.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, LABEL_CHARS_MAX)
}

/** The outcome in a word or two: its kind, and the code or the reason that tells it apart. */
export function nameOutcome(outcome: Outcome): string {
  if (outcome.kind === 'rpc_error') return `rpc_error ${outcome.code}`
  if (outcome.kind === 'upstream_status') return `upstream_status ${outcome.status}`
  const reason = reasonOf(outcome)
  return reason === undefined ? outcome.kind : `${outcome.kind} ${reason}`
}

const GOOD: ReadonlySet<string> = new Set(['ok', 'input_required', 'task'])

/** True of the names of outcomes that are no error. */
export function isGood(outcome: string): boolean {
  return GOOD.has(outcome)
}
