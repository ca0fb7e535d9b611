/** The way of the telemetry: from the sidecars over the collector to where it is stored and alerts are sent. */

import { DASHBOARD_UIDS } from '../links.ts'
import { runbook } from './links.ts'
import { QUEUE_STEPS } from './limits.ts'
import type { Dashboard, Row } from './model.ts'
import { now, over, stat, timeseries } from './panels.ts'
import { SIDECAR } from './promql.ts'
import { PIPELINE_LINKS as DASHBOARD_LINKS, STORES } from './pipeline-stores.ts'
import { SIDECAR_ANNOTATIONS, SIDECAR_VARIABLES } from './variables.ts'

const SIGNALS = ['spans', 'log_records', 'metric_points'] as const
const SIGNAL_NAMES = { spans: 'spans', log_records: 'log records', metric_points: 'metric points' }

/** A counter of the collector, with and without `_total`: its readers name it either way. */
const collectorRate = (metric: string, labels: string): string =>
  `sum by (${labels}) (rate(${metric}_total[$__rate_interval]) or rate(${metric}[$__rate_interval]))`

const bySignal = (metric: string, labels: string, legend: string) =>
  SIGNALS.map((signal) =>
    over(collectorRate(`${metric}_${signal}`, labels), `${SIGNAL_NAMES[signal]}, ${legend}`),
  )

const NO_COLLECTOR = 'No collector is scraped'

const NOW: Row = {
  title: 'Now',
  panels: [
    stat({
      title: 'Targets down',
      description: 'Scrape targets that do not answer, of all jobs that Prometheus knows.',
      unit: 'short',
      width: 6,
      queries: [now('count(up == 0) or 0 * count(up)')],
      steps: [
        [null, 'green'],
        [1, 'red'],
      ],
      links: [runbook('SidelightCollectorDown')],
      dataLinks: DASHBOARD_LINKS,
      empty: 'Prometheus scrapes nothing',
    }),
    stat({
      title: 'Lost in the sidecars',
      description:
        'Spans, log records and exports of metrics that sidecars dropped in the visible time.',
      unit: 'short',
      width: 6,
      decimals: 0,
      queries: [now(`sum(increase(sidelight_telemetry_dropped_total{${SIDECAR}}[$__range]))`)],
      steps: [
        [null, 'green'],
        [1, 'orange'],
      ],
      links: [runbook('SidelightTelemetryDropped')],
      dataLinks: DASHBOARD_LINKS,
      empty: 'No sidecar has been heard of',
    }),
    stat({
      title: 'Rules that failed',
      description:
        'Evaluations of rules that failed in the visible time. A rule that fails is an alert that cannot fire.',
      unit: 'short',
      width: 6,
      decimals: 0,
      queries: [now('sum(increase(prometheus_rule_evaluation_failures_total[$__range]))')],
      steps: [
        [null, 'green'],
        [1, 'red'],
      ],
      links: [runbook('SidelightRuleFailures')],
      dataLinks: DASHBOARD_LINKS,
      empty: 'Prometheus does not scrape itself',
    }),
    stat({
      title: 'Alerts not delivered',
      description: 'Notifications that Alertmanager could not send in the visible time.',
      unit: 'short',
      width: 6,
      decimals: 0,
      queries: [now('sum(increase(alertmanager_notifications_failed_total[$__range]))')],
      steps: [
        [null, 'green'],
        [1, 'red'],
      ],
      links: [runbook('SidelightAlertDeliveryFailing')],
      dataLinks: DASHBOARD_LINKS,
      empty: 'No Alertmanager is scraped',
    }),
  ],
}

const COLLECTOR: Row = {
  title: 'Collector',
  panels: [
    timeseries({
      title: 'Taken in',
      description: 'What the collector accepted from its senders.',
      unit: 'ops',
      width: 8,
      queries: bySignal('otelcol_receiver_accepted', 'receiver', '{{receiver}}'),
      dataLinks: DASHBOARD_LINKS,
      empty: NO_COLLECTOR,
    }),
    timeseries({
      title: 'Refused',
      description:
        'What the collector did not take: usually its memory limiter. Senders keep it for a while, then drop it.',
      unit: 'ops',
      width: 8,
      queries: bySignal('otelcol_receiver_refused', 'receiver', '{{receiver}}'),
      links: [runbook('SidelightCollectorRefusing')],
      dataLinks: DASHBOARD_LINKS,
      empty: NO_COLLECTOR,
    }),
    timeseries({
      title: 'Sent on',
      description: 'What the collector handed to Tempo, Loki, Prometheus or another collector.',
      unit: 'ops',
      width: 8,
      queries: bySignal('otelcol_exporter_sent', 'exporter', '{{exporter}}'),
      dataLinks: DASHBOARD_LINKS,
      empty: NO_COLLECTOR,
    }),
    timeseries({
      title: 'Not sent on',
      description: 'What a destination did not take. While the queue has room it is tried again.',
      unit: 'ops',
      width: 8,
      queries: bySignal('otelcol_exporter_send_failed', 'exporter', '{{exporter}}'),
      links: [runbook('SidelightCollectorFailing')],
      dataLinks: DASHBOARD_LINKS,
      empty: 'Nothing has failed',
    }),
    timeseries({
      title: 'Queues',
      description:
        'How full the queues of exporters are. Full queues refuse, and then data is lost.',
      unit: 'percentunit',
      width: 8,
      min: 0,
      max: 1,
      queries: [
        over(
          'max by (exporter, data_type) (otelcol_exporter_queue_size / (otelcol_exporter_queue_capacity > 0))',
          '{{exporter}} {{data_type}}',
        ),
      ],
      steps: QUEUE_STEPS,
      showSteps: true,
      links: [runbook('SidelightCollectorQueueFilling')],
      dataLinks: DASHBOARD_LINKS,
      empty: NO_COLLECTOR,
    }),
    timeseries({
      title: 'Memory of the collector',
      description:
        'Physical memory. Its memory limiter refuses data at 80 % of the container’s limit.',
      unit: 'bytes',
      width: 8,
      min: 0,
      queries: [
        over(
          'max by (instance) (otelcol_process_memory_rss_bytes or otelcol_process_memory_rss)',
          '{{instance}}',
        ),
      ],
      dataLinks: DASHBOARD_LINKS,
      empty: NO_COLLECTOR,
    }),
    timeseries({
      title: 'Tail sampling',
      description:
        'Traces that the gateway kept and dropped, by policy; only where otel/collector-gateway.yaml runs.',
      unit: 'ops',
      width: 24,
      height: 6,
      queries: [
        over(
          collectorRate('otelcol_processor_tail_sampling_count_traces_sampled', 'policy, sampled'),
          '{{policy}}, kept: {{sampled}}',
        ),
      ],
      dataLinks: DASHBOARD_LINKS,
      empty: 'There is no gateway with tail sampling',
    }),
  ],
}

export const PIPELINE_DASHBOARD: Dashboard = {
  uid: DASHBOARD_UIDS.pipeline,
  title: 'Sidelight / Telemetry pipeline',
  description:
    'The way of the telemetry: sidecars, collector, stores, alerts. Look here when a dashboard is empty.',
  tags: ['sidelight', 'mcp'],
  variables: SIDECAR_VARIABLES,
  annotations: SIDECAR_ANNOTATIONS,
  from: 'now-3h',
  rows: [NOW, COLLECTOR, STORES],
}
