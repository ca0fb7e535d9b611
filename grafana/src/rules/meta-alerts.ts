/** Who watches the watchers. */

import type { RuleGroup, RuleSettings } from './rule.ts'
import { VALUE } from './text.ts'

export function metaAlertGroups({ scale }: RuleSettings): readonly RuleGroup[] {
  const window = scale.time('5m')
  return [
    {
      name: 'sidelight-meta-alerts',
      rules: [
        {
          alert: 'SidelightRuleFailures',
          expr: `sum by (job, instance, rule_group) (
  increase(prometheus_rule_evaluation_failures_total{rule_group=~".*;sidelight-.*"}[${window}])
) > 0`,
          for: scale.time('5m'),
          keepFiringFor: scale.time('5m'),
          severity: 'critical',
          category: 'meta',
          summary: 'Prometheus cannot evaluate rules of Sidelight',
          description: `In the last 5 minutes about ${VALUE} evaluations of the group {{ $labels.rule_group }} failed.`,
          impact: 'Alerts of this group cannot fire.',
          dashboard: 'pipeline',
        },
        {
          alert: 'SidelightAlertDeliveryFailing',
          expr: `sum by (job, instance, integration) (rate(alertmanager_notifications_failed_total[${window}])) > 0
or
sum by (job, instance, alertmanager) (rate(prometheus_notifications_errors_total[${window}])) > 0
or
sum by (job, instance, sidelight_alert_receiver) (rate(sidelight_alert_deliveries_total{sidelight_alert_delivery="failure"}[${window}])) > 0`,
          for: scale.time('5m'),
          keepFiringFor: scale.time('5m'),
          severity: 'critical',
          category: 'meta',
          summary: 'Alerts do not reach their receivers',
          description:
            '{{ with $labels.integration }}Alertmanager fails to notify {{ . }}.{{ end }}{{ with $labels.alertmanager }}Prometheus cannot reach {{ . }}.{{ end }}{{ with $labels.sidelight_alert_receiver }}A sidecar cannot tell its receiver {{ . }}.{{ end }} What could not be sent is tried again.',
          impact: 'Nobody is told of what is wrong.',
          dashboard: 'pipeline',
        },
        {
          alert: 'SidelightWatchdog',
          expr: 'vector(1)',
          severity: 'none',
          category: 'meta',
          summary: 'Alerting works',
          description:
            'This alert always fires. Whoever receives it should raise the alarm when it stops coming.',
          impact: 'None; its absence means that no other alert can arrive.',
          dashboard: 'pipeline',
        },
      ],
    },
  ]
}
