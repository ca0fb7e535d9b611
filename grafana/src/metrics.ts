/**
 * What Prometheus knows of Sidelight: every metric of `otel/registry` under the name and with the labels
 * that `/metrics` gives it. Rules and dashboards may use nothing else, and a test holds them to it.
 */

import { readRegistry, type RegistryMetric } from '../../scripts/registry.ts'
import { prometheusLabel, prometheusName } from '../../src/telemetry/prometheus.ts'
import type { MetricDefinition } from '../../src/telemetry/metric-definition.ts'

export interface ContractMetric {
  /** In Prometheus: `sidelight_calls_total`; of a histogram without `_bucket`, `_sum` and `_count`. */
  readonly name: string
  /** In the registry: `sidelight.calls`. */
  readonly otelName: string
  readonly kind: MetricDefinition['kind']
  readonly brief: string
  /** Labels of its own, without those of the target; the values they can have, where that is closed. */
  readonly labels: ReadonlyMap<string, readonly string[] | undefined>
}

/** Labels of every series of a target, whatever it measures: of the scrape, and of Kubernetes. */
export const TARGET_LABELS: readonly string[] = ['cluster', 'namespace', 'job', 'instance', 'pod']

/** Every metric by its name in Prometheus. */
export function readContract(): ReadonlyMap<string, ContractMetric> {
  const metrics = [...readRegistry().metrics.values()].map(toContract)
  return new Map(metrics.map((metric) => [metric.name, metric]))
}

/**
 * The metric that a series of this name belongs to. Of a histogram there are `_bucket`, `_sum` and
 * `_count`, and the bare name where it is a native one.
 */
export function metricOfSeries(
  contract: ReadonlyMap<string, ContractMetric>,
  series: string,
): ContractMetric | undefined {
  const found = contract.get(series)
  if (found !== undefined) return found
  const base = contract.get(series.replace(/_(bucket|sum|count)$/, ''))
  return base?.kind === 'histogram' ? base : undefined
}

/** Labels that a series of this name can have: its own, its target's, and `le` of a bucket. */
export function labelsOfSeries(metric: ContractMetric, series: string): ReadonlySet<string> {
  const bucket = series.endsWith('_bucket') ? ['le'] : []
  return new Set([...metric.labels.keys(), ...TARGET_LABELS, ...bucket])
}

function toContract(metric: RegistryMetric): ContractMetric {
  return {
    name: prometheusName({
      name: metric.name,
      kind: metric.instrument,
      unit: metric.unit,
      description: metric.brief,
      attributes: [],
    }),
    otelName: metric.name,
    kind: metric.instrument,
    brief: metric.brief,
    labels: new Map(
      [...metric.attributes.values()].map(({ attribute }) => [
        prometheusLabel(attribute.key),
        attribute.members === undefined ? undefined : [...attribute.members.keys()],
      ]),
    ),
  }
}
