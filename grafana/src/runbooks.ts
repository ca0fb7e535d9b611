/** The index of runbooks, and the tables of docs/alerts.md. */

import { code, table } from '../../scripts/markdown.ts'
import { GENERATED_NOTE, type GeneratedFile } from './generated-file.ts'
import { alertRules } from './rules/files.ts'
import type { AlertRule, Category } from './rules/rule.ts'
import { UPSTREAM_THRESHOLDS } from './thresholds.ts'

const CATEGORIES: readonly (readonly [category: Category, title: string])[] = [
  ['calls', 'Calls'],
  ['slo', 'Objectives'],
  ['upstream', 'Upstreams'],
  ['security', 'Security'],
  ['telemetry', 'Telemetry'],
  ['sidecar', 'Sidecars'],
  ['meta', 'Alerting itself'],
]

export function runbookFiles(): readonly GeneratedFile[] {
  const lists = CATEGORIES.map(([category, title]) => {
    const names = namesOf(category).map(
      ({ alert, impact }) => `- [${alert}](${alert}.md): ${impact}`,
    )
    return `## ${title}\n\n${names.join('\n')}\n`
  })
  const text = `<!-- ${GENERATED_NOTE} -->

# Runbooks

One for each alert: what it means, whom it hurts, how to find the cause, what to do, and when it is
nothing. Alerts link here; docker-compose.yml has Grafana serve them.

${lists.join('\n')}`
  return [{ path: 'grafana/runbooks/README.md', text }]
}

/** Every alert once, the most severe of its rules first. */
function namesOf(category: Category): readonly AlertRule[] {
  const rules = alertRules().filter((rule) => rule.category === category)
  return rules.filter(
    (rule, index) => rules.findIndex(({ alert }) => alert === rule.alert) === index,
  )
}

/** For docs/alerts.md: what fires when. */
export function alertsTable(): string {
  const rows = alertRules().map((rule) => [
    `[${rule.alert}](../grafana/runbooks/${rule.alert}.md)${rule.labels === undefined ? '' : ` ${rule.labels['long']}`}`,
    rule.severity,
    rule.category,
    rule.for ?? 'at once',
    rule.keepFiringFor ?? '',
    rule.impact,
  ])
  return table(['Alert', 'Severity', 'Category', 'Holds for', 'Goes on for', 'Impact'], rows)
}

/** For docs/alerts.md: what can be set per upstream. */
export function thresholdsTable(): string {
  const rows = Object.entries(UPSTREAM_THRESHOLDS).map(([name, { value, about }]) => [
    code(name),
    String(value),
    about,
  ])
  return table(['`threshold`', 'Without a rule', 'What it is'], rows)
}
