/** What rules and runbooks speak of exists: metrics, labels, values, dashboards, addresses, each other. */

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { EXTERNAL_METRICS } from '../../grafana/src/dashboards/external.ts'
import { staleFiles } from '../../grafana/src/generate.ts'
import { DASHBOARD_UIDS } from '../../grafana/src/links.ts'
import { labelsOfSeries, metricOfSeries, readContract } from '../../grafana/src/metrics.ts'
import { alertRules, ruleGroups } from '../../grafana/src/rules/files.ts'
import { parsePromql, type Matcher, type Selector } from '../support/promql.ts'

const contract = readContract()

/** Series of others that rules or runbooks read besides those that dashboards show. */
const EXTERNAL = new Set([
  ...Object.values(EXTERNAL_METRICS).flat(),
  'prometheus_notifications_errors_total',
  'process_resident_memory_bytes',
  'container_cpu_cfs_throttled_periods_total',
  'container_cpu_cfs_periods_total',
  // Made by /metrics itself, of the resource.
  'target_info',
  // Set by whoever runs Prometheus.
  'sidelight:threshold_override',
])

const groups = ruleGroups()

const recorded = new Set(
  groups.recording.flatMap(({ rules }) =>
    rules.flatMap((rule) => ('record' in rule ? [rule.record] : [])),
  ),
)

interface Placed {
  readonly where: string
  readonly expr: string
}

const ofRules: readonly Placed[] = [...groups.recording, ...groups.alerts].flatMap(({ rules }) =>
  rules.map((rule) => ({ where: 'record' in rule ? rule.record : rule.alert, expr: rule.expr })),
)

const runbooks = globSync('grafana/runbooks/*.md')
  .toSorted()
  .filter((file) => !file.endsWith('README.md'))
  .map((file) => ({ file, name: path.basename(file, '.md'), text: readFileSync(file, 'utf8') }))

const blocks = (text: string, language: string): readonly string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, block = '']) => block.trim(),
  )

const ofRunbooks: readonly Placed[] = runbooks.flatMap(({ name, text }) =>
  blocks(text, 'promql').map((expr) => ({ where: `runbook ${name}`, expr })),
)

/** What is wrong with a selector; undefined when nothing is. */
function problemOf({ metric, matchers }: Selector): string | undefined {
  // Collectors are asked by a pattern of names.
  if (metric === undefined) {
    return matchers.some(({ label }) => label === '__name__') ? undefined : 'names no metric'
  }
  if (recorded.has(metric) || EXTERNAL.has(metric)) return undefined
  const known = metricOfSeries(contract, metric)
  if (known === undefined) return `there is no ${metric}`
  const labels = labelsOfSeries(known, metric)
  const unknown = matchers.filter(({ label }) => !labels.has(label)).map(({ label }) => label)
  if (unknown.length > 0) return `${metric} has no ${unknown.join(', ')}`
  const values = matchers.flatMap((matcher) =>
    unknownValues(matcher, known.labels.get(matcher.label)),
  )
  return values.length > 0 ? `${metric} has no ${values.join(', ')}` : undefined
}

function unknownValues(
  { value, op, label }: Matcher,
  known: readonly string[] | undefined,
): readonly string[] {
  if (known === undefined || value === '') return []
  const values = op === '=~' || op === '!~' ? value.split('|') : [value]
  return values
    .filter((one) => /^[\w/-]+$/.test(one) && !known.includes(one))
    .map((one) => `${label}="${one}"`)
}

function problemsOf(queries: readonly Placed[]): readonly string[] {
  return queries.flatMap(({ where, expr }) => {
    const { errors, selectors } = parsePromql(expr)
    const found = [...errors, ...selectors.flatMap((selector) => problemOf(selector) ?? [])]
    return found.map((problem) => `${where}: ${problem}`)
  })
}

describe('what is made from the source', () => {
  it('is what is committed', () => {
    assert.deepEqual(staleFiles(), [])
  })
})

