/** Silences: for some time, alerts with these labels are not sent. They are kept in memory alone. */

import type { AlertView, SilenceOrder, SilenceView } from './views.ts'

export const SILENCES_MAX = 100

/** A silence that lasts for ever is forgotten; who needs longer orders it again. */
export const SILENCE_MS_MAX = 30 * 24 * 3_600_000

const MATCHERS_MAX = 8
const TEXT_CHARS_MAX = 200

export class Silences {
  readonly #newId: () => string
  readonly #silences = new Map<string, SilenceView>()

  constructor(newId: () => string) {
    this.#newId = newId
  }

  add(order: SilenceOrder, wallMs: number): SilenceView | 'full' | 'invalid' {
    if (!isValid(order)) return 'invalid'
    if (this.list(wallMs).length >= SILENCES_MAX) return 'full'
    const { matchers, reason, author, ttlMs } = order
    const silence: SilenceView = {
      id: this.#newId(),
      matchers: { ...matchers },
      reason,
      author,
      createdAtMs: wallMs,
      endsAtMs: wallMs + ttlMs,
    }
    this.#silences.set(silence.id, silence)
    return silence
  }

  end(id: string): SilenceView | undefined {
    const silence = this.#silences.get(id)
    this.#silences.delete(id)
    return silence
  }

  /** Those that still last; the others are forgotten. */
  list(wallMs: number): readonly SilenceView[] {
    for (const { id, endsAtMs } of this.#silences.values()) {
      if (endsAtMs <= wallMs) this.#silences.delete(id)
    }
    return [...this.#silences.values()]
  }

  /** The alert with the silence that it is under. */
  applyTo(alert: AlertView): AlertView {
    for (const { id, matchers } of this.#silences.values()) {
      const entries = Object.entries(matchers)
      if (entries.every(([name, value]) => alert.labels[name] === value)) {
        return { ...alert, silencedBy: id }
      }
    }
    return alert
  }
}

function isValid({ matchers, ttlMs, reason, author }: SilenceOrder): boolean {
  const entries = Object.entries(matchers)
  const texts = [reason, author, ...entries.flat()]
  return (
    entries.length > 0 &&
    entries.length <= MATCHERS_MAX &&
    ttlMs > 0 &&
    ttlMs <= SILENCE_MS_MAX &&
    texts.every(isText)
  )
}

/** Printable: it goes into the log. */
function isText(text: string): boolean {
  return text.length > 0 && text.length <= TEXT_CHARS_MAX && !/[\p{C}\u2028\u2029]/u.test(text)
}
