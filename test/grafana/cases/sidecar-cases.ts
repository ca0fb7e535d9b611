import { at, counter, gauge, type AlertCase } from './case.ts'
import { sidecarAlert } from './upstream-cases.ts'

const lost = (instance: string, reason: string): string =>
  `sidelight_telemetry_dropped_total{${at(instance, `sidelight_telemetry_signal="traces", sidelight_telemetry_drop_reason="${reason}"`)}}`

const TRACES = 'sidelight_telemetry_signal="traces"'

const hits = (instance: string, limit: string): string =>
  `sidelight_limit_hits_total{${at(instance, `sidelight_limit="${limit}"`)}}`

const build = (instance: string): string =>
  `sidelight_build_info{${at(instance, 'sidelight_version="1.0.0"')}}`

const collector = (metric: string, instance: string, others: string): string =>
  `otelcol_${metric}{job="otel-collector", instance="${instance}", ${others}}`

const collectorAlert = (severity: string, others = ''): string =>
  `category="telemetry", instance="fires", job="otel-collector", severity="${severity}"${others}`

/** Info series of one process after the other, each five minutes long. */
const processes = (instance: string, count: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `target_info{${at(instance, `service_name="sidelight", service_instance_id="${index}"`)}}`,
      gauge([5 * index, '_'], [5, 1], [80, index === count - 1 ? 1 : '_']),
    ]),
  )

