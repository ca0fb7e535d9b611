/** The state of alerts: pending, firing and resolved, as Prometheus has them. */

import { ALERT_DEFAULTS } from '../core/alert-defaults.ts'
import type { Condition } from './alert-rules.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { AlertState, AlertView } from './views.ts'

/** Resolved alerts are shown, and told to Alertmanager, for so long. */
export const RESOLVED_KEPT_MS = 15 * 60_000

interface Entry {
  /** The last condition that held, for its value and its texts. */
  condition: Condition
  state: AlertState
  readonly fingerprint: string
  readonly labels: Readonly<Record<string, string>>
  /** Monotonic. */
  activeMs: number
  heldMs: number
  resolvedMs: number
  /** Wall clock. */
  activeAtMs: number
  firedAtMs: number | undefined
  resolvedAtMs: number | undefined
}

/** A change of state, for the log. */
export interface AlertChange {
  readonly alert: AlertView
  readonly from: AlertState | undefined
}

export interface Moment {
  readonly nowMs: number
  readonly wallMs: number
}

/** There are as many entries as rules have upstreams to apply to, at most. */
export class AlertBook {
  readonly #labels: Readonly<Record<string, string>>
  readonly #entries = new Map<string, Entry>()

  /** `labels` stand on every alert, such as the instance. */
  constructor(labels: Readonly<Record<string, string>>) {
    this.#labels = labels
  }

  /** What was not evaluated, such as an upstream that is gone, holds no longer. */
  evaluate(conditions: readonly Condition[], moment: Moment): AlertChange[] {
    const changes: AlertChange[] = []
    const seen = new Set<string>()
    for (const condition of conditions) {
      const labels = { ...this.#labels, ...condition.labels }
      const fingerprint = fingerprintOf(labels)
      seen.add(fingerprint)
      const entry = this.#entries.get(fingerprint)
      if (condition.holds) this.#hold(entry, { condition, labels, fingerprint }, moment, changes)
      else if (entry !== undefined) this.#lapse(entry, condition, moment, changes)
    }
    for (const [fingerprint, entry] of this.#entries) {
      if (!seen.has(fingerprint)) this.#end(entry, moment, changes)
      const { state, resolvedMs } = entry
      const over = state === 'resolved' && moment.nowMs - resolvedMs >= RESOLVED_KEPT_MS
      if (over) this.#entries.delete(fingerprint)
    }
    return changes
  }

  /** Firing first, then pending, then resolved; in each, the newest first. */
  alerts(): readonly AlertView[] {
    const order: readonly AlertState[] = ['firing', 'pending', 'resolved']
    return [...this.#entries.values()]
      .map(viewOf)
      .toSorted(
        (a, b) => order.indexOf(a.state) - order.indexOf(b.state) || b.activeAtMs - a.activeAtMs,
      )
  }

  #hold(
    known: Entry | undefined,
    found: Pick<Entry, 'condition' | 'labels' | 'fingerprint'>,
    { nowMs, wallMs }: Moment,
    changes: AlertChange[],
  ): void {
    let entry = known
    if (entry === undefined || entry.state === 'resolved') {
      const from = entry?.state
      entry = {
        ...found,
        state: 'pending',
        activeMs: nowMs,
        heldMs: nowMs,
        resolvedMs: 0,
        activeAtMs: wallMs,
        firedAtMs: undefined,
        resolvedAtMs: undefined,
      }
      this.#entries.set(found.fingerprint, entry)
      if (found.condition.settings.forMs > 0) changes.push({ alert: viewOf(entry), from })
    }
    entry.condition = found.condition
    entry.heldMs = nowMs
    if (entry.state === 'firing' || nowMs - entry.activeMs < found.condition.settings.forMs) return
    entry.state = 'firing'
    entry.firedAtMs = wallMs
    changes.push({ alert: viewOf(entry), from: 'pending' })
  }

  #lapse(entry: Entry, condition: Condition, moment: Moment, changes: AlertChange[]): void {
    const { keepFiringForMs } = condition.settings
    if (entry.state === 'firing' && moment.nowMs - entry.heldMs < keepFiringForMs) return
    this.#end(entry, moment, changes)
  }

  #end(entry: Entry, { nowMs, wallMs }: Moment, changes: AlertChange[]): void {
    if (entry.state === 'resolved') return
    const from = entry.state
    // Nobody was told of what never fired.
    if (from === 'pending') this.#entries.delete(entry.fingerprint)
    entry.state = 'resolved'
    entry.resolvedMs = nowMs
    entry.resolvedAtMs = wallMs
    changes.push({ alert: viewOf(entry), from })
  }
}

function viewOf(entry: Entry): AlertView {
  const { condition, fingerprint, state, labels, activeAtMs, firedAtMs, resolvedAtMs } = entry
  const { name, severity } = ALERT_DEFAULTS[condition.rule]
  return {
    fingerprint,
    name,
    state,
    severity,
    labels,
    annotations: condition.annotations,
    activeAtMs,
    firedAtMs,
    resolvedAtMs,
    value: condition.value,
    threshold: condition.settings.threshold,
    silencedBy: undefined,
  }
}
