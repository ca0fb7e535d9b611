/** The deliveries under way, so that a shutdown can wait for them and end what would never end. */

export interface Stoppable {
  readonly upstreamName: string
  /** Where it stands in the list; written by `InFlight` alone, -1 outside it. */
  inFlightIndex: number
  /** True for streams that stay open as long as the client listens. */
  readonly longLived: boolean
  /** True for what waits for its turn at an upstream. */
  readonly waits?: boolean
  /** Ends the reply in good order. */
  stop(): void
  /** Breaks the reply off. */
  abort(): void
  /** Ends the call with this id, if it is one of this session's. */
  cancelCall(sessionKey: string, idKey: string): void
  /** Ends what takes too long. */
  tick(nowMs: number): void
}

/**
 * A list in which each entry knows its place, so that entries come and go in constant time. A `Set`
 * under such churn keeps its old tables, and with them every finished delivery, alive until the
 * next full collection.
 */
export class InFlight {
  readonly #active: Stoppable[] = []
  readonly #onDefect: (error: unknown) => void
  #onIdle: (() => void) | undefined

  /** Told of what deliveries throw when time passes. */
  constructor(onDefect: (error: unknown) => void) {
    this.#onDefect = onDefect
  }

  get size(): number {
    return this.#active.length
  }

  /** How many are under way, by upstream. */
  countByUpstream(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { upstreamName } of this.#active) {
      counts.set(upstreamName, (counts.get(upstreamName) ?? 0) + 1)
    }
    return counts
  }

  add(delivery: Stoppable): void {
    if (this.#active[delivery.inFlightIndex] === delivery) return
    delivery.inFlightIndex = this.#active.length
    this.#active.push(delivery)
  }

  remove(delivery: Stoppable): void {
    const index = delivery.inFlightIndex
    if (this.#active[index] !== delivery) return
    const last = this.#active.pop()
    if (last !== undefined && last !== delivery) {
      this.#active[index] = last
      last.inFlightIndex = index
    }
    delivery.inFlightIndex = -1
    if (this.#active.length === 0) this.#onIdle?.()
  }

  /** Ends the streams that no client would end by itself. */
  stopLongLived(): void {
    for (const delivery of this.#active.slice()) if (delivery.longLived) delivery.stop()
  }

  /** Those that wait go first: what is broken off would give its turn to them. */
  abortAll(): void {
    for (const one of this.#active.slice()) if (one.waits === true) one.abort()
    for (const delivery of this.#active.slice()) delivery.abort()
  }

  /** The client took a call back. */
  cancelCall(sessionKey: string, idKey: string): void {
    for (const delivery of this.#active.slice()) delivery.cancelCall(sessionKey, idKey)
  }

  /** Ends what takes too long. To be called often: it costs less than a timer for each call. */
  tick(nowMs: number): void {
    // Whatever ends gives its place to the last one, which has been looked at.
    for (let i = this.#active.length - 1; i >= 0; i -= 1) {
      const one = this.#active[i]
      try {
        one?.tick(nowMs)
      } catch (error) {
        this.#onDefect(error)
        if (one !== undefined) this.#giveUp(one)
      }
    }
  }

  /** One that cannot be ended in good order would be late at every tick. */
  #giveUp(one: Stoppable): void {
    try {
      one.abort()
    } catch (error) {
      this.#onDefect(error)
    } finally {
      this.remove(one)
    }
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    if (this.#active.length === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onIdle = resolve
    })
  }
}
