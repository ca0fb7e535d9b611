/** Whether what is seen is all there is: the way from a sidecar through the collector. */

import { ALERT_DEFAULTS } from '../../../src/core/alert-defaults.ts'
import { durationText } from '../scale.ts'
import type { AlertRule, RuleGroup, RuleSettings } from './rule.ts'
import { SHARE, SIDECAR, VALUE } from './text.ts'

export function telemetryAlertGroups(settings: RuleSettings): readonly RuleGroup[] {
  return [
    {
      name: 'sidelight-telemetry-alerts',
      rules: [...sidecarSide(settings), ...collectorAlerts(settings)],
    },
  ]
}

const LOST = 'cluster, namespace, job, instance, sidelight_telemetry_signal'

function sidecarSide({ scale }: RuleSettings): readonly AlertRule[] {
  const { telemetryFailing, telemetryDropped } = ALERT_DEFAULTS
  const lost = (reason: string): string =>
    `sum by (${LOST}) (increase(sidelight_telemetry_dropped_total{sidelight_telemetry_drop_reason="${reason}"}[${scale.time('10m')}])) > 0`
  const common = {
    category: 'telemetry',
    dashboard: 'pipeline',
  } as const
  return [
    {
      ...common,
      alert: telemetryFailing.name,
      expr: lost('export_failed'),
      for: scale.time(durationText(telemetryFailing.forMs)),
      keepFiringFor: scale.time(durationText(telemetryFailing.keepFiringForMs)),
      severity: telemetryFailing.severity,
      summary: `${SIDECAR} cannot deliver its {{ $labels.sidelight_telemetry_signal }}`,
      description: `In the last 10 minutes the sidecar ${SIDECAR} lost about ${VALUE} items of {{ $labels.sidelight_telemetry_signal }} because its collector did not take them. Calls are not affected.`,
      impact: 'Traces, logs or pushed metrics have gaps; scraped metrics do not.',
    },
    {
      ...common,
      alert: telemetryDropped.name,
      expr: lost('queue_full'),
      for: scale.time(durationText(telemetryDropped.forMs)),
      keepFiringFor: scale.time(durationText(telemetryDropped.keepFiringForMs)),
      severity: telemetryDropped.severity,
      summary: `${SIDECAR} drops {{ $labels.sidelight_telemetry_signal }}`,
      description: `In the last 10 minutes the sidecar ${SIDECAR} dropped about ${VALUE} items of {{ $labels.sidelight_telemetry_signal }} because they came faster than they could be sent. Calls are not affected.`,
      impact: 'Traces or logs have gaps.',
    },
    {
      alert: 'SidelightNoTelemetry',
      expr: `absent_over_time(sidelight_build_info[${scale.time('10m')}])`,
      for: scale.time('5m'),
      keepFiringFor: scale.time('1m'),
      severity: 'critical',
      category: 'telemetry',
      summary: 'Nothing is known of any sidecar',
      description:
        'No sidecar has reported anything for 10 minutes: either none runs, or Prometheus finds none of them.',
      impact: 'Every other alert about calls is blind.',
      dashboard: 'pipeline',
    },
  ]
}

/** The scrape job of docker-compose.yml and of docs/alerts.md. */
const COLLECTOR = 'job="otel-collector"'

/** Collectors name the same counter with and without `_total`, depending on how they are read. */
const collectorSum = (names: string, by: string, window: string): string =>
  `sum by (cluster, namespace, job, instance, ${by}) (
  rate({__name__=~"otelcol_${names}_(spans|metric_points|log_records)(_total)?"}[${window}])
)`

function collectorAlerts({ scale, thresholds }: RuleSettings): readonly AlertRule[] {
  const window = scale.time('5m')
  const common = { category: 'telemetry', dashboard: 'pipeline' } as const
  return [
    {
      ...common,
      alert: 'SidelightCollectorDown',
      expr: `max by (cluster, namespace, job, instance) (max_over_time(up{${COLLECTOR}}[${scale.time('1m')}])) == 0`,
      for: scale.time('2m'),
      keepFiringFor: scale.time('2m'),
      severity: 'critical',
      summary: `The collector ${SIDECAR} is down`,
      description: `Prometheus has not reached the collector ${SIDECAR} for minutes.`,
      impact: 'Traces and logs are lost once the queues of the sidecars are full; calls go on.',
    },
    {
      ...common,
      alert: 'SidelightCollectorRefusing',
      expr: `${collectorSum('receiver_(refused|failed)', 'receiver', window)} > 0`,
      for: scale.time('5m'),
      keepFiringFor: scale.time('5m'),
      severity: 'warning',
      summary: `The collector ${SIDECAR} refuses telemetry`,
      description: `The receiver {{ $labels.receiver }} of the collector ${SIDECAR} refuses ${VALUE} items a second, mostly because its memory is at its limit.`,
      impact: 'Sidecars try again, then lose what is too old.',
    },
    {
      ...common,
      alert: 'SidelightCollectorFailing',
      expr: `${collectorSum('exporter_(send_failed|enqueue_failed)', 'exporter', window)} > 0`,
      for: scale.time('5m'),
      keepFiringFor: scale.time('5m'),
      severity: 'critical',
      summary: `The collector ${SIDECAR} loses telemetry`,
      description: `The exporter {{ $labels.exporter }} of the collector ${SIDECAR} fails to pass on ${VALUE} items a second.`,
      impact: 'Traces, logs or metrics are missing where they should be looked at.',
    },
    {
      ...common,
      alert: 'SidelightCollectorQueueFilling',
      expr: `max by (cluster, namespace, job, instance, exporter) (otelcol_exporter_queue_size)
/ max by (cluster, namespace, job, instance, exporter) (otelcol_exporter_queue_capacity) > ${thresholds.fixed.collectorQueueRatio}`,
      for: scale.time('5m'),
      keepFiringFor: scale.time('5m'),
      severity: 'warning',
      summary: `The queue of the collector ${SIDECAR} is ${SHARE} full`,
      description: `What the exporter {{ $labels.exporter }} of the collector ${SIDECAR} has still to send fills ${SHARE} of its queue. When it is full, telemetry is lost.`,
      impact: 'Nothing is lost yet.',
    },
  ]
}
