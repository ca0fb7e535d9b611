import { at, calls, counter, gauge, of, type AlertCase } from './case.ts'

const closed = (upstream: string, others = ''): string =>
  `sidelight_breaker_status{${of(upstream, `sidelight_breaker_state="closed"${others}`)}}`

const opened = (upstream: string, instance: string): string =>
  `sidelight_breaker_transitions_total{job="sidelight", instance="${instance}", sidelight_upstream_name="${upstream}", sidelight_breaker_state="open", sidelight_breaker_cause="failures_in_row"}`

/** One more every five minutes, `times` times, after five minutes. */
const every5m = (times: number): string =>
  counter(
    ...Array.from(
      { length: times },
      () =>
        [
          [4, 0],
          [1, 1],
        ] as const,
    ).flat(),
    [100 - 5 * times, 0],
  )

const upstreamAlert = (severity: string, upstream = 'fires', others = ''): string =>
  `category="upstream", job="sidelight", severity="${severity}", sidelight_upstream_name="${upstream}"${others}`

const TOOL = ', gen_ai_tool_name="search"'

export const UPSTREAM_CASES: readonly AlertCase[] = [
  {
    alert: 'SidelightBreakerOpen',
    interval: '30s',
    series: {
      [closed('fires')]: gauge([20, 1], [10, 0], [40, 1]),
      // A single opening that its first trials end.
      [closed('below')]: gauge([20, 1], [1, 0], [50, 1]),
      // The breaker of a tool is another alert's.
      [closed('quiet')]: gauge([70, 1]),
      [closed('quiet', TOOL)]: gauge([20, 1], [50, 0]),
    },
    firing: { '10m': [], '11m': [upstreamAlert('critical')], '28m': [] },
  },
  {
    alert: 'SidelightToolBreakerOpen',
    interval: '30s',
    series: {
      [closed('fires', TOOL)]: gauge([20, 1], [10, 0], [40, 1]),
      [closed('below', TOOL)]: gauge([20, 1], [1, 0], [50, 1]),
      [closed('quiet')]: gauge([20, 1], [50, 0]),
    },
    firing: { '10m': [], '11m': [upstreamAlert('warning', 'fires', TOOL)], '20m': [] },
  },
  {
    alert: 'SidelightBreakerFlapping',
    series: {
      [opened('fires', 'a')]: every5m(4),
      [opened('below', 'a')]: every5m(2),
      // Two sidecars that open it twice each have not seen it flap.
      [opened('quiet', 'a')]: every5m(2),
      [opened('quiet', 'b')]: every5m(2),
      // Down all the time: each trial that fails opens it anew.
      [opened('down', 'a').replace('failures_in_row', 'trial_failed')]: counter([100, 1]),
    },
    firing: { '14m': [], '21m': [upstreamAlert('warning')], '80m': [] },
  },
  {
    alert: 'SidelightUpstreamDown',
    series: {
      [`sidelight_upstream_up{${of('fires')}}`]: gauge([11, 1], [9, 0], [10, 1]),
      [`sidelight_upstream_up{${of('below')}}`]: gauge([11, 1], [3, 0], [16, 1]),
      // One of two sidecars does not reach it.
      [`sidelight_upstream_up{${of('quiet')}}`]: gauge([30, 0]),
      'sidelight_upstream_up{job="sidelight", instance="b", sidelight_upstream_name="quiet"}':
        gauge([30, 1]),
    },
    firing: { '13m': [], '15m': [upstreamAlert('critical')], '22m': [] },
  },
  {
    alert: 'SidelightUpstreamFlapping',
    series: {
      [`sidelight_upstream_up{${of('fires')}}`]: gauge(
        [2, 1],
        [2, 0],
        [2, 1],
        [2, 0],
        [2, 1],
        [2, 0],
        [2, 1],
        [2, 0],
        [90, 1],
      ),
      [`sidelight_upstream_up{${of('below')}}`]: gauge([2, 1], [2, 0], [2, 1], [2, 0], [90, 1]),
      [`sidelight_upstream_up{${of('quiet')}}`]: gauge([100, 1]),
    },
    firing: { '11m': [], '15m': [upstreamAlert('warning')], '70m': [] },
  },
  {
    alert: 'SidelightPoolSaturated',
    series: {
      ...places('fires', gauge([11, 5], [20, 95], [30, 5]), gauge([11, 0], [20, 8], [30, 0])),
      ...places('below', gauge([61, 80]), gauge([61, 8])),
      // All places are taken, but nobody waits.
      ...places('quiet', gauge([61, 100]), gauge([61, 0])),
    },
    firing: { '18m': [], '22m': [upstreamAlert('warning', 'fires', ', instance="a"')], '45m': [] },
  },
  {
    alert: 'SidelightPoolSaturated',
    about: 'also when calls wait for a connection',
    series: {
      [`sidelight_pool_connections{${of('fires', 'sidelight_pool_name="calls", sidelight_pool_connection_state="used"')}}`]:
        gauge([30, 32]),
      [`sidelight_pool_connections{${of('fires', 'sidelight_pool_name="calls", sidelight_pool_connection_state="idle"')}}`]:
        gauge([30, 0]),
      [`sidelight_pool_connection_max{${of('fires', 'sidelight_pool_name="calls"')}}`]: gauge([
        30, 32,
      ]),
      [`sidelight_pool_connection_pending_requests{${of('fires', 'sidelight_pool_name="calls"')}}`]:
        gauge([30, 4]),
      [`sidelight_pool_connections{${of('other', 'sidelight_pool_name="calls", sidelight_pool_connection_state="used"')}}`]:
        gauge([30, 20]),
      [`sidelight_pool_connection_max{${of('other', 'sidelight_pool_name="calls"')}}`]: gauge([
        30, 32,
      ]),
      [`sidelight_pool_connection_pending_requests{${of('other', 'sidelight_pool_name="calls"')}}`]:
        gauge([30, 4]),
    },
    firing: { '20m': [upstreamAlert('warning', 'fires', ', instance="a"')] },
  },
  {
    alert: 'SidelightPoolExhausted',
    series: {
      [calls('fires', 'rejected', 'at_capacity')]: counter([10, 0], [20, 0.8], [30, 0]),
      [calls('fires', 'rejected', 'queue_timeout')]: counter([10, 0], [20, 0.8], [30, 0]),
      [calls('below', 'rejected', 'at_capacity')]: counter([60, 0.7]),
      [calls('quiet', 'rejected', 'throttled')]: counter([60, 10]),
    },
    firing: { '12m': [], '20m': [upstreamAlert('critical')], '45m': [] },
  },
  {
    alert: 'SidelightUpstreamThrottled',
    series: {
      [`sidelight_throttle_closures_total{${of('fires')}}`]: counter([10, 0], [4, 1], [40, 0]),
      [`sidelight_throttle_closures_total{${of('below')}}`]: counter([10, 0], [2, 1], [42, 0]),
      [`sidelight_throttle_closures_total{${of('quiet')}}`]: counter([60, 0]),
    },
    firing: { '11m': [], '15m': [upstreamAlert('warning')], '40m': [] },
  },
  {
    alert: 'SidelightProcessCrashing',
    series: {
      [`sidelight_processes_ended_total{${of('fires', 'sidelight_process_end="crashed"')}}`]:
        counter([10, 0], [2, 1], [42, 0]),
      [`sidelight_processes_ended_total{${of('fires', 'sidelight_process_end="not_started"')}}`]:
        counter([12, 0], [2, 1], [40, 0]),
      [`sidelight_processes_ended_total{${of('below', 'sidelight_process_end="crashed"')}}`]:
        counter([10, 0], [2, 1], [42, 0]),
      // Sessions end all the time, and their processes with them.
      [`sidelight_processes_ended_total{${of('quiet', 'sidelight_process_end="stopped"')}}`]:
        counter([60, 5]),
    },
    firing: { '11m': [], '15m': [upstreamAlert('warning', 'fires', ', instance="a"')], '40m': [] },
  },
  {
    alert: 'SidelightToolDrift',
    series: {
      [drift('fires', 'changed')]: counter([10, 0], [1, 1], [60, 0]),
      // A new tool is none that agents were shown otherwise.
      [drift('below', 'added')]: counter([10, 0], [1, 1], [60, 0]),
      [drift('quiet', 'changed')]: counter([70, 0]),
    },
    firing: {
      '10m': [],
      '12m': [
        'category="security", job="sidelight", severity="warning", sidelight_drift_kind="changed", sidelight_upstream_name="fires"',
      ],
      '50m': [],
    },
  },
  {
    alert: 'SidelightAgentLooping',
    series: {
      [`sidelight_calls_repeated_total{${of('fires', 'gen_ai_tool_name="search"')}}`]: counter(
        [10, 0],
        [20, 16],
        [30, 0],
      ),
      [`sidelight_calls_repeated_total{${of('below', 'gen_ai_tool_name="search"')}}`]: counter([
        60, 8,
      ]),
      [`sidelight_calls_repeated_total{${of('quiet', 'gen_ai_tool_name="search"')}}`]: counter([
        60, 0,
      ]),
    },
    firing: {
      '13m': [],
      '20m': [
        'category="calls", gen_ai_tool_name="search", instance="a", job="sidelight", severity="warning", sidelight_upstream_name="fires"',
      ],
      '45m': [],
    },
  },
  {
    alert: 'SidelightAgentIgnoresRefusals',
    series: {
      [`sidelight_calls_after_refusal_total{${of('fires', 'gen_ai_tool_name="search"')}}`]: counter(
        [10, 0],
        [20, 3],
        [30, 0],
      ),
      [`sidelight_calls_after_refusal_total{${of('below', 'gen_ai_tool_name="search"')}}`]: counter(
        [60, 1.6],
      ),
      [`sidelight_calls_after_refusal_total{${of('quiet', 'gen_ai_tool_name="search"')}}`]: counter(
        [60, 0],
      ),
    },
    firing: {
      '13m': [],
      '20m': [
        'category="calls", gen_ai_tool_name="search", instance="a", job="sidelight", severity="warning", sidelight_upstream_name="fires"',
      ],
      '45m': [],
    },
  },
]

/** Places of an upstream of which there are 100. */
function places(upstream: string, active: string, waiting: string): Record<string, string> {
  return {
    [`sidelight_concurrency_active{${of(upstream)}}`]: active,
    [`sidelight_concurrency_limit{${of(upstream)}}`]: gauge([61, 100]),
    [`sidelight_queue_length{${of(upstream)}}`]: waiting,
  }
}

function drift(upstream: string, kind: string): string {
  return `sidelight_catalogue_drifts_total{${of(upstream, `sidelight_drift_kind="${kind}"`)}}`
}

/** Labels of an alert about a sidecar. */
export const sidecarAlert = (category: string, severity: string, others = ''): string =>
  `category="${category}", ${at('fires')}, severity="${severity}"${others === '' ? '' : `, ${others}`}`
