/** Who tries to get in, who cannot, and whether that can be found out at all. */

import { ALERT_DEFAULTS } from '../../../src/core/alert-defaults.ts'
import { durationText } from '../scale.ts'
import type { AlertRule, RuleGroup, RuleSettings } from './rule.ts'
import { DURATION, SIDECAR, VALUE } from './text.ts'

/** Credentials are judged before anything else, so these are not about one upstream. */
const JOB = 'cluster, namespace, job'

/** Refused credentials. Without any at all is how every client begins that has yet to be told where to get one. */
export const refusedCredentials = (window: string): string =>
  `sum by (${JOB}) (
  rate(sidelight_auth_attempts_total{sidelight_auth_outcome="refused", sidelight_auth_refusal!="missing"}[${window}])
)`

export function securityAlertGroups(settings: RuleSettings): readonly RuleGroup[] {
  return [
    {
      name: 'sidelight-security-alerts',
      rules: [
        ...tokenAlerts(settings),
        deniedAlert(settings),
        ...keyAlerts(settings),
        ...auditAlerts(settings),
      ],
    },
  ]
}

function tokenAlerts({ scale, thresholds }: RuleSettings): readonly AlertRule[] {
  const { refusedTokensIn5m, refusedTokensTimesUsual, forgedTokensIn10m } = thresholds.fixed
  return [
    {
      alert: 'SidelightAuthFailureSpike',
      expr: `sidelight:auth_refused:rate5m * ${scale.seconds('5m')} > ${refusedTokensIn5m - 0.5}
and sidelight:auth_refused:rate5m > ${refusedTokensTimesUsual} * (
  avg_over_time(sidelight:auth_refused:rate5m[${scale.time('1d')}] offset ${scale.time('10m')})
  or
  sidelight:auth_refused:rate5m * 0
)`,
      for: scale.time('5m'),
      keepFiringFor: scale.time('10m'),
      severity: 'warning',
      category: 'security',
      summary: `${VALUE} refused credentials in 5 minutes`,
      description: `About ${VALUE} requests of the last 5 minutes to the sidecars of {{ $labels.job }} were refused for their credential, more than ${refusedTokensTimesUsual} times as many as is usual there.`,
      impact: 'A client with a broken credential can do nothing; or somebody tries credentials.',
      dashboard: 'security',
    },
    {
      alert: 'SidelightForgedTokens',
      expr: `sum by (${JOB}, sidelight_auth_refusal) (
  increase(sidelight_auth_attempts_total{sidelight_auth_refusal=~"signature|algorithm|key"}[${scale.time('10m')}])
) > ${forgedTokensIn10m - 0.5}`,
      keepFiringFor: scale.time('10m'),
      severity: 'critical',
      category: 'security',
      summary: `${VALUE} tokens that no issuer has signed`,
      description: `About ${VALUE} tokens of the last 10 minutes failed their check of the {{ $labels.sidelight_auth_refusal }}: they were forged, or an issuer has new keys that the sidecars do not have.`,
      impact: 'None of these requests got in. If it is the keys, honest clients stay out.',
      dashboard: 'security',
    },
  ]
}

function deniedAlert({ scale, thresholds }: RuleSettings): AlertRule {
  const increase = (metric: string, filter: string): string =>
    `sum by (${JOB}) (increase(${metric}{${filter}}[${scale.time('10m')}]))`
  const min = thresholds.fixed.decisionsIn10m - 0.5
  return {
    alert: 'SidelightEveryoneDenied',
    expr: `(
  ${increase('sidelight_auth_attempts_total', 'sidelight_auth_refusal!="missing"')} > ${min}
  unless ${increase('sidelight_auth_attempts_total', 'sidelight_auth_outcome="authenticated"')} > 0
)
or
(
  ${increase('sidelight_policy_decisions_total', '')} > ${min}
  unless ${increase('sidelight_policy_decisions_total', 'sidelight_policy_outcome=~"allow|would_deny"')} > 0
)`,
    for: scale.time('5m'),
    keepFiringFor: scale.time('5m'),
    severity: 'critical',
    category: 'security',
    summary: `Nobody is let through at {{ $labels.job }}`,
    description: `Of about ${VALUE} decisions of the last 10 minutes at the sidecars of {{ $labels.job }}, none let a request through.`,
    impact: 'Every agent is locked out.',
    dashboard: 'security',
  }
}

function keyAlerts({ scale, thresholds }: RuleSettings): readonly AlertRule[] {
  const { keysAgeSeconds, undecidedIn5m } = thresholds.fixed
  return [
    {
      alert: 'SidelightKeysStale',
      expr: `max by (${JOB}, instance, sidelight_auth_issuer) (sidelight_auth_keys_age_seconds) > ${keysAgeSeconds}`,
      for: scale.time('5m'),
      keepFiringFor: scale.time('1m'),
      severity: 'warning',
      category: 'security',
      summary: `The keys of {{ $labels.sidelight_auth_issuer }} are ${DURATION} old`,
      description: `The sidecar ${SIDECAR} read the keys of the issuer {{ $labels.sidelight_auth_issuer }} ${DURATION} ago and cannot read them anew. An hour after they were read it uses them no more.`,
      impact: 'None yet; then no token of this issuer can be checked.',
      dashboard: 'security',
    },
    {
      alert: 'SidelightAuthUnavailable',
      expr: `sum by (${JOB}) (
  increase(sidelight_auth_attempts_total{sidelight_auth_outcome="unavailable"}[${scale.time('5m')}])
) > ${undecidedIn5m - 0.5}`,
      for: scale.time('1m'),
      keepFiringFor: scale.time('5m'),
      severity: 'critical',
      category: 'security',
      summary: `${VALUE} credentials could not be checked in 5 minutes`,
      description: `For about ${VALUE} requests of the last 5 minutes the sidecars of {{ $labels.job }} could not find out whether the credential is valid: the issuer does not answer.`,
      impact: 'These requests were refused although their credential may be good.',
      dashboard: 'security',
    },
  ]
}

function auditAlerts({ scale, thresholds }: RuleSettings): readonly AlertRule[] {
  const { auditFailing } = ALERT_DEFAULTS
  const window = scale.time(durationText(auditFailing.windowMs))
  return [
    {
      alert: auditFailing.name,
      expr: `max by (${JOB}, instance) (max_over_time(sidelight_audit_failing[${scale.time('1m')}])) == 1
or
sum by (${JOB}, instance) (increase(sidelight_audit_dropped_total[${window}])) > 0`,
      keepFiringFor: scale.time('1m'),
      severity: auditFailing.severity,
      category: auditFailing.category,
      summary: `The audit log of ${SIDECAR} is not complete`,
      description: `The sidecar ${SIDECAR} cannot write its audit log, or has lost records of it in the last 10 minutes. With audit.mode strict it refuses calls meanwhile.`,
      impact: 'What happens now cannot be proved later.',
      dashboard: 'security',
    },
    {
      alert: 'SidelightAuditFilling',
      expr: `max by (${JOB}, instance) (avg_over_time(sidelight_audit_backlog[${scale.time('5m')}])) > ${thresholds.fixed.auditBacklog}`,
      for: scale.time('2m'),
      keepFiringFor: scale.time('5m'),
      severity: 'warning',
      category: 'security',
      summary: `${VALUE} records wait for the audit log of ${SIDECAR}`,
      description: `On average ${VALUE} records waited to be written to the audit log of the sidecar ${SIDECAR} over the last 5 minutes: its disk is slower than its calls.`,
      impact: 'None yet; when the queue is full, records are lost.',
      dashboard: 'security',
    },
  ]
}
