/** What a rule is before it is written as YAML. */

import type { Scale } from '../scale.ts'
import type { Thresholds } from '../thresholds.ts'
import type { DASHBOARD_UIDS } from '../links.ts'

export interface RecordingRule {
  readonly record: string
  readonly expr: string
}

export type Category = 'calls' | 'slo' | 'upstream' | 'security' | 'telemetry' | 'sidecar' | 'meta'

/** `critical` pages somebody, `warning` is a ticket, `info` is shown, `none` is the watchdog's. */
export type Severity = 'critical' | 'warning' | 'info' | 'none'

export interface AlertRule {
  readonly alert: string
  readonly expr: string
  /** Durations as Prometheus writes them, already divided by the scale. */
  readonly for?: string
  readonly keepFiringFor?: string
  readonly severity: Severity
  readonly category: Category
  readonly labels?: Readonly<Record<string, string>>
  /** One line with the figure in it; Go templates, as Prometheus fills them in. */
  readonly summary: string
  /** What was measured, and what follows from it. */
  readonly description: string
  /** Who notices what. */
  readonly impact: string
  readonly dashboard: keyof typeof DASHBOARD_UIDS
}

export interface RuleGroup {
  readonly name: string
  /** How often it is evaluated, when that is less often than usual. */
  readonly interval?: string
  readonly rules: readonly (RecordingRule | AlertRule)[]
}

/** What rules are made from. */
export interface RuleSettings {
  readonly scale: Scale
  readonly thresholds: Thresholds
}

export const isAlert = (rule: RecordingRule | AlertRule): rule is AlertRule => 'alert' in rule
