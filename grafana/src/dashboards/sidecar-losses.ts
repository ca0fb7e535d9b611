/** Row of the sidecars' dashboard: which limits were hit, and what was lost. */

import type { Row } from './model.ts'
import { over, timeseries } from './panels.ts'
import { rate, SIDECAR } from './promql.ts'
import { SIDECAR_LINKS as LINKS } from './shared-panels.ts'
import { TO_LOG } from './links.ts'
import { logs } from './word-panels.ts'

export const LOSSES: Row = {
  title: 'Limits and losses',
  panels: [
    timeseries({
      title: 'Limits hit',
      description:
        'By limit. docs/configuration.md says which key raises each; think first about who hits it.',
      unit: 'ops',
      width: 8,
      queries: [
        over(
          rate('sidelight_limit_hits_total', SIDECAR, ['sidelight_limit']),
          '{{sidelight_limit}}',
        ),
      ],
      dataLinks: LINKS,
    }),
    timeseries({
      title: 'Telemetry lost',
      description:
        'queue_full: it came faster than it could be sent. export_failed: the collector did not take it.',
      unit: 'ops',
      width: 8,
      queries: [
        over(
          rate('sidelight_telemetry_dropped_total', SIDECAR, [
            'sidelight_telemetry_signal',
            'sidelight_telemetry_drop_reason',
          ]),
          '{{sidelight_telemetry_signal}}: {{sidelight_telemetry_drop_reason}}',
        ),
      ],
      dataLinks: LINKS,
    }),
    timeseries({
      title: 'Configuration read',
      description:
        'How often the file was read while Sidelight runs, in five minutes, by what became of it.',
      unit: 'short',
      width: 8,
      queries: [
        over(
          `sum by (sidelight_config_reload_outcome) (increase(sidelight_config_reloads_total{${SIDECAR}}[5m]))`,
          '{{sidelight_config_reload_outcome}}',
        ),
      ],
      dataLinks: LINKS,
    }),
    logs({
      title: 'Log of the sidecars',
      description: 'Starts, reloads, exports that failed, defects.',
      width: 24,
      height: 10,
      expr: '{service_name="sidelight"} | severity_text=~"INFO|WARN|ERROR" | sidelight_upstream_name=""',
      dataLinks: [TO_LOG],
    }),
  ],
}
