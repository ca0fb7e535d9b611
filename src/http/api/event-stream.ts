/**
 * `GET /api/v1/events`: what changes, as server-sent events. All subscribers are served by one timer and
 * one snapshot per window; whoever reads slower misses pictures in between, and whoever does not read at
 * all is let go. Nothing is kept for anybody but a number.
 */

import type { ServerResponse } from 'node:http'
import type { Window } from './stats-schema.ts'
import type { ApiViews } from './views.ts'

/** Subscribers at a time; more are refused. */
export const SUBSCRIBERS_MAX = 32

/** Calls in one event; the rest of a burst is left out. */
const CALLS_MAX = 50

export interface EventStreamOptions {
  readonly views: Pick<ApiViews, 'call'> & {
    readonly insight: Pick<ApiViews['insight'], 'version' | 'recentCalls'>
  }
  /** The text of a snapshot; shared with those who ask without a stream. */
  snapshotText(window: Window): string
  readonly everyMs?: number
}

interface Subscriber {
  readonly outgoing: ServerResponse
  readonly window: Window
  readonly mayStay: () => boolean
  lastSeq: number
  /** What was sent last, by `insight.version`; -1 before the first. */
  version: number
  /** Rounds since something was sent. */
  quiet: number
  /** Rounds in which it had not read what was sent before. */
  stuck: number
}

/** Without news something is sent this often all the same, so that a dead connection is noticed. */
const QUIET_ROUNDS_MAX = 4

/** A subscriber that reads nothing for so many rounds is let go. */
const STUCK_ROUNDS_MAX = 60

export class EventStream {
  readonly #options: EventStreamOptions
  readonly #subscribers = new Set<Subscriber>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: EventStreamOptions) {
    this.#options = options
  }

  get subscribers(): number {
    return this.#subscribers.size
  }

  /**
   * False when there are as many subscribers as there may be; nothing has been sent then. It ends when
   * `mayStay` says no: who asked may have to show something else by then.
   */
  add(outgoing: ServerResponse, window: Window, mayStay = (): boolean => true): boolean {
    if (this.#subscribers.size >= SUBSCRIBERS_MAX) return false
    const subscriber = { outgoing, window, mayStay, lastSeq: -1, version: -1, quiet: 0, stuck: 0 }
    this.#subscribers.add(subscriber)
    outgoing.on('close', () => this.#remove(subscriber))
    outgoing.on('error', () => this.#remove(subscriber))
    outgoing.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'X-Accel-Buffering': 'no',
    })
    this.#timer ??= setInterval(() => this.#round(), this.#options.everyMs ?? 500).unref()
    this.#tell(subscriber)
    return true
  }

  #round(): void {
    for (const subscriber of this.#subscribers) {
      if (!subscriber.mayStay()) {
        subscriber.outgoing.end()
        this.#remove(subscriber)
        continue
      }
      if (subscriber.outgoing.writableNeedDrain) {
        subscriber.stuck += 1
        if (subscriber.stuck > STUCK_ROUNDS_MAX) subscriber.outgoing.destroy()
        continue
      }
      subscriber.stuck = 0
      this.#tell(subscriber)
    }
  }

  #tell(subscriber: Subscriber): void {
    const { views } = this.#options
    const { version } = views.insight
    subscriber.quiet += 1
    if (version === subscriber.version && subscriber.quiet < QUIET_ROUNDS_MAX) return
    subscriber.version = version
    subscriber.quiet = 0
    const events = [event('snapshot', this.#options.snapshotText(subscriber.window))]
    const news = views.insight.recentCalls({ after: subscriber.lastSeq, limit: CALLS_MAX })
    if (news.calls.length > 0) {
      const calls = news.calls.map((call) => views.call(call))
      events.push(event('calls', JSON.stringify({ ...news, calls })))
    }
    subscriber.lastSeq = news.lastSeq
    subscriber.outgoing.write(events.join(''))
  }

  #remove(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber)
    if (this.#subscribers.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/** JSON has no line breaks of its own, so it is one line of data. */
function event(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`
}