export const SIDECAR_CASES: readonly AlertCase[] = [
  {
    alert: 'SidelightTelemetryFailing',
    series: {
      [lost('fires', 'export_failed')]: counter([10, 0], [20, 3], [40, 0]),
      // Once, for a moment.
      [lost('below', 'export_failed')]: counter([10, 0], [1, 300], [59, 0]),
      [lost('quiet', 'export_failed')]: counter([70, 0]),
    },
    firing: { '19m': [], '25m': [sidecarAlert('telemetry', 'warning', TRACES)], '60m': [] },
  },
  {
    alert: 'SidelightTelemetryDropped',
    series: {
      [lost('fires', 'queue_full')]: counter([10, 0], [10, 3], [50, 0]),
      // That is the other alert's.
      [lost('below', 'export_failed')]: counter([70, 3]),
      [lost('quiet', 'queue_full')]: counter([70, 0]),
    },
    firing: { '14m': [], '18m': [sidecarAlert('telemetry', 'warning', TRACES)], '60m': [] },
  },
  {
    alert: 'SidelightNoTelemetry',
    series: { [build('a')]: gauge([11, 1], [20, '_'], [20, 1]) },
    firing: { '24m': [], '27m': ['category="telemetry", severity="critical"'], '40m': [] },
  },
  {
    alert: 'SidelightNoTelemetry',
    about:
      'stays silent while one sidecar is left, and through a short gap of all (below and quiet)',
    series: {
      [build('below')]: gauge([11, 1], [12, '_'], [30, 1]),
      [build('quiet')]: gauge([11, 1], [40, '_']),
    },
    firing: { '20m': [], '24m': [], '40m': [] },
  },
  {
    alert: 'SidelightCollectorDown',
    series: {
      'up{job="otel-collector", instance="fires"}': gauge([11, 1], [9, 0], [20, 1]),
      'up{job="otel-collector", instance="below"}': gauge([11, 1], [2, 0], [27, 1]),
      'up{job="another", instance="quiet"}': gauge([40, 0]),
    },
    firing: { '12m': [], '14m': [collectorAlert('critical')], '30m': [] },
  },
  {
    alert: 'SidelightCollectorRefusing',
    series: {
      [collector('receiver_refused_spans_total', 'fires', 'receiver="otlp"')]: counter(
        [10, 0],
        [20, 5],
        [40, 0],
      ),
      // A moment, at the start of the collector behind it.
      [collector('receiver_refused_spans', 'below', 'receiver="otlp"')]: counter(
        [10, 0],
        [1, 5],
        [59, 0],
      ),
      [collector('receiver_refused_spans', 'quiet', 'receiver="otlp"')]: counter([70, 0]),
    },
    firing: { '15m': [], '20m': [collectorAlert('warning', ', receiver="otlp"')], '50m': [] },
  },
  {
    alert: 'SidelightCollectorFailing',
    series: {
      [collector('exporter_send_failed_log_records', 'fires', 'exporter="otlp_http"')]: counter(
        [10, 0],
        [20, 5],
        [40, 0],
      ),
      [collector('exporter_enqueue_failed_spans_total', 'below', 'exporter="otlp_http"')]: counter(
        [10, 0],
        [1, 5],
        [59, 0],
      ),
      [collector('exporter_sent_spans_total', 'quiet', 'exporter="otlp_http"')]: counter([70, 50]),
    },
    firing: { '15m': [], '20m': [collectorAlert('critical', ', exporter="otlp_http"')], '50m': [] },
  },
  {
    alert: 'SidelightCollectorQueueFilling',
    series: {
      [collector('exporter_queue_size', 'fires', 'exporter="otlp_http"')]: gauge(
        [11, 10],
        [20, 900],
        [30, 10],
      ),
      [collector('exporter_queue_capacity', 'fires', 'exporter="otlp_http"')]: gauge([61, 1000]),
      [collector('exporter_queue_size', 'below', 'exporter="otlp_http"')]: gauge([61, 700]),
      [collector('exporter_queue_capacity', 'below', 'exporter="otlp_http"')]: gauge([61, 1000]),
      [collector('exporter_queue_size', 'quiet', 'exporter="otlp_http"')]: gauge([61, 0]),
      [collector('exporter_queue_capacity', 'quiet', 'exporter="otlp_http"')]: gauge([61, 1000]),
    },
    firing: { '15m': [], '18m': [collectorAlert('warning', ', exporter="otlp_http"')], '45m': [] },
  },
  {
    alert: 'SidelightGone',
    series: {
      [`up{${at('fires')}}`]: gauge([11, 1], [9, 0], [20, 1]),
      [build('fires')]: gauge([11, 1], [9, '_'], [20, 1]),
      [`up{${at('below')}}`]: gauge([11, 1], [2, 0], [27, 1]),
      [build('below')]: gauge([11, 1], [2, '_'], [27, 1]),
      // Something else that is down, and a sidecar that was scaled away.
      'up{job="another", instance="quiet"}': gauge([40, 0]),
      [`up{${at('quiet')}}`]: gauge([11, 1], [29, '_']),
      [build('quiet')]: gauge([11, 1], [29, '_']),
    },
    firing: { '12m': [], '14m': [sidecarAlert('sidecar', 'critical')], '30m': [] },
  },
  {
    alert: 'SidelightRestarting',
    series: { ...processes('fires', 5), ...processes('below', 3), ...processes('quiet', 1) },
    firing: { '14m': [], '24m': [sidecarAlert('sidecar', 'warning')], '80m': [] },
  },
  {
    alert: 'SidelightConfigInvalid',
    series: {
      [`sidelight_config_valid{${at('fires')}}`]: gauge([11, 1], [20, 0], [20, 1]),
      [`sidelight_config_valid{${at('below')}}`]: gauge([11, 1], [4, 0], [36, 1]),
      [`sidelight_config_valid{${at('quiet')}}`]: gauge([51, 1]),
    },
    firing: { '14m': [], '17m': [sidecarAlert('sidecar', 'warning')], '40m': [] },
  },
  {
    alert: 'SidelightOverloaded',
    series: {
      [`nodejs_eventloop_utilization_ratio{${at('fires')}}`]: gauge(
        [11, 0.1],
        [20, 0.97],
        [30, 0.1],
      ),
      [build('fires')]: gauge([61, 1]),
      [`nodejs_eventloop_utilization_ratio{${at('below')}}`]: gauge([61, 0.8]),
      [build('below')]: gauge([61, 1]),
      // Another program of Node.
      'nodejs_eventloop_utilization_ratio{job="shop", instance="quiet"}': gauge([61, 1]),
    },
    firing: { '18m': [], '22m': [sidecarAlert('sidecar', 'warning')], '45m': [] },
  },
  {
    alert: 'SidelightEventLoopSlow',
    series: {
      [`nodejs_eventloop_delay_p99_seconds{${at('fires')}}`]: gauge(
        [11, 0.01],
        [20, 0.3],
        [30, 0.01],
      ),
      [build('fires')]: gauge([61, 1]),
      [`nodejs_eventloop_delay_p99_seconds{${at('below')}}`]: gauge([61, 0.15]),
      [build('below')]: gauge([61, 1]),
      'nodejs_eventloop_delay_p99_seconds{job="shop", instance="quiet"}': gauge([61, 1]),
    },
    firing: { '15m': [], '22m': [sidecarAlert('sidecar', 'warning')], '45m': [] },
  },
  {
    alert: 'SidelightLimitHit',
    series: {
      [hits('fires', 'streams')]: counter([10, 0], [20, 3], [30, 0]),
      [hits('below', 'streams')]: counter([60, 1.6]),
      // What one client does with one message is no matter of the sidecar's size.
      [hits('quiet', 'depth')]: counter([60, 100]),
    },
    firing: {
      '12m': [],
      '20m': [sidecarAlert('sidecar', 'warning', 'sidelight_limit="streams"')],
      '45m': [],
    },
  },
  {
    alert: 'SidelightCardinalityLimited',
    series: {
      [hits('fires', 'metric_series')]: counter([10, 0], [10, 1], [50, 0]),
      [hits('below', 'streams')]: counter([70, 10]),
      [hits('quiet', 'metric_series')]: counter([70, 0]),
    },
    firing: {
      '14m': [],
      '18m': [sidecarAlert('sidecar', 'warning', 'sidelight_limit="metric_series"')],
      '60m': [],
    },
  },
  {
    alert: 'SidelightRuleFailures',
    series: {
      'prometheus_rule_evaluation_failures_total{job="prometheus", instance="fires", rule_group="/rules/alerts.yaml;sidelight-calls"}':
        counter([10, 0], [20, 1], [40, 0]),
      // Somebody else's rules.
      'prometheus_rule_evaluation_failures_total{job="prometheus", instance="below", rule_group="/rules/k8s.yaml;kubernetes"}':
        counter([70, 1]),
      'prometheus_rule_evaluation_failures_total{job="prometheus", instance="quiet", rule_group="/rules/alerts.yaml;sidelight-calls"}':
        counter([70, 0]),
    },
    firing: {
      '14m': [],
      '20m': [
        'category="meta", instance="fires", job="prometheus", rule_group="/rules/alerts.yaml;sidelight-calls", severity="critical"',
      ],
      '50m': [],
    },
  },
  {
    alert: 'SidelightAlertDeliveryFailing',
    series: {
      'alertmanager_notifications_failed_total{job="alertmanager", instance="fires", integration="webhook", reason="serverError"}':
        counter([10, 0], [20, 1], [40, 0]),
      'prometheus_notifications_errors_total{job="prometheus", instance="fires", alertmanager="http://alertmanager:9093/api/v2/alerts"}':
        counter([10, 0], [20, 1], [40, 0]),
      [`sidelight_alert_deliveries_total{${at('fires', 'sidelight_alert_receiver="oncall", sidelight_alert_delivery="failure"')}}`]:
        counter([10, 0], [20, 1], [40, 0]),
      // One that was sent again at once.
      'alertmanager_notifications_failed_total{job="alertmanager", instance="below", integration="webhook", reason="serverError"}':
        counter([10, 0], [1, 1], [59, 0]),
      'alertmanager_notifications_failed_total{job="alertmanager", instance="quiet", integration="email", reason="other"}':
        counter([70, 0]),
    },
    firing: {
      '14m': [],
      '20m': [
        'alertmanager="http://alertmanager:9093/api/v2/alerts", category="meta", instance="fires", job="prometheus", severity="critical"',
        'category="meta", instance="fires", integration="webhook", job="alertmanager", severity="critical"',
        sidecarAlert('meta', 'critical', 'sidelight_alert_receiver="oncall"'),
      ],
      '50m': [],
    },
  },
]
