/** Names in the documentation are names that the program has. */

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { configJsonSchema } from '../../src/config/schema.ts'
import { EVENTS } from '../../src/core/events.ts'
import { METRICS } from '../../src/telemetry/names.ts'
import { prometheusName } from '../../src/telemetry/prometheus.ts'
import { fencesOf, PAGES, proseOf } from '../support/markdown.ts'

interface Said {
  readonly page: string
  readonly name: string
}

/** Code within sentences, and what is typed into shells and asked of Prometheus. */
const said: readonly Said[] = PAGES.flatMap((page) => [
  ...[...proseOf(page).matchAll(/`([^`\n]+)`/g)].map(([, name = '']) => ({ page, name })),
  ...fencesOf(page)
    .filter(({ language }) => language === 'sh' || language === 'promql')
    .flatMap(({ text }) => [...text.matchAll(/[\w.]+/g)])
    .map(([name]) => ({ page, name })),
])

/** Files, hosts and values of the chart, which are spelled alike. */
const OTHERS =
  /\.(yaml|yml|json|jsonl|ts|md|pub|internal|install|com|org|io|dev|example|svc|local)$/

const matching = (pattern: RegExp): readonly Said[] =>
  said.filter(({ name }) => pattern.test(name) && !OTHERS.test(name))

const registry = globSync('otel/registry/*.yaml')
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n')

/** Names of metrics, events and attributes, and what begins several of them. */
function isKnown(name: string): boolean {
  const known = [...Object.keys(EVENTS), ...Object.values(METRICS).map((metric) => metric.name)]
  return (
    known.some((one) => one === name || one.startsWith(`${name}.`)) ||
    new RegExp(`\\b${name.replaceAll('.', '\\.')}\\b`).test(registry)
  )
}

describe('a name in the documentation', () => {
  it('of a metric, an event or an attribute of ours is one that exists', () => {
    const ours = matching(/^sidelight(\.[a-z_]+)+(\.\*)?$/)
    const wrong = ours.filter(({ name }) => !isKnown(name.replace(/\.\*$/, '')))
    assert.deepEqual(wrong, [])
    assert.ok(ours.length > 100, `only ${ours.length} were found`)
  })

  it('of a metric in Prometheus is one that exists', () => {
    const rules = readFileSync('grafana/rules/recording.yaml', 'utf8')
    const series = Object.values(METRICS).flatMap((metric) => prometheusName(metric))
    const ours = matching(/^(sidelight|mcp|nodejs|v8js)_[a-z0-9_]+$/)
    const wrong = ours.filter(
      ({ name }) =>
        !series.some(
          (one) => name.replace(/_(bucket|sum|count|total)$/, '') === one.replace(/_total$/, ''),
        ) &&
        !isKnown(name.replaceAll('_', '.')) &&
        !new RegExp(`\\b${name}\\b`).test(registry.replaceAll('.', '_') + rules),
    )
    assert.deepEqual(wrong, [])
    assert.ok(ours.length > 30, `only ${ours.length} were found`)
  })

  it('of a key of the configuration is one that exists', () => {
    const keys = configKeys()
    const ours = matching(new RegExp(`^(${TOP.join('|')})(\\.[A-Za-z0-9<>*-]+)+$`))
    const records = readFileSync('src/core/audit.ts', 'utf8')
    const wrong = ours
      .filter(({ name }) => !records.includes(`'${name}'`))
      .filter(({ name }) => !isKey(keys, name) && !isKey(keys, name.replaceAll('.*', '')))
    assert.deepEqual(wrong, [])
    assert.ok(ours.length > 100, `only ${ours.length} were found`)
  })
})

const TOP = [
  'listen',
  'upstreams',
  'auth',
  'audit',
  'policy',
  'limits',
  'telemetry',
  'insight',
  'alerts',
  'ui',
  'shutdown',
  'log',
  'breaker',
  'health',
  'retry',
  'hedge',
  'retryBudget',
]

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
}

/** Every key with its path; names that operators choose are `*`. */
function configKeys(): ReadonlySet<string> {
  const keys = new Set<string>()
  const visit = (schema: JsonSchema, path: string): void => {
    for (const [name, member] of Object.entries(schema.properties ?? {})) {
      const key = path === '' ? name : `${path}.${name}`
      keys.add(key)
      visit(member, key)
    }
    if (typeof schema.additionalProperties === 'object') {
      keys.add(`${path}.*`)
      visit(schema.additionalProperties, `${path}.*`)
    }
    if (schema.items !== undefined) visit(schema.items, path)
    for (const one of schema.anyOf ?? []) visit(one, path)
  }
  visit(configJsonSchema(), '')
  return keys
}

/** A key may be said whole, or from the upstream on. */
function isKey(keys: ReadonlySet<string>, name: string): boolean {
  const parts = name.split('.')
  return [...keys].some((key) => {
    const known = key.replace(/^upstreams\.\*\./, '').split('.')
    const whole = key.split('.')
    return [known, whole].some(
      (path) =>
        path.length === parts.length &&
        path.every((part, index) => part === '*' || part === parts[index]),
    )
  })
}
