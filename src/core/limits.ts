/** The limits that can be hit, by the name under which `sidelight.limit.hits` counts them. */

export type LimitName =
  /** `limits.body` */
  | 'body'
  /** `limits.bodies` */
  | 'bodies'
  /** `limits.headers`, of requests */
  | 'headers'
  /** `limits.depth` */
  | 'depth'
  /** `limits.batch` */
  | 'batch'
  /** `limits.connections` */
  | 'connections'
  /** `limits.streams` */
  | 'streams'
  /** `limits.suspendedCalls` */
  | 'suspended_calls'
  /** `limits.requestTimeout` */
  | 'request_timeout'
  /** `limits.sessions` */
  | 'sessions'
  /** `processes` of a stdio upstream */
  | 'processes'
  /** `queue` of an upstream: too many calls wait, or one waited too long */
  | 'queue'
  /** Tools of an upstream that have a breaker of their own. */
  | 'tool_breakers'
  /** Tokens that are being verified, or proofs that are remembered. */
  | 'authentications'
  /** `limits.line`, of what a stdio server writes */
  | 'line'
  /** `limits.replayEvents` and `limits.replayBytes`: a client missed events that are gone */
  | 'replay'
  /** Copies of results, such as lists of tools: one of them, or all together. */
  | 'captures'
  /** `policy.listBytes`: a list, or an event, is too large to be filtered. */
  | 'lists'
  /** Requests of servers that their clients have not answered. */
  | 'server_requests'
  /** What is remembered of lists of tools: tools, audiences, pages. */
  | 'catalogue'
  /** Calls and refusals that are remembered to notice that they come again. */
  | 'recent_calls'
  /** `insight.tools` */
  | 'insight_tools'
  /** Silences of alerts at a time. */
  | 'silences'
  /** Names of tools and prompts that become metric labels, per upstream. */
  | 'label_values'
  /** Series per metric. */
  | 'metric_series'
  /** Series of one upstream, over all metrics. */
  | 'metric_series_upstream'
  /** Series in all. */
  | 'metric_series_total'
  /** Exemplars in all. */
  | 'metric_exemplars'
  /** `audit.queue`: entries that wait to be written to the audit log. */
  | 'audit_queue'
  /** Readings of `/metrics` at once, or the time that one may take. */
  | 'scrapes'
  /** Followers of the admin plane's events at once. */
  | 'subscribers'

export const LIMIT_NAMES: readonly LimitName[] = [
  'body',
  'bodies',
  'headers',
  'depth',
  'batch',
  'connections',
  'streams',
  'suspended_calls',
  'request_timeout',
  'sessions',
  'processes',
  'queue',
  'tool_breakers',
  'authentications',
  'line',
  'replay',
  'captures',
  'lists',
  'server_requests',
  'catalogue',
  'recent_calls',
  'insight_tools',
  'silences',
  'label_values',
  'metric_series',
  'metric_series_upstream',
  'metric_series_total',
  'metric_exemplars',
  'audit_queue',
  'scrapes',
  'subscribers',
]
