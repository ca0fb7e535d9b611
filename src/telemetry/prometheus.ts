/**
 * Metrics in Prometheus text format 0.0.4, named as Prometheus names what it receives by OTLP
 * (OpenTelemetry "Prometheus and OpenMetrics Compatibility": underscores, unit and type suffixes),
 * so that scraped and pushed metrics are the same ones.
 */

import type { MetricDefinition } from './names.ts'
import { CounterFamily, GaugeFamily, HistogramFamily, type MetricFamily } from './series.ts'

const UNIT_SUFFIX: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' }

/** The metric's name in Prometheus, without `_bucket`, `_sum` and `_count`. */
export function prometheusName(definition: MetricDefinition): string {
  const base = definition.name.replaceAll('.', '_') + (UNIT_SUFFIX[definition.unit] ?? '')
  return definition.kind === 'counter' ? `${base}_total` : base
}

export function prometheusLabel(attribute: string): string {
  return attribute.replaceAll('.', '_')
}

export function renderPrometheus(families: readonly MetricFamily[]): string {
  const lines: string[] = []
  for (const family of families) {
    const { definition } = family
    const name = prometheusName(definition)
    lines.push(`# HELP ${name} ${escapeHelp(definition.description)}`)
    lines.push(`# TYPE ${name} ${definition.kind}`)
    if (family instanceof HistogramFamily) renderHistogram(family, name, lines)
    else if (family instanceof CounterFamily) renderCounter(family, name, lines)
    else renderGauge(family, name, lines)
  }
  return `${lines.join('\n')}\n`
}

function renderHistogram(family: HistogramFamily, name: string, lines: string[]): void {
  const bounds = family.definition.buckets ?? []
  for (const { values, value } of family.series()) {
    const labels = renderLabels(family.definition, values)
    const separator = labels === '' ? '' : ','
    let cumulative = 0
    for (const [index, count] of value.counts.entries()) {
      cumulative += count
      const le = index < bounds.length ? String(bounds[index]) : '+Inf'
      lines.push(`${name}_bucket{${labels}${separator}le="${le}"} ${cumulative}`)
    }
    lines.push(
      `${name}_sum${braced(labels)} ${value.sum}`,
      `${name}_count${braced(labels)} ${value.count}`,
    )
  }
}

function renderCounter(family: CounterFamily, name: string, lines: string[]): void {
  for (const { values, value } of family.series()) {
    lines.push(`${name}${braced(renderLabels(family.definition, values))} ${value.total}`)
  }
}

function renderGauge(family: GaugeFamily, name: string, lines: string[]): void {
  for (const { values, value } of family.series()) {
    lines.push(`${name}${braced(renderLabels(family.definition, values))} ${value}`)
  }
}

function renderLabels(definition: MetricDefinition, values: readonly string[] | undefined): string {
  if (values === undefined) return 'otel_metric_overflow="true"'
  const labels: string[] = []
  for (const [index, attribute] of definition.attributes.entries()) {
    const value = values[index] ?? ''
    if (value !== '') labels.push(`${prometheusLabel(attribute)}="${escapeLabel(value)}"`)
  }
  return labels.join(',')
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
