/** Counts what is in flight and refuses more than a maximum. */
export class Limiter {
  readonly #max: number
  #inFlight = 0

  constructor(max: number) {
    this.#max = max
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** False when `max` are in flight; otherwise `leave` once. */
  tryEnter(): boolean {
    if (this.#inFlight >= this.#max) return false
    this.#inFlight += 1
    return true
  }

  leave(): void {
    this.#inFlight -= 1
  }
}
