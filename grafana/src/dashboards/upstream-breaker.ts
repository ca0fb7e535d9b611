/** Row of the upstream's dashboard: its breaker, and what the breaker goes by. */

import { TO_LOG, toSidecar, runbook } from './links.ts'
import type { Row } from './model.ts'
import { over, timeseries } from './panels.ts'
import { countRate, max, quantile, rate, UPSTREAM } from './promql.ts'
import { breakerTimeline, HERE_LINKS } from './shared-panels.ts'

export const BREAKER: Row = {
  title: 'Circuit breaker and health',
  panels: [
    breakerTimeline(12),
    timeseries({
      title: 'What the breaker goes by',
      description:
        'Share of failed and of slow calls in its window. It opens at the thresholds of resilience.breaker.',
      unit: 'percentunit',
      width: 6,
      min: 0,
      max: 1,
      queries: [
        over(
          max('sidelight_breaker_failure_ratio', UPSTREAM, ['instance']),
          'failed, {{instance}}',
        ),
        over(max('sidelight_breaker_slow_ratio', UPSTREAM, ['instance']), 'slow, {{instance}}'),
      ],
      dataLinks: HERE_LINKS,
    }),
    timeseries({
      title: 'Changes of state',
      description:
        'By new state and cause, in five minutes. Opens that alternate with closes are a threshold too tight, or an upstream that is half sick.',
      unit: 'short',
      width: 6,
      queries: [
        over(
          `sum by (sidelight_breaker_state, sidelight_breaker_cause) (increase(sidelight_breaker_transitions_total{${UPSTREAM}}[5m]))`,
          '{{sidelight_breaker_state}}: {{sidelight_breaker_cause}}',
        ),
      ],
      links: [runbook('SidelightBreakerFlapping')],
      dataLinks: HERE_LINKS,
    }),
    timeseries({
      title: 'Refused by a breaker',
      description: 'Exchanges that the breaker of the upstream, or of one tool, refused.',
      unit: 'reqps',
      width: 6,
      queries: [
        over(
          rate('sidelight_breaker_rejections_total', UPSTREAM, ['sidelight_breaker_scope']),
          '{{sidelight_breaker_scope}}',
        ),
      ],
      dataLinks: HERE_LINKS,
    }),
    timeseries({
      title: 'Trials',
      description:
        'Calls that a half-open breaker let through, by how they ended, and results that came too late to count.',
      unit: 'reqps',
      width: 6,
      queries: [
        over(
          rate('sidelight_breaker_trials_total', UPSTREAM, ['sidelight_breaker_trial_result']),
          '{{sidelight_breaker_trial_result}}',
        ),
        over(rate('sidelight_breaker_late_results_total', UPSTREAM, []), 'too late'),
      ],
      dataLinks: HERE_LINKS,
    }),
    timeseries({
      title: 'Time open',
      description: 'Share of the time in which the breaker of the upstream was open.',
      unit: 'percentunit',
      width: 6,
      min: 0,
      queries: [
        over(
          rate('sidelight_breaker_open_time_seconds_total', UPSTREAM, ['instance']),
          '{{instance}}',
        ),
      ],
      dataLinks: HERE_LINKS,
    }),
    timeseries({
      title: 'Health checks',
      description: 'p95 of how long health checks took, and how many failed per second.',
      unit: 's',
      width: 6,
      min: 0,
      queries: [
        over(
          quantile(0.95, 'sidelight_upstream_health_check_duration_seconds', UPSTREAM, []),
          'p95',
          { exemplars: true },
        ),
        over(
          countRate(
            'sidelight_upstream_health_check_duration_seconds',
            `${UPSTREAM}, error_type!=""`,
            ['error_type'],
          ),
          'failed per second: {{error_type}}',
        ),
      ],
      overrides: [
        { field: /failed.*/, properties: { unit: 'reqps', 'custom.axisPlacement': 'right' } },
      ],
      links: [runbook('SidelightUpstreamFlapping')],
      dataLinks: [toSidecar('/readyz', 'Health, as the sidecar sees it'), TO_LOG],
      empty: 'No health check has ended yet',
    }),
  ],
}
