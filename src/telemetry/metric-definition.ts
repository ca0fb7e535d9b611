/** What is said of a metric, wherever its name is listed. */

export interface MetricDefinition {
  readonly name: string
  /** An updowncounter is a sum that may fall: a gauge to Prometheus, a Sum to OTLP. */
  readonly kind: 'histogram' | 'counter' | 'updowncounter' | 'gauge'
  /** UCUM. */
  readonly unit: string
  readonly description: string
  /** In the order in which series are keyed. */
  readonly attributes: readonly string[]
  /** Upper bounds, for histograms. */
  readonly buckets?: readonly number[]
}
