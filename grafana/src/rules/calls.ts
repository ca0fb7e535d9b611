/**
 * Which series count for what, derived from the one table of outcomes: what Prometheus divides is what
 * the sidecar's own statistics divide.
 */

import { indicatorOf, type Indicator } from '../../../src/core/indicator.ts'
import { factsOf, UPSTREAM_FAILURES, reject } from '../../../src/core/outcome.ts'
import { REJECT_REASONS } from '../../../src/core/reject-reasons.ts'

/** Labels by which calls are judged apart; those that a scrape does not have are left out by themselves. */
export const GROUP = 'cluster, namespace, job, sidelight_upstream_name'

/** The same, for each sidecar. */
export const INSTANCE_GROUP = 'cluster, namespace, job, instance, sidelight_upstream_name'

/**
 * Requests of clients. Notifications have no answer; what a server asks its client takes as long as a
 * person or a model does.
 */
export const REQUESTS =
  'mcp_method_name!~"notifications/.+|sampling/createMessage|elicitation/create|roots/list"'

const reasonsThat = (indicator: Indicator): string[] => [
  ...UPSTREAM_FAILURES.filter(
    (reason) => indicatorOf({ kind: 'upstream_failed', reason, sent: true }) === indicator,
  ),
  ...REJECT_REASONS.filter((reason) => indicatorOf(reject(reason, '')) === indicator),
]

/** JSON-RPC codes that are the caller's mistake. */
const CALLERS_CODES = [
  -32700, -32600, -32601, -32602, -32002, -32020, -32021, -32022, -32042,
].filter((code) => indicatorOf({ kind: 'rpc_error', code }) === 'good')

const HISTOGRAM = 'mcp_server_operation_duration_seconds'

/** Calls that count, per second. */
export const countedCalls = (window: string): string =>
  `sum by (${GROUP}) (
  rate(sidelight_calls_total{${REQUESTS}, sidelight_outcome!="cancelled", sidelight_outcome_reason!~"${reasonsThat('excluded').join('|')}"}[${window}])
)`

/** Of these, where the service was not there or broke. */
export const unavailableCalls = (window: string): string =>
  `sum by (${GROUP}) (
  ${unavailable(window)}
  or
  ${rpcErrors(`rpc_response_status_code="-32603"`, window)}
)
or sidelight:calls:rate5m * 0`

/** Of these, where it failed: failed tools and servers' errors besides the unavailable ones. */
export const failedCalls = (window: string): string =>
  `sum by (${GROUP}) (
  ${unavailable(window)}
  or
  rate(sidelight_calls_total{${REQUESTS}, sidelight_outcome="tool_error"}[${window}])
  or
  ${rpcErrors(`rpc_response_status_code!~"|${CALLERS_CODES.join('|')}"`, window)}
)
or sidelight:calls:rate5m * 0`

const unavailable = (window: string): string =>
  `rate(sidelight_calls_total{${REQUESTS}, sidelight_outcome_reason=~"${reasonsThat('unavailable').join('|')}"}[${window}])
  or
  rate(sidelight_calls_total{${REQUESTS}, sidelight_outcome="internal"}[${window}])`

/** The counter of calls does not tell JSON-RPC codes apart; the histogram does, classic or native. */
const rpcErrors = (code: string, window: string): string =>
  `rate(${HISTOGRAM}_count{${REQUESTS}, ${code}}[${window}])
  or
  histogram_count(rate(${HISTOGRAM}{${REQUESTS}, ${code}}[${window}]))`

/** Calls that reached the upstream: what is refused here takes no time and would flatter the rest. */
const TIMED = `${REQUESTS}, error_type!~"${REJECT_REASONS.filter((reason) => factsOf(reject(reason, '')).serverErrorType !== undefined).join('|')}"`

export const timedCalls = (window: string): string =>
  `sum by (${GROUP}) (
  rate(${HISTOGRAM}_count{${TIMED}}[${window}])
  or
  histogram_count(rate(${HISTOGRAM}{${TIMED}}[${window}]))
)`

/** Calls that took longer than a bound of the histogram. */
export const slowCalls = (seconds: number, window: string): string =>
  `(
  sum by (${GROUP}) (rate(${HISTOGRAM}_bucket{${TIMED}, le="+Inf"}[${window}]))
  - sum by (${GROUP}) (rate(${HISTOGRAM}_bucket{${TIMED}, le=~"${seconds}|${seconds}[.]0"}[${window}]))
)
or
(${nativeCount(window)} > 0) * (1 - histogram_fraction(0, ${seconds}, ${native(window)}))
or
${nativeCount(window)}`

const native = (window: string): string =>
  `sum by (${GROUP}) (rate(${HISTOGRAM}{${TIMED}}[${window}]))`

/** Without calls there is no share of slow ones, only none of them. */
const nativeCount = (window: string): string => `histogram_count(${native(window)})`

/** A percentile, from classic buckets or from native histograms; nothing without calls. */
export const quantile = (q: number, window: string): string =>
  `(
  histogram_quantile(${q}, sum by (${GROUP}, le) (rate(${HISTOGRAM}_bucket{${TIMED}}[${window}])))
  or
  histogram_quantile(${q}, ${native(window)})
)
and sidelight:calls_timed:rate5m > 0`
