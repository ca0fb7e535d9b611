/**
 * The alerts as rules that Grafana evaluates itself, in its format for provisioning from files. They are
 * an alternative to those of Prometheus, not an addition, and so nothing mounts them.
 */

import type { GeneratedFile } from './generated-file.ts'
import { LOCAL_LINKS } from './links.ts'
import { alertAnnotations, alertLabels, ruleGroups, yaml } from './rules/files.ts'
import { isAlert, type AlertRule, type RuleGroup } from './rules/rule.ts'
import { forGrafana } from './rules/text.ts'

/** As in grafana/provisioning/datasources. */
const DATASOURCE = { type: 'prometheus', uid: 'sidelight-prometheus' } as const

const EXPRESSION = { type: '__expr__', uid: '__expr__' } as const

/** Apart from the dashboards' folder, whose uid another file decides. */
const FOLDER = 'Sidelight alerts'

/** `evaluation_interval` of grafana/prometheus/prometheus.yml. */
const INTERVAL = '30s'

/** A query of Prometheus answers only with what is to fire, so every value is above this one. */
const BELOW_EVERY_VALUE = -1e300

export const managedAlertFiles = (): readonly GeneratedFile[] => [
  {
    path: 'grafana/managed-alerts/sidelight.yaml',
    text: yaml({ apiVersion: 1, groups: ruleGroups().alerts.map(groupOf) }),
  },
]

const groupOf = ({ name, interval, rules }: RuleGroup): object => ({
  orgId: 1,
  name,
  folder: FOLDER,
  interval: interval ?? INTERVAL,
  rules: rules.filter(isAlert).map(twinOf),
})

function twinOf(rule: AlertRule): object {
  // Alerts that share a name differ in their long window; Grafana wants titles and uids that differ.
  const parts = [rule.alert, rule.labels?.['long']].filter((part) => part !== undefined)
  return {
    uid: parts.join('-'),
    title: parts.join(' '),
    condition: 'B',
    data: [query(rule.expr), THRESHOLD],
    // No answer means that nothing is wrong.
    noDataState: 'OK',
    execErrState: 'Error',
    for: rule.for ?? '0s',
    ...(rule.keepFiringFor === undefined ? {} : { keepFiringFor: rule.keepFiringFor }),
    // A series that is missing once is over, as for Prometheus; otherwise `for` would count over gaps.
    missing_series_evals_to_resolve: 1,
    annotations: Object.fromEntries(
      Object.entries(alertAnnotations(rule, LOCAL_LINKS)).map(([name, text]) => [
        name,
        forGrafana(text),
      ]),
    ),
    labels: alertLabels(rule),
    isPaused: false,
  }
}

/** Prometheus takes the name of a series from its alert; here the sum over nothing does that. */
const query = (expr: string): object => ({
  refId: 'A',
  relativeTimeRange: { from: 600, to: 0 },
  datasourceUid: DATASOURCE.uid,
  model: {
    refId: 'A',
    datasource: DATASOURCE,
    editorMode: 'code',
    expr: `sum without () (\n${expr}\n)`,
    instant: true,
    range: false,
    intervalMs: 1000,
    maxDataPoints: 43_200,
  },
})

const THRESHOLD = {
  refId: 'B',
  relativeTimeRange: { from: 0, to: 0 },
  datasourceUid: EXPRESSION.uid,
  model: {
    refId: 'B',
    datasource: EXPRESSION,
    type: 'threshold',
    expression: 'A',
    conditions: [{ type: 'query', evaluator: { type: 'gt', params: [BELOW_EVERY_VALUE] } }],
  },
} as const
