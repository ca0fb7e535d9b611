/** Row of the security dashboard: is everything recorded. */

import { toSidecar, TO_LOG } from './links.ts'
import type { Link, Row } from './model.ts'
import { now, over, stat, timeseries } from './panels.ts'
import { max, quantile, rate, SIDECAR, sum } from './promql.ts'

const LINKS: readonly Link[] = [toSidecar('/', 'The admin listener of a sidecar'), TO_LOG]

const OFF = 'There is no audit log'

export const AUDIT: Row = {
  title: 'Audit log',
  panels: [
    stat({
      title: 'Audit logs that fail',
      description:
        'Sidecars that can write nothing to their audit log at present. In strict mode their calls are refused; otherwise what happens is not recorded.',
      unit: 'short',
      width: 6,
      height: 8,
      queries: [now(sum('sidelight_audit_failing', SIDECAR, []))],
      steps: [
        [null, 'green'],
        [1, 'red'],
      ],
      dataLinks: LINKS,
      empty: OFF,
    }),
    timeseries({
      title: 'Records on the disk',
      description:
        'Records that were written per second, by type. A call that ends soon has one record, call.ended.',
      unit: 'ops',
      width: 9,
      stacked: true,
      queries: [
        over(
          rate('sidelight_audit_records_total', SIDECAR, ['sidelight_audit_type']),
          '{{sidelight_audit_type}}',
        ),
      ],
      dataLinks: LINKS,
      empty: OFF,
    }),
    timeseries({
      title: 'Records that were lost',
      description:
        'Records that the log could not take. It notes the gap itself as soon as it can, so that the chain stays whole.',
      unit: 'ops',
      width: 9,
      queries: [over(rate('sidelight_audit_dropped_total', SIDECAR, ['instance']), '{{instance}}')],
      dataLinks: LINKS,
      empty: OFF,
    }),
    timeseries({
      title: 'Records that wait',
      description: 'A queue that grows: the disk is slower than the traffic.',
      unit: 'short',
      width: 8,
      min: 0,
      queries: [over(sum('sidelight_audit_backlog', SIDECAR, ['instance']), '{{instance}}')],
      dataLinks: LINKS,
      empty: OFF,
    }),
    timeseries({
      title: 'Position',
      description:
        'Number of the last record on the disk, by sidecar. A step back is a log that was replaced; docs/audit.md says how to find out what happened to it.',
      unit: 'short',
      width: 8,
      queries: [over(max('sidelight_audit_position', SIDECAR, ['instance']), '{{instance}}')],
      dataLinks: LINKS,
      empty: OFF,
    }),
    timeseries({
      title: 'Time of the disk',
      description:
        'How long the disk took to have what was written. Calls wait for it in strict mode.',
      unit: 's',
      width: 8,
      min: 0,
      queries: [0.5, 0.95, 0.99].map((q) =>
        over(quantile(q, 'sidelight_audit_sync_duration_seconds', SIDECAR, []), `p${q * 100}`, {
          exemplars: q === 0.99,
        }),
      ),
      dataLinks: LINKS,
      empty: OFF,
    }),
  ],
}
