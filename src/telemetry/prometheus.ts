/**
 * Metrics as text for Prometheus, in its own format 0.0.4 or in OpenMetrics 1.0, named as Prometheus
 * names what it receives by OTLP (OpenTelemetry "Prometheus and OpenMetrics Compatibility":
 * underscores, unit and type suffixes), so that scraped and pushed metrics are the same ones.
 */

import type { Exemplar, HistogramSeries } from './histogram-series.ts'
import type { MetricDefinition } from './names.ts'
import { CounterFamily, HistogramFamily, type GaugeFamily, type MetricFamily } from './series.ts'

export type MetricsFormat = 'text' | 'openmetrics'

/** Rendered at a stretch; what is longer is cut between two series, so that calls get their turn. */
const SLICE_CHARS = 65_536

/** UCUM units as words, as Prometheus' OTLP receiver translates them; annotations are dropped. */
const UNIT_WORDS: Readonly<Record<string, string>> = {
  d: 'days',
  h: 'hours',
  min: 'minutes',
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
  By: 'bytes',
  '%': 'percent',
}

/** The metric's unit in Prometheus; empty when it has none. */
export function prometheusUnit({ unit, kind }: MetricDefinition): string {
  if (unit === '1') return kind === 'gauge' ? 'ratio' : ''
  return UNIT_WORDS[unit] ?? ''
}

/** The metric's name in Prometheus, without `_bucket`, `_sum` and `_count`. */
export function prometheusName(definition: MetricDefinition): string {
  const base = familyName(definition)
  return definition.kind === 'counter' ? `${base}_total` : base
}

/** The name without the suffix of counters, as OpenMetrics wants it in its metadata. */
function familyName(definition: MetricDefinition): string {
  const words = definition.name.split(/[^a-zA-Z0-9]+/)
  if (definition.kind === 'counter' && words.at(-1) === 'total') words.pop()
  const unit = prometheusUnit(definition)
  return (unit === '' || words.includes(unit) ? words : [...words, unit]).join('_')
}

/** A label begins with no digit: Prometheus refuses the whole scrape for one. */
export function prometheusLabel(attribute: string): string {
  const label = attribute.replaceAll(/[^a-zA-Z0-9_]/g, '_')
  return /^\d/.test(label) ? `key_${label}` : label
}

/**
 * All series, in slices of about 64 KiB. What is recorded between two slices is in the later ones;
 * each series is of one moment. `resource` is the resource's attributes, for `target_info`.
 */
export function* renderMetrics(
  families: readonly MetricFamily[],
  format: MetricsFormat,
  resource: Readonly<Record<string, string>> = {},
): Iterable<string> {
  let slice = renderTarget(resource, format)
  for (const family of families) {
    slice += renderHead(family.definition, format)
    for (const text of renderSeries(family, format)) {
      slice += text
      if (slice.length < SLICE_CHARS) continue
      yield slice
      slice = ''
    }
  }
  yield format === 'openmetrics' ? `${slice}# EOF\n` : slice
}

function renderHead(definition: MetricDefinition, format: MetricsFormat): string {
  const openMetrics = format === 'openmetrics'
  const name = openMetrics ? familyName(definition) : prometheusName(definition)
  const unit = openMetrics ? prometheusUnit(definition) : ''
  const kind = definition.kind === 'updowncounter' ? 'gauge' : definition.kind
  const help = `# HELP ${name} ${escapeHelp(definition.description, format)}\n`
  return `${help}# TYPE ${name} ${kind}\n${unit === '' ? '' : `# UNIT ${name} ${unit}\n`}`
}

const TARGET_HELP = 'What this process is: the resource of its telemetry.'

function renderTarget(resource: Readonly<Record<string, string>>, format: MetricsFormat): string {
  const entries = Object.entries(resource)
  if (entries.length === 0) return ''
  const labels = new Map<string, string>()
  for (const [attribute, value] of entries) {
    const label = prometheusLabel(attribute)
    const before = labels.get(label)
    // As the compatibility rules say of attributes that become the same label.
    labels.set(label, before === undefined ? value : `${before};${value}`)
  }
  const shown = [...labels].map(([label, value]) => `${label}="${escapeLabel(value)}"`)
  const openMetrics = format === 'openmetrics'
  const name = openMetrics ? 'target' : 'target_info'
  const type = `# TYPE ${name} ${openMetrics ? 'info' : 'gauge'}`
  return `# HELP ${name} ${TARGET_HELP}\n${type}\ntarget_info{${shown.join(',')}} 1\n`
}

function renderSeries(family: MetricFamily, format: MetricsFormat): Iterable<string> {
  if (family instanceof HistogramFamily) return renderHistogram(family, format)
  return family instanceof CounterFamily ? renderCounter(family) : renderGauge(family)
}

function* renderHistogram(family: HistogramFamily, format: MetricsFormat): Iterable<string> {
  const { definition } = family
  const openMetrics = format === 'openmetrics'
  const name = prometheusName(definition)
  const bounds = (definition.buckets ?? []).map((bound) =>
    openMetrics && Number.isInteger(bound) ? `${bound}.0` : String(bound),
  )
  const endings = [...bounds, '+Inf'].map((bound) => `le="${bound}"} `)
  for (const series of family.series()) {
    const labels = (series.labels ??= renderLabels(definition, series.values))
    yield histogramText(series, name, labels, endings, openMetrics)
  }
}

function histogramText(
  series: HistogramSeries,
  name: string,
  labels: string,
  endings: readonly string[],
  openMetrics: boolean,
): string {
  const { counts, sum, count } = series.read()
  const start = `${name}_bucket{${labels}${labels === '' ? '' : ','}`
  let text = ''
  let cumulative = 0
  for (let bucket = 0; bucket < endings.length; bucket += 1) {
    cumulative += counts[bucket] ?? 0
    text += `${start}${endings[bucket] ?? ''}${cumulative}`
    const exemplar = openMetrics ? series.exemplar(bucket) : undefined
    text += exemplar === undefined ? '\n' : exemplarText(exemplar)
  }
  const own = braced(labels)
  return `${text}${name}_sum${own} ${numberText(sum)}\n${name}_count${own} ${count}\n`
}

function exemplarText({ traceId, spanId, value, epochMs }: Exemplar): string {
  const seconds = (epochMs / 1000).toFixed(3)
  return ` # {trace_id="${traceId}",span_id="${spanId}"} ${numberText(value)} ${seconds}\n`
}

function* renderCounter(family: CounterFamily): Iterable<string> {
  const name = prometheusName(family.definition)
  for (const series of family.series()) {
    const labels = (series.labels ??= renderLabels(family.definition, series.values))
    yield `${name}${braced(labels)} ${numberText(series.total)}\n`
  }
}

function* renderGauge(family: GaugeFamily): Iterable<string> {
  const name = prometheusName(family.definition)
  for (const { values, value } of family.series()) {
    yield `${name}${braced(renderLabels(family.definition, values))} ${numberText(value)}\n`
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

function numberText(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function escapeHelp(text: string, format: MetricsFormat): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return format === 'openmetrics' ? escaped.replaceAll('"', '\\"') : escaped
}
