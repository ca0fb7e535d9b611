/** Rules as files: for Prometheus, and as a manifest for its operator on Kubernetes. */

import { stringify } from 'yaml'
import { GENERATED_NOTE, type GeneratedFile } from '../generated-file.ts'
import { dashboardUrl, LOCAL_LINKS, runbookUrl, type Links } from '../links.ts'
import { REAL_TIME } from '../scale.ts'
import { THRESHOLDS } from '../thresholds.ts'
import { agentAlertGroups } from './agent-alerts.ts'
import { callAlertGroups } from './call-alerts.ts'
import { metaAlertGroups } from './meta-alerts.ts'
import { recordingGroups } from './recording.ts'
import {
  isAlert,
  type AlertRule,
  type RecordingRule,
  type RuleGroup,
  type RuleSettings,
} from './rule.ts'
import { securityAlertGroups } from './security-alerts.ts'
import { sidecarAlertGroups } from './sidecar-alerts.ts'
import { telemetryAlertGroups } from './telemetry-alerts.ts'
import { upstreamAlertGroups } from './upstream-alerts.ts'

const SHIPPED: RuleSettings = { scale: REAL_TIME, thresholds: THRESHOLDS }

/** Files of Prometheus, by name. */
export function ruleGroups(
  settings: RuleSettings = SHIPPED,
): Readonly<Record<'recording' | 'alerts', readonly RuleGroup[]>> {
  return {
    recording: recordingGroups(settings),
    alerts: [
      ...callAlertGroups(settings),
      ...upstreamAlertGroups(settings),
      ...agentAlertGroups(settings),
      ...securityAlertGroups(settings),
      ...telemetryAlertGroups(settings),
      ...sidecarAlertGroups(settings),
      ...metaAlertGroups(settings),
    ],
  }
}

/** Every alert, several of them with the same name. */
export function alertRules(settings: RuleSettings = SHIPPED): readonly AlertRule[] {
  return ruleGroups(settings).alerts.flatMap(({ rules }) => rules.filter(isAlert))
}

export function ruleFiles(
  settings: RuleSettings = SHIPPED,
  links: Links = LOCAL_LINKS,
): readonly GeneratedFile[] {
  const { recording, alerts } = ruleGroups(settings)
  return [
    ruleFile('grafana/rules/recording.yaml', recording, links),
    ruleFile('grafana/rules/alerts.yaml', alerts, links),
    {
      path: 'grafana/rules/kubernetes/prometheus-rule.yaml',
      text: yaml(prometheusRule(links, settings)),
    },
  ]
}

/** All rules as an object of Prometheus' operator. */
export function prometheusRule(
  links: Links,
  settings: RuleSettings = SHIPPED,
): { readonly apiVersion: string; readonly kind: string } & Record<string, unknown> {
  const { recording, alerts } = ruleGroups(settings)
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: {
      name: 'sidelight',
      labels: { 'app.kubernetes.io/name': 'sidelight', role: 'alert-rules' },
    },
    spec: { groups: [...recording, ...alerts].map((group) => groupYaml(group, links)) },
  }
}

/** A rule file of Prometheus. */
export const rulesYaml = (groups: readonly RuleGroup[], links: Links = LOCAL_LINKS): string =>
  yaml({ groups: groups.map((group) => groupYaml(group, links)) })

const ruleFile = (path: string, groups: readonly RuleGroup[], links: Links): GeneratedFile => ({
  path,
  text: rulesYaml(groups, links),
})

export const yaml = (value: unknown): string =>
  `# ${GENERATED_NOTE}\n${stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })}`

function groupYaml({ name, interval, rules }: RuleGroup, links: Links): object {
  return {
    name,
    ...(interval === undefined ? {} : { interval }),
    rules: rules.map((rule) => (isAlert(rule) ? alertYaml(rule, links) : recordingYaml(rule))),
  }
}

const recordingYaml = ({ record, expr }: RecordingRule): object => ({ record, expr })

function alertYaml(rule: AlertRule, links: Links): object {
  return {
    alert: rule.alert,
    expr: rule.expr,
    ...(rule.for === undefined ? {} : { for: rule.for }),
    ...(rule.keepFiringFor === undefined ? {} : { keep_firing_for: rule.keepFiringFor }),
    labels: alertLabels(rule),
    annotations: alertAnnotations(rule, links),
  }
}

export const alertLabels = (rule: AlertRule): Readonly<Record<string, string>> => ({
  severity: rule.severity,
  category: rule.category,
  ...rule.labels,
})

/** As Prometheus fills them in. */
export const alertAnnotations = (
  rule: AlertRule,
  links: Links,
): Readonly<Record<string, string>> => ({
  summary: rule.summary,
  description: rule.description,
  impact: rule.impact,
  runbook_url: runbookUrl(links, rule.alert),
  dashboard_url: dashboardUrl(
    links,
    rule.dashboard,
    rule.dashboard === 'pipeline' ? {} : VARIABLES,
  ),
})

/** Variables of the dashboards, and the label that each takes its value from. */
const VARIABLES = {
  job: 'job',
  instance: 'instance',
  upstream: 'sidelight_upstream_name',
  tool: 'gen_ai_tool_name',
} as const
