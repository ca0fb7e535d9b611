/** The tables of docs/telemetry.md, made from the registry. */

import { EVENTS, type EventDefinition } from '../src/core/events.ts'
import { prometheusLabel, prometheusName } from '../src/telemetry/prometheus.ts'
import { METRICS, type MetricDefinition } from '../src/telemetry/names.ts'
import { code, table } from './markdown.ts'
import {
  readRegistry,
  type AttributeUse,
  type Registry,
  type RegistryAttribute,
  type RegistryMetric,
} from './registry.ts'

const LEVELS = {
  required: 'always',
  conditionally_required: 'conditionally required',
  recommended: 'recommended',
  opt_in: 'opt-in',
} as const

function source(registry: Registry, name: string): string {
  const found = registry.sources[name]
  return found?.title ?? 'Sidelight'
}

function whenOf({ level, condition }: AttributeUse): string {
  return condition === undefined ? LEVELS[level] : `${LEVELS[level]}: ${condition}`
}

export function spanAttributesPart(): string {
  const registry = readRegistry()
  const keys = [...new Set(registry.spans.flatMap(({ attributes }) => [...attributes.keys()]))]
  const rows = keys.map((key) => {
    const uses = registry.spans.flatMap((span) => {
      const use = span.attributes.get(key)
      return use === undefined ? [] : [{ kind: span.kind.toUpperCase(), use }]
    })
    const on = uses.length === registry.spans.length ? 'both' : uses.map(({ kind }) => kind).join()
    const [first] = uses
    return [code(key), on, first === undefined ? '' : whenOf(first.use)]
  })
  return table(['Attribute', 'On', 'When'], rows)
}

export function attributesPart(): string {
  const registry = readRegistry()
  const rows = [...registry.attributes.values()].map((attribute) => [
    code(attribute.key),
    attribute.members === undefined ? attribute.type : 'enum',
    [attribute.brief, attribute.note, valuesOf(attribute)].filter(Boolean).join(' '),
    source(registry, attribute.source),
  ])
  return table(['Attribute', 'Type', 'What it says', 'Source'], rows)
}

function valuesOf({ members }: RegistryAttribute): string {
  if (members === undefined) return ''
  const values = [...members].map(([value, brief]) =>
    brief === '' ? code(value) : `${code(value)} (${brief.replace(/\.$/, '')})`,
  )
  return `Values: ${values.join(', ')}.`
}

export function metricsPart(): string {
  const registry = readRegistry()
  const overview = table(
    ['Metric', 'Instrument', 'Unit', 'Source'],
    [...registry.metrics.values()].map(({ name, instrument, unit, source: from }) => [
      code(name),
      instrument,
      code(unit),
      source(registry, from),
    ]),
  )
  return [overview, ...[...registry.metrics.values()].map(metricSection)].join('\n\n')
}

function metricSection(metric: RegistryMetric): string {
  const { name, instrument, unit, brief, note, attributes, buckets } = metric
  const lines = [`### ${code(name)}`, '', note === undefined ? brief : `${brief} ${note}`, '']
  const definitions: readonly MetricDefinition[] = Object.values(METRICS)
  const definition = definitions.find((one) => one.name === name)
  if (definition !== undefined) lines.push(`- In Prometheus: ${code(prometheusName(definition))}`)
  lines.push(`- ${instrument}, unit ${code(unit)}`)
  if (attributes.size > 0) {
    const keys = [...attributes.keys()].map((key) => `${code(key)} (${code(prometheusLabel(key))})`)
    lines.push(`- Attributes: ${keys.join(', ')}`)
  }
  if (buckets !== undefined) lines.push(`- Buckets: ${buckets.join(', ')}`)
  return lines.join('\n')
}

export function eventsPart(): string {
  const definitions: Readonly<Record<string, EventDefinition>> = EVENTS
  const rows = [...readRegistry().events.values()].map(({ name, brief, attributes }) => {
    const definition = definitions[name]
    return [
      code(name),
      definition?.levels.join(', ') ?? '',
      brief,
      [...attributes.keys()].map(code).join(', '),
      definition?.local === true ? 'no' : 'yes',
    ]
  })
  return table(['Event', 'Level', 'When', 'Attributes', 'Exported'], rows)
}

export function sourcesPart(): string {
  const { sources } = readRegistry()
  const rows = Object.values(sources).map(({ title, repository, commit, schemaUrl }) => [
    title,
    `${repository} at ${code(commit.slice(0, 8))}`,
    schemaUrl === undefined ? '' : code(schemaUrl),
  ])
  return table(['Source', 'Pinned', 'Schema URL'], rows)
}
