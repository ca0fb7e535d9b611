/** Keeps one session open: opens it again when it is lost, and a new one now and then. */

import type { Clock } from '../../core/clock.ts'
import type { Action } from './scenario.ts'
import type { Session } from './sessions.ts'

export interface ConnectionOptions {
  readonly clock: Clock
  /** Calls on one session: the reference server keeps what it has sent until a session ends. */
  readonly callsMax: number
  open(): Promise<Session>
}

const RETRY_FIRST_MS = 250
const RETRY_LONGEST_MS = 4_000

interface Use {
  readonly session: Session
  calls: number
  pending: number
  retired: boolean
}

export class Connection {
  readonly #options: ConnectionOptions
  #current: Promise<Use> | undefined
  #retryMs = RETRY_FIRST_MS
  #retryAtMs = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /** Makes one call. Its failure is not told: it is for the sidecar to see. */
  async run(action: Action, signal: AbortSignal): Promise<void> {
    const use = await this.#take()
    if (use === undefined) return
    use.calls += 1
    use.pending += 1
    try {
      await use.session.run(action, signal)
    } catch (error) {
      if (!signal.aborted && !use.session.isAnswer(error)) this.#retire(use)
    }
    use.pending -= 1
    if (use.calls >= this.#options.callsMax) this.#retire(use)
    if (use.retired && use.pending === 0) await quietly(use.session.end())
  }

  /** Leaves at once and opens no session again. */
  async leave(): Promise<void> {
    this.#retryAtMs = Infinity
    const current = this.#current
    this.#current = undefined
    const use = await current?.catch(() => undefined)
    if (use !== undefined) await quietly(use.session.leave())
  }

  /** The session to use, or undefined while it is too early to try again. */
  async #take(): Promise<Use | undefined> {
    const now = this.#options.clock.monotonicMs()
    if (this.#current === undefined && now < this.#retryAtMs) return undefined
    this.#current ??= this.#options
      .open()
      .then((session) => ({ session, calls: 0, pending: 0, retired: false }))
    const current = this.#current
    try {
      const use = await current
      this.#retryMs = RETRY_FIRST_MS
      return use
    } catch {
      if (this.#current === current) this.#waitBeforeRetry()
      return undefined
    }
  }

  #waitBeforeRetry(): void {
    this.#current = undefined
    this.#retryAtMs = Math.max(this.#retryAtMs, this.#options.clock.monotonicMs() + this.#retryMs)
    this.#retryMs = Math.min(RETRY_LONGEST_MS, this.#retryMs * 2)
  }

  #retire(use: Use): void {
    if (use.retired) return
    use.retired = true
    this.#current = undefined
  }
}

async function quietly(parting: Promise<void>): Promise<void> {
  try {
    await parting
  } catch {
    // The server or the way to it is gone, so the session is too.
  }
}
