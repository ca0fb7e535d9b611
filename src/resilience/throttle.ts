/**
 * Keeps calls back for as long as an upstream asked for, by 429 or 503 with `Retry-After` (RFC 9110
 * §10.2.3). An upstream that asks for time is not broken, so this is no breaker.
 */

/** Nobody is believed to need more. */
export const THROTTLE_MS_MAX = 60_000

export class ThrottleGate {
  #untilMs = -Infinity
  #status = 0

  /** The status that closed it last. */
  get status(): number {
    return this.#status
  }

  /** Closes it; never for less long than it is closed already. */
  close(status: number, forMs: number, nowMs: number): void {
    this.#status = status
    this.#untilMs = Math.max(this.#untilMs, nowMs + Math.min(forMs, THROTTLE_MS_MAX))
  }

  open(): void {
    this.#untilMs = -Infinity
  }

  /** How long it stays closed; 0 when it is open. */
  remainingMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs)
  }
}

/** What `Retry-After` asks for, seconds or a date; undefined when it is absent or says nothing. */
export function parseRetryAfter(value: string | undefined, wallMs: number): number | undefined {
  if (value === undefined) return undefined
  const text = value.trim()
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  // Dates have a comma or a zone; without this check `Date.parse` takes almost anything.
  const at = /^[A-Z][a-z]+,? /.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - wallMs)
}
