/**
 * Series that dashboards use and Sidelight does not make. Tests know of these that they exist only from
 * the programs' own documentation, but for those of Prometheus, which a test asks.
 */

const collector = (signal: string): readonly string[] =>
  ['receiver_accepted', 'receiver_refused', 'exporter_sent', 'exporter_send_failed'].flatMap(
    (what) => [`otelcol_${what}_${signal}`, `otelcol_${what}_${signal}_total`],
  )

export const EXTERNAL_METRICS: Readonly<Record<string, readonly string[]>> = {
  prometheus: [
    'ALERTS',
    'up',
    'scrape_duration_seconds',
    'scrape_samples_post_metric_relabeling',
    'prometheus_rule_evaluation_failures_total',
    'prometheus_rule_group_last_duration_seconds',
    'prometheus_tsdb_head_series',
  ],
  alertmanager: ['alertmanager_notifications_failed_total', 'alertmanager_notifications_total'],
  // With and without the suffix: its readers name them either way.
  collector: [
    ...['spans', 'log_records', 'metric_points'].flatMap(collector),
    'otelcol_exporter_queue_size',
    'otelcol_exporter_queue_capacity',
    'otelcol_process_memory_rss',
    'otelcol_process_memory_rss_bytes',
    'otelcol_processor_tail_sampling_count_traces_sampled',
    'otelcol_processor_tail_sampling_count_traces_sampled_total',
  ],
  tempo: ['tempo_distributor_spans_received_total'],
  loki: ['loki_distributor_lines_received_total', 'loki_discarded_samples_total'],
}
