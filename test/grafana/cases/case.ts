/** What an alert is shown in a unit test of promtool, and when it has to fire. */

export interface AlertCase {
  readonly alert: string
  /** Besides the alert's name: which of several rules, as a matcher such as `long="1h"`. */
  readonly where?: string
  /** What is special about it; each alert has one case without. */
  readonly about?: string
  /** Time between two samples. */
  readonly interval?: '30s' | '1m'
  /** Time between two evaluations, where that is more. */
  readonly evaluate?: '5m'
  readonly series: Readonly<Record<string, string>>
  /**
   * The labels of all alerts of this name that fire at a time, besides `alertname` and `alertstate`.
   * A subject that is named `below` stays just below the threshold, one that is named `quiet` has too
   * little traffic, or another reason not to be noticed.
   */
  readonly firing: Readonly<Record<string, readonly string[]>>
}

/** Values of a counter: `[samples, what is added at each]`, after a first one of 0. */
export function counter(...steps: readonly (readonly [samples: number, step: number])[]): string {
  const values = [0]
  for (const [samples, step] of steps) {
    for (let sample = 0; sample < samples; sample += 1) {
      values.push(Number(((values.at(-1) ?? 0) + step).toFixed(6)))
    }
  }
  return values.join(' ')
}

/** Values of a gauge: `[samples, value]`; `_` where there is no sample. */
export function gauge(
  ...steps: readonly (readonly [samples: number, value: number | '_'])[]
): string {
  return steps.flatMap(([samples, value]) => Array<string>(samples).fill(String(value))).join(' ')
}

/** Series of an upstream, as the scrape of a sidecar makes them. */
export const of = (upstream: string, others = ''): string =>
  `job="sidelight", instance="a", sidelight_upstream_name="${upstream}"${others === '' ? '' : `, ${others}`}`

export const calls = (upstream: string, outcome: string, reason?: string): string =>
  `sidelight_calls_total{${of(upstream, `mcp_method_name="tools/call", sidelight_outcome="${outcome}"`)}${reason === undefined ? '' : `, sidelight_outcome_reason="${reason}"`}}`

/** Of a sidecar. */
export const at = (instance: string, others = ''): string =>
  `job="sidelight", instance="${instance}"${others === '' ? '' : `, ${others}`}`