describe('rules', () => {
  it('are the same ones for Prometheus and for its operator', () => {
    const groupsIn = (file: string): unknown[] => parse(readFileSync(file, 'utf8')).groups
    const { kind, spec }: { kind: string; spec: { groups: unknown[] } } = parse(
      readFileSync('grafana/rules/kubernetes/prometheus-rule.yaml', 'utf8'),
    )
    assert.equal(kind, 'PrometheusRule')
    assert.deepEqual(spec.groups, [
      ...groupsIn('grafana/rules/recording.yaml'),
      ...groupsIn('grafana/rules/alerts.yaml'),
    ])
  })

  it('read metrics, labels and values that /metrics has', () => {
    assert.ok(ofRules.length > 80, 'the rules were found')
    assert.deepEqual(problemsOf(ofRules), [])
  })

  it('name only series in templates that are recorded', () => {
    const named = alertRules().flatMap(({ summary, description }) =>
      [...`${summary} ${description}`.matchAll(/sidelight:[\w:]+/g)].map(([name]) => name),
    )
    assert.ok(named.length > 0)
    assert.deepEqual(
      named.filter((name) => !recorded.has(name)),
      [],
    )
  })

  it('say in words what is wrong, for whom, and lead to a dashboard that exists', () => {
    const uids = new Set(
      globSync('grafana/dashboards/*.json').map((file) => path.basename(file, '.json')),
    )
    for (const { alert, summary, description, impact, dashboard } of alertRules()) {
      assert.ok(summary.length > 10 && !summary.endsWith('.'), alert)
      assert.ok(description.length > 40 && description.endsWith('.'), alert)
      assert.ok(impact.length > 10 && impact.endsWith('.'), alert)
      assert.ok(uids.has(DASHBOARD_UIDS[dashboard]), `${alert}: ${dashboard}`)
    }
  })

  it('show only labels that the alert has', () => {
    const always = new Set(['job', 'instance', 'cluster', 'namespace'])
    for (const { alert, expr, summary, description } of alertRules()) {
      const used = [...`${summary} ${description}`.matchAll(/\$labels\.(\w+)/g)].map(
        ([, label = '']) => label,
      )
      // The label is grouped by in the rule, or in the recorded series that it reads.
      const text = expr.includes('sidelight:') ? `${expr} sidelight_upstream_name` : expr
      for (const label of used) {
        assert.ok(always.has(label) || text.includes(label), `${alert}: ${label}`)
      }
    }
  })
})

describe('runbooks', () => {
  it('are there for every alert, and for nothing else', () => {
    assert.deepEqual(
      runbooks.map(({ name }) => name),
      [...new Set(alertRules().map(({ alert }) => alert))].toSorted(),
    )
  })

  it('say what it means, whom it hurts, how to find the cause, what to do, and when it is nothing', () => {
    for (const { name, text } of runbooks) {
      assert.deepEqual(
        text.split('\n').filter((line) => line.startsWith('#')),
        [
          `# ${name}`,
          '## Meaning',
          '## Impact',
          '## Diagnosis',
          '## Mitigation',
          '## When it is a false alarm',
        ],
      )
      for (const section of text.split('\n## ').slice(1)) {
        assert.ok(section.split('\n').slice(1).join('').trim().length >= 5, `${name}: ${section}`)
      }
      assert.ok(blocks(text, 'promql').length > 0, `${name} has a query to begin with`)
    }
  })

  it('ask for metrics, labels and values that /metrics has', () => {
    assert.deepEqual(problemsOf(ofRunbooks), [])
  })

  it('link to files that exist', () => {
    for (const { name, text } of runbooks) {
      for (const [, link = ''] of text.matchAll(/\]\(([^)#]+)/g)) {
        const target = path.join('grafana/runbooks', link)
        assert.ok(globSync(target).length === 1, `${name}: ${link}`)
      }
    }
  })

  it('call addresses of the admin API that exist', () => {
    const { paths }: { readonly paths: Readonly<Record<string, unknown>> } = JSON.parse(
      readFileSync('docs/openapi.json', 'utf8'),
    )
    const known = Object.keys(paths).map(
      (one) => new RegExp(`^${one.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    )
    for (const { name, text } of runbooks) {
      for (const [, address = ''] of text.matchAll(/127\.0\.0\.1:9464(\/api\/[\w/]+)/g)) {
        assert.ok(
          known.some((one) => one.test(address)),
          `${name}: ${address}`,
        )
      }
    }
  })
})
