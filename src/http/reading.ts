/** A request that is still coming in. A shutdown waits for it, but not for long. */

import type { ServerResponse } from 'node:http'
import type { Stoppable } from '../pipeline/in-flight.ts'

/** How long it may still take to arrive when a shutdown begins. */
const UPLOAD_GRACE_MS = 1_000

export class Reading implements Stoppable {
  readonly upstreamName: string
  inFlightIndex = -1
  readonly longLived = true
  finished = false
  readonly #outgoing: ServerResponse

  constructor(upstreamName: string, outgoing: ServerResponse) {
    this.upstreamName = upstreamName
    this.#outgoing = outgoing
  }

  stop(): void {
    setTimeout(() => {
      if (!this.finished) this.abort()
    }, UPLOAD_GRACE_MS).unref()
  }

  abort(): void {
    this.#outgoing.destroy()
  }

  cancelCall(): void {}

  tick(): void {}
}
