/** How long a breaker has been open, told piece by piece so that a long outage shows while it lasts. */

export class OpenTime {
  readonly #tell: (ms: number) => void
  /** Until when it has been told. */
  #toldMs = 0
  #handedOver = false

  constructor(tell: (ms: number) => void) {
    this.#tell = tell
  }

  began(nowMs: number): void {
    this.#toldMs = nowMs
  }

  /** It has been open until now. */
  tell(nowMs: number): void {
    if (this.#handedOver) return
    this.#tell(Math.max(0, nowMs - this.#toldMs))
    this.#toldMs = nowMs
  }

  /** Another tells it from now on. */
  handTo(other: OpenTime): void {
    other.#toldMs = this.#toldMs
    this.#handedOver = true
  }
}
