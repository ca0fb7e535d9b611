/** Row of the pipeline's dashboard: where telemetry is stored, and alerts are sent from. */

import { toSidecar } from './links.ts'
import type { Link, Row } from './model.ts'
import { now, over, table, timeseries } from './panels.ts'
import { rate, SIDECAR } from './promql.ts'

/** What pipelines are made of has no page of its own that Grafana could lead to. */
export const PIPELINE_LINKS: readonly Link[] = [toSidecar('/', 'The admin listener of a sidecar')]

export const STORES: Row = {
  title: 'Stores',
  panels: [
    table({
      title: 'Scrape targets',
      description: 'Whether each target answers, how long it takes and how many samples it brings.',
      unit: 'none',
      width: 12,
      columns: [
        ['job', 'Job'],
        ['instance', 'Target'],
      ],
      queries: [
        now('min by (job, instance) (up)'),
        now('max by (job, instance) (scrape_duration_seconds)'),
        now('max by (job, instance) (scrape_samples_post_metric_relabeling)'),
      ],
      values: [
        {
          heading: 'Up',
          unit: 'none',
          steps: [
            [null, 'red'],
            [1, 'green'],
          ],
        },
        { heading: 'Scrape', unit: 's' },
        { heading: 'Samples', unit: 'short' },
      ],
      sortBy: 2,
      rowLinks: [],
      dataLinks: PIPELINE_LINKS,
      empty: 'Prometheus scrapes nothing',
    }),
    timeseries({
      title: 'Series in Prometheus',
      description:
        'Series in memory. A steady climb is a label with too many values; Sidelight’s own are bounded.',
      unit: 'short',
      width: 6,
      min: 0,
      queries: [over('max by (instance) (prometheus_tsdb_head_series)', '{{instance}}')],
      dataLinks: PIPELINE_LINKS,
      empty: 'Prometheus does not scrape itself',
    }),
    timeseries({
      title: 'Rules, time to evaluate',
      description: 'The last evaluation of each group; near its interval (30 s) rules come late.',
      unit: 's',
      width: 6,
      min: 0,
      queries: [
        over('max by (rule_group) (prometheus_rule_group_last_duration_seconds)', '{{rule_group}}'),
      ],
      dataLinks: PIPELINE_LINKS,
      empty: 'There are no rules',
    }),
    timeseries({
      title: 'Spans at Tempo',
      description: 'Spans that Tempo received.',
      unit: 'ops',
      width: 6,
      queries: [over(rate('tempo_distributor_spans_received_total', '', []), 'received')],
      dataLinks: PIPELINE_LINKS,
      empty: 'No Tempo is scraped',
    }),
    timeseries({
      title: 'Lines at Loki',
      description: 'Log records that Loki received, and those that it threw away, by why.',
      unit: 'ops',
      width: 6,
      queries: [
        over(rate('loki_distributor_lines_received_total', '', []), 'received'),
        over(rate('loki_discarded_samples_total', '', ['reason']), 'thrown away: {{reason}}'),
      ],
      dataLinks: PIPELINE_LINKS,
      empty: 'No Loki is scraped',
    }),
    timeseries({
      title: 'Alerts of the sidecars',
      description:
        'Requests by which sidecars told their own receivers of alerts, by whether these took them.',
      unit: 'ops',
      width: 6,
      queries: [
        over(
          rate('sidelight_alert_deliveries_total', SIDECAR, [
            'sidelight_alert_receiver',
            'sidelight_alert_delivery',
          ]),
          '{{sidelight_alert_receiver}}: {{sidelight_alert_delivery}}',
        ),
      ],
      dataLinks: PIPELINE_LINKS,
      empty: 'No sidecar has a receiver of alerts',
    }),
    timeseries({
      title: 'Notifications',
      description: 'Alerts that Alertmanager sent, and those that failed, by receiver type.',
      unit: 'ops',
      width: 6,
      queries: [
        over(rate('alertmanager_notifications_total', '', ['integration']), '{{integration}}'),
        over(
          rate('alertmanager_notifications_failed_total', '', ['integration', 'reason']),
          '{{integration}} failed: {{reason}}',
        ),
      ],
      dataLinks: PIPELINE_LINKS,
      empty: 'No Alertmanager is scraped',
    }),
  ],
}
