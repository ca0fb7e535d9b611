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
      const key = keyOf(condition)
      seen.add(key)
      if (condition.holds) this.#hold(key, condition, moment, changes)
      else this.#lapse(key, condition, moment, changes)
    }
    for (const [key, entry] of this.#entries) {
      if (!seen.has(key)) this.#end(key, entry, moment, changes)
      const { state, resolvedMs } = entry
      const over = state === 'resolved' && moment.nowMs - resolvedMs >= RESOLVED_KEPT_MS
      if (over) this.#entries.delete(key)
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

  #hold(key: string, condition: Condition, moment: Moment, changes: AlertChange[]): void {
    const { nowMs, wallMs } = moment
    const known = this.#entries.get(key)
    const entry =
      known === undefined || known.state === 'resolved'
        ? this.#begin(key, condition, moment)
        : known
    if (entry !== known && condition.settings.forMs > 0) {
      changes.push({ alert: viewOf(entry), from: known?.state })
    }
    entry.condition = condition
    entry.heldMs = nowMs
    if (entry.state === 'firing' || nowMs - entry.activeMs < condition.settings.forMs) return
    entry.state = 'firing'
    entry.firedAtMs = wallMs
    changes.push({ alert: viewOf(entry), from: 'pending' })
  }

  #begin(key: string, condition: Condition, { nowMs, wallMs }: Moment): Entry {
    const labels = { ...this.#labels, ...condition.labels }
    const entry: Entry = {
      condition,
      labels,
      fingerprint: fingerprintOf(labels),
      state: 'pending',
      activeMs: nowMs,
      heldMs: nowMs,
      resolvedMs: 0,
      activeAtMs: wallMs,
      firedAtMs: undefined,
      resolvedAtMs: undefined,
    }
    this.#entries.set(key, entry)
    return entry
  }

  #lapse(key: string, { settings }: Condition, moment: Moment, changes: AlertChange[]): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    const { keepFiringForMs } = settings
    if (entry.state === 'firing' && moment.nowMs - entry.heldMs < keepFiringForMs) return
    this.#end(key, entry, moment, changes)
  }

  #end(key: string, entry: Entry, { nowMs, wallMs }: Moment, changes: AlertChange[]): void {
    if (entry.state === 'resolved') return
    const from = entry.state
    // Nobody was told of what never fired.
    if (from === 'pending') this.#entries.delete(key)
    entry.state = 'resolved'
    entry.resolvedMs = nowMs
    entry.resolvedAtMs = wallMs
    changes.push({ alert: viewOf(entry), from })
  }
}

/** The same for the same rule about the same thing; a fingerprint takes longer. */
function keyOf({ rule, labels }: Condition): string {
  return `${rule} ${Object.values(labels).join(' ')}`
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
