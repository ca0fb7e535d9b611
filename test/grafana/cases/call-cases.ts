import { calls, counter, of, type AlertCase } from './case.ts'

const HISTOGRAM = 'mcp_server_operation_duration_seconds'

/** A classic histogram of calls of three durations: up to 2 s, up to 5 s, up to 10 s. */
function durations(
  upstream: string,
  steps: readonly (readonly [samples: number, fast: number, middling: number, slow: number])[],
): Record<string, string> {
  const about = of(upstream, 'mcp_method_name="tools/call"')
  const upTo = (rank: number): string =>
    counter(
      ...steps.map(
        ([samples, ...three]) =>
          [samples, three.slice(0, rank).reduce((sum, value) => sum + value, 0)] as const,
      ),
    )
  return {
    [calls(upstream, 'ok')]: upTo(3),
    [`${HISTOGRAM}_bucket{${about}, le="2.0"}`]: upTo(1),
    [`${HISTOGRAM}_bucket{${about}, le="5.0"}`]: upTo(2),
    [`${HISTOGRAM}_bucket{${about}, le="10.0"}`]: upTo(3),
    [`${HISTOGRAM}_bucket{${about}, le="+Inf"}`]: upTo(3),
    [`${HISTOGRAM}_count{${about}}`]: upTo(3),
  }
}

/** Calls of which some find no working server, always so many of each, and in the end none. */
const steady = (
  upstream: string,
  samples: number,
  good: number,
  bad: number,
): Record<string, string> => ({
  [calls(upstream, 'ok')]: counter([samples + 120, good]),
  [calls(upstream, 'upstream_failed', 'connect')]: counter([samples, bad], [120, 0]),
})

const availabilityBurn = (
  long: string,
  short: string,
  severity: string,
  times: readonly [before: string, firing: string, after: string],
  series: Readonly<Record<string, string>>,
): AlertCase => ({
  alert: 'SidelightAvailabilityBudgetBurn',
  where: `long="${long}"`,
  evaluate: '5m',
  series,
  firing: {
    [times[0]]: [],
    [times[1]]: [
      `category="slo", job="sidelight", long="${long}", short="${short}", severity="${severity}", slo="availability", sidelight_upstream_name="fires"`,
    ],
    [times[2]]: [],
  },
})

const latencyBurn = (
  long: string,
  short: string,
  severity: string,
  times: readonly [before: string, firing: string, after: string],
  samples: number,
  shares: readonly [fires: number, below: number, quiet: number],
  quietCalls: number,
): AlertCase => ({
  alert: 'SidelightLatencyBudgetBurn',
  where: `long="${long}"`,
  evaluate: '5m',
  series: {
    ...durations('fires', [
      [samples, 10 - shares[0], 0, shares[0]],
      [420, 10, 0, 0],
    ]),
    ...durations('below', [
      [samples, 0, 10 - shares[1], shares[1]],
      [420, 10, 0, 0],
    ]),
    ...durations('quiet', [
      [samples, quietCalls - shares[2], 0, shares[2]],
      [420, quietCalls, 0, 0],
    ]),
  },
  firing: {
    [times[0]]: [],
    [times[1]]: [
      `category="slo", job="sidelight", long="${long}", short="${short}", severity="${severity}", slo="latency", sidelight_upstream_name="fires"`,
    ],
    [times[2]]: [],
  },
})

