/** What alerts say to people. */

import type { AlertRuleName } from '../core/alert-defaults.ts'
import type { RuleSettings } from './alert-rules.ts'
import { percent, seconds } from './health.ts'

export interface AlertFigures {
  /** The upstream, or the signal of telemetry. */
  readonly subject: string
  readonly value: number | undefined
  readonly settings: RuleSettings
}

/** `summary`, `description` and `impact`, as the annotations of the Prometheus rules are called. */
export function describeAlert(
  rule: AlertRuleName,
  { subject, value = 0, settings }: AlertFigures,
): Readonly<Record<string, string>> {
  const minutes = Math.round(settings.windowMs / 60_000)
  const texts: Readonly<Record<AlertRuleName, readonly [string, string, string]>> = {
    errorRate: [
      `${percent(value)} of the calls to ${subject} fail`,
      `In the last ${minutes} minutes ${percent(value)} of the calls to the upstream ${subject} failed; the limit is ${percent(settings.threshold)}. Mistakes of callers and refusals by policy do not count.`,
      'Agents get errors instead of results and repeat their calls.',
    ],
    latency: [
      `One call in twenty to ${subject} takes longer than ${seconds(value * 1_000)}`,
      `The 95th percentile of the calls to the upstream ${subject} in the last ${minutes} minutes is ${seconds(value * 1_000)}; the limit is ${seconds(settings.threshold * 1_000)}. Calls that Sidelight refused are not in it.`,
      'Agents wait, and some give up and call again.',
    ],
    availability: [
      `${subject} was available for ${percent(value)} of its calls`,
      `In the last ${minutes} minutes the upstream ${subject} was there for ${percent(value)} of its calls; it should be ${percent(settings.threshold)}. Failed tools do not count, only calls that found no working server.`,
      'Agents cannot use its tools and have to do without.',
    ],
    breakerOpen: [
      `The circuit breaker of ${subject} is open`,
      `All calls to the upstream ${subject} are refused, because too many of them failed or somebody ordered it. It tries again by itself with growing pauses.`,
      'Agents are told at once that the upstream is out of order and when to try again.',
    ],
    upstreamDown: [
      `${subject} fails its health checks`,
      `The upstream ${subject} has passed no health check for minutes.`,
      'Whoever calls it gets an error; who does not yet will.',
    ],
    auditFailing: [
      // It fires while records only wait, too: then none are lost.
      value > 0 ? `${value} audit records were not written` : 'The audit log cannot be written',
      `The sidecar cannot write its audit log, or could not: in the last ${minutes} minutes ${value} records were lost. With audit.mode strict it refuses calls meanwhile.`,
      'What was done in that time cannot be proven.',
    ],
    telemetryFailing: [
      `${value} items of ${subject} were not delivered`,
      `In the last ${minutes} minutes ${value} items of ${subject} were lost because the collector did not take them. Calls are not affected.`,
      'Traces, logs or pushed metrics have gaps; scraped metrics do not.',
    ],
    telemetryDropped: [
      `${value} items of ${subject} were dropped`,
      `In the last ${minutes} minutes ${value} items of ${subject} were dropped because they came faster than they could be sent. Calls are not affected.`,
      'Traces or logs have gaps.',
    ],
  }
  const [summary, description, impact] = texts[rule]
  return { summary, description, impact }
}
