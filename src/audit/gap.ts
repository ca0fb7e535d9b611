/** Entries that could not be taken, until a record says so. */

import type { AuditEntry } from '../core/audit.ts'

export class Gap {
  #dropped = 0
  #fromWallMs = 0
  #untilWallMs = 0

  get dropped(): number {
    return this.#dropped
  }

  add(atWallMs: number): void {
    const isFirst = this.#dropped === 0
    // What was held is older than what was added since.
    this.#fromWallMs = isFirst ? atWallMs : Math.min(this.#fromWallMs, atWallMs)
    this.#untilWallMs = isFirst ? atWallMs : Math.max(this.#untilWallMs, atWallMs)
    this.#dropped += 1
  }

  entry(atWallMs: number): AuditEntry {
    return {
      type: 'audit.gap',
      atWallMs,
      body: {
        dropped: this.#dropped,
        from: new Date(this.#fromWallMs).toISOString(),
        until: new Date(this.#untilWallMs).toISOString(),
      },
    }
  }

  /** So many of them are on record. */
  recorded(dropped: number): void {
    this.#dropped -= dropped
  }
}
