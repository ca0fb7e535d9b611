/** The deliveries under way, so that a shutdown can wait for them and end what would never end. */

export interface Stoppable {
  /** True for streams that stay open as long as the client listens. */
  readonly longLived: boolean
  /** Ends the reply in good order. */
  stop(): void
  /** Breaks the reply off. */
  abort(): void
  /** Ends the call with this id, if it is one of this session's. */
  cancelCall(sessionKey: string, idKey: string): void
}

export class InFlight {
  readonly #active = new Set<Stoppable>()
  #onIdle: (() => void) | undefined

  get size(): number {
    return this.#active.size
  }

  add(delivery: Stoppable): void {
    this.#active.add(delivery)
  }

  remove(delivery: Stoppable): void {
    this.#active.delete(delivery)
    if (this.#active.size === 0) this.#onIdle?.()
  }

  /** Ends the streams that no client would end by itself. */
  stopLongLived(): void {
    for (const delivery of this.#active) if (delivery.longLived) delivery.stop()
  }

  abortAll(): void {
    for (const delivery of this.#active) delivery.abort()
  }

  /** The client took a call back. */
  cancelCall(sessionKey: string, idKey: string): void {
    for (const delivery of this.#active) delivery.cancelCall(sessionKey, idKey)
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    if (this.#active.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onIdle = resolve
    })
  }
}