export const CALL_CASES: readonly AlertCase[] = [
  {
    alert: 'SidelightErrorRateHigh',
    series: {
      [calls('fires', 'ok')]: counter([60, 18.4]),
      [calls('fires', 'tool_error')]: counter([10, 0], [20, 1.6], [30, 0]),
      [calls('below', 'ok')]: counter([60, 24]),
      [calls('below', 'tool_error')]: counter([60, 1]),
      [calls('quiet', 'ok')]: counter([60, 0.7]),
      [calls('quiet', 'upstream_failed', 'connect')]: counter([60, 0.7]),
    },
    firing: {
      '17m': [],
      '19m': [
        'category="calls", job="sidelight", severity="warning", sidelight_upstream_name="fires"',
      ],
      '45m': [],
    },
  },
  {
    alert: 'SidelightErrorRateHigh',
    about:
      'counts errors of servers, and neither mistakes of callers, nor cancellations, nor refusals by policy',
    series: {
      [calls('fires', 'ok')]: counter([60, 18.4]),
      [calls('fires', 'rpc_error')]: counter([60, 1.6]),
      [`${HISTOGRAM}_count{${of('fires', 'mcp_method_name="tools/call", error_type="-32000", rpc_response_status_code="-32000"')}}`]:
        counter([60, 1.6]),
      [calls('callers', 'ok')]: counter([60, 10]),
      [calls('callers', 'rpc_error')]: counter([60, 10]),
      [`${HISTOGRAM}_count{${of('callers', 'mcp_method_name="tools/call", rpc_response_status_code="-32602"')}}`]:
        counter([60, 10]),
      [calls('callers', 'cancelled')]: counter([60, 10]),
      [calls('callers', 'rejected', 'invalid_token')]: counter([60, 10]),
      [calls('callers', 'rejected', 'tool_changed')]: counter([60, 10]),
      // What a server asks its client is not the server's failure.
      [`sidelight_calls_total{${of('callers', 'mcp_method_name="sampling/createMessage", sidelight_outcome="rpc_error"')}}`]:
        counter([60, 10]),
      [`${HISTOGRAM}_count{${of('callers', 'mcp_method_name="sampling/createMessage", error_type="-1", rpc_response_status_code="-1"')}}`]:
        counter([60, 10]),
    },
    firing: {
      '30m': [
        'category="calls", job="sidelight", severity="warning", sidelight_upstream_name="fires"',
      ],
    },
  },
  {
    alert: 'SidelightErrorRateHigh',
    about: 'takes the threshold that is set for an upstream, and of others that for all',
    series: {
      'sidelight:threshold_override{threshold="error_ratio", sidelight_upstream_name="tolerated"}':
        counter([60, 0]).replaceAll('0', '0.5'),
      'sidelight:threshold_override{threshold="error_ratio", sidelight_upstream_name="strict"}':
        counter([60, 0]).replaceAll('0', '0.01'),
      [calls('tolerated', 'ok')]: counter([60, 10]),
      [calls('tolerated', 'tool_error')]: counter([60, 5]),
      [calls('strict', 'ok')]: counter([60, 97]),
      [calls('strict', 'tool_error')]: counter([60, 3]),
      [calls('plain', 'ok')]: counter([60, 97]),
      [calls('plain', 'tool_error')]: counter([60, 3]),
    },
    firing: {
      '30m': [
        'category="calls", job="sidelight", severity="warning", sidelight_upstream_name="strict"',
      ],
    },
  },
  {
    alert: 'SidelightErrorRateCritical',
    series: {
      [calls('fires', 'ok')]: counter([60, 10.2]),
      [calls('fires', 'upstream_failed', 'timeout')]: counter([10, 0], [20, 6.8], [30, 0]),
      [calls('below', 'ok')]: counter([60, 24]),
      [calls('below', 'upstream_failed', 'timeout')]: counter([60, 6]),
      [calls('quiet', 'ok')]: counter([60, 2]),
      [calls('quiet', 'upstream_failed', 'timeout')]: counter([60, 3]),
    },
    firing: {
      '17m': [],
      '19m': [
        'category="calls", job="sidelight", severity="critical", sidelight_upstream_name="fires"',
      ],
      '45m': [],
    },
  },
  {
    alert: 'SidelightLatencyP95High',
    series: {
      ...durations('fires', [
        [10, 6, 0, 0],
        [20, 0, 0, 6],
        [30, 6, 0, 0],
      ]),
      ...durations('below', [[60, 0, 6, 0]]),
      ...durations('quiet', [[60, 0, 0, 3]]),
    },
    firing: {
      '15m': [],
      '17m': [
        'category="calls", job="sidelight", severity="warning", sidelight_upstream_name="fires"',
      ],
      '45m': [],
    },
  },
  {
    alert: 'SidelightLatencyP95High',
    about: 'reads native histograms, converted or exponential, with the same expression',
    series: {
      [calls('exponential', 'ok')]: counter([30, 10]),
      [`${HISTOGRAM}{${of('exponential', 'mcp_method_name="tools/call"')}}`]:
        '{{schema:0 sum:0 count:0}}+{{schema:0 sum:60 count:10 offset:3 buckets:[10]}}x30',
      [calls('converted', 'ok')]: counter([30, 10]),
      [`${HISTOGRAM}{${of('converted', 'mcp_method_name="tools/call"')}}`]:
        '{{schema:-53 sum:0 count:0 custom_values:[2 5 10]}}+{{schema:-53 sum:60 count:10 custom_values:[2 5 10] buckets:[0 0 10]}}x30',
      [calls('fast', 'ok')]: counter([30, 10]),
      [`${HISTOGRAM}{${of('fast', 'mcp_method_name="tools/call"')}}`]:
        '{{schema:0 sum:0 count:0}}+{{schema:0 sum:20 count:10 offset:1 buckets:[10]}}x30',
    },
    firing: {
      '20m': [
        'category="calls", job="sidelight", severity="warning", sidelight_upstream_name="converted"',
        'category="calls", job="sidelight", severity="warning", sidelight_upstream_name="exponential"',
      ],
    },
  },
  {
    alert: 'SidelightLatencyP95High',
    about: 'is not flattered by calls that were refused here',
    series: {
      ...durations('fires', [[30, 0, 0, 6]]),
      [`${HISTOGRAM}_bucket{${of('fires', 'mcp_method_name="tools/call", error_type="breaker_open", le="2.0"')}}`]:
        counter([30, 600]),
      [`${HISTOGRAM}_bucket{${of('fires', 'mcp_method_name="tools/call", error_type="breaker_open", le="+Inf"')}}`]:
        counter([30, 600]),
      [`${HISTOGRAM}_count{${of('fires', 'mcp_method_name="tools/call", error_type="breaker_open"')}}`]:
        counter([30, 600]),
    },
    firing: {
      '20m': [
        'category="calls", job="sidelight", severity="warning", sidelight_upstream_name="fires"',
      ],
    },
  },
  {
    alert: 'SidelightAvailabilityLow',
    series: {
      [calls('fires', 'ok')]: counter([130, 17.73]),
      [calls('fires', 'rejected', 'breaker_open')]: counter([60, 0.27], [70, 0]),
      [calls('below', 'ok')]: counter([130, 39.72]),
      [calls('below', 'rejected', 'breaker_open')]: counter([130, 0.28]),
      [calls('quiet', 'ok')]: counter([130, 1.883]),
      [calls('quiet', 'upstream_failed', 'connect')]: counter([130, 0.117]),
    },
    firing: {
      '5m': [],
      '40m': [
        'category="calls", job="sidelight", severity="critical", sidelight_upstream_name="fires"',
      ],
      '75m': [],
    },
  },
  {
    alert: 'SidelightAvailabilityLow',
    about: 'goes on while nobody calls, and ends when calls succeed again',
    series: {
      [calls('idle', 'ok')]: counter([60, 0]),
      [calls('idle', 'upstream_failed', 'connect')]: counter([10, 2], [50, 0]),
      [calls('back', 'ok')]: counter([12, 0], [48, 1]),
      [calls('back', 'upstream_failed', 'connect')]: counter([10, 2], [50, 0]),
    },
    firing: {
      '25m': [
        'category="calls", job="sidelight", severity="critical", sidelight_upstream_name="idle"',
      ],
    },
  },
  {
    alert: 'SidelightAvailabilityLow',
    about: 'does not count tools that failed, nor errors of servers but for the internal one',
    series: {
      [calls('tools', 'ok')]: counter([60, 10]),
      [calls('tools', 'tool_error')]: counter([60, 10]),
      [calls('tools', 'rpc_error')]: counter([60, 10]),
      [`${HISTOGRAM}_count{${of('tools', 'mcp_method_name="tools/call", error_type="-32000", rpc_response_status_code="-32000"')}}`]:
        counter([60, 10]),
      [calls('internal', 'ok')]: counter([60, 10]),
      [calls('internal', 'rpc_error')]: counter([60, 10]),
      [`${HISTOGRAM}_count{${of('internal', 'mcp_method_name="tools/call", error_type="-32603", rpc_response_status_code="-32603"')}}`]:
        counter([60, 10]),
    },
    firing: {
      '40m': [
        'category="calls", job="sidelight", severity="critical", sidelight_upstream_name="internal"',
      ],
    },
  },
  availabilityBurn('1h', '5m', 'critical', ['5m', '30m', '75m'], {
    ...steady('fires', 60, 19.6, 0.4),
    ...steady('below', 60, 19.8, 0.2),
    ...steady('quiet', 60, 0.4, 0.1),
  }),
  availabilityBurn('6h', '30m', 'critical', ['15m', '60m', '170m'], {
    ...steady('fires', 120, 19.82, 0.18),
    ...steady('below', 120, 19.91, 0.09),
    ...steady('quiet', 120, 0.4778, 0.0222),
  }),
  availabilityBurn('1d', '2h', 'warning', ['60m', '100m', '235m'], {
    ...steady('fires', 120, 19.91, 0.09),
    ...steady('below', 120, 19.96, 0.04),
    ...steady('quiet', 120, 0.49722, 0.00278),
  }),
  {
    ...availabilityBurn('3d', '6h', 'warning', ['180m', '220m', '780m'], {
      [calls('fires', 'ok')]: counter([800, 19.97]),
      [calls('fires', 'upstream_failed', 'connect')]: counter([240, 0.03], [560, 0]),
      [calls('below', 'ok')]: counter([800, 19.986]),
      [calls('below', 'upstream_failed', 'connect')]: counter([800, 0.014]),
      [calls('quiet', 'ok')]: counter([800, 0.3]),
      [calls('quiet', 'upstream_failed', 'connect')]: counter([800, 0.0009]),
    }),
  },
  latencyBurn('1h', '5m', 'critical', ['5m', '30m', '75m'], 60, [9, 6, 0.3], 0.3),
  latencyBurn('6h', '30m', 'warning', ['15m', '60m', '170m'], 120, [4.5, 2, 0.05], 0.1),
  latencyBurn('3d', '6h', 'warning', ['180m', '220m', '660m'], 240, [0.8, 0.4, 0.004], 0.04),
]
