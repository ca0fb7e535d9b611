import { at, counter, gauge, type AlertCase } from './case.ts'

/** Subjects are jobs: credentials are not about one upstream. */
const attempts = (job: string, outcome: string, refusal?: string): string =>
  `sidelight_auth_attempts_total{job="${job}", instance="a", sidelight_upstream_name="weather", sidelight_auth_outcome="${outcome}"${refusal === undefined ? '' : `, sidelight_auth_refusal="${refusal}"`}}`

const decisions = (job: string, outcome: string): string =>
  `sidelight_policy_decisions_total{job="${job}", instance="a", sidelight_upstream_name="weather", sidelight_policy_outcome="${outcome}"}`

const age = (job: string): string =>
  `sidelight_auth_keys_age_seconds{job="${job}", instance="a", sidelight_auth_issuer="https://idp.example"}`

const securityAlert = (severity: string, others = ''): string =>
  `category="security", job="fires", severity="${severity}"${others}`

const auditAlert = (instance: string, severity: string): string =>
  `category="security", ${at(instance)}, severity="${severity}"`

export const SECURITY_CASES: readonly AlertCase[] = [
  {
    alert: 'SidelightAuthFailureSpike',
    series: {
      // Usual are 0.75 a minute; then 5.5 a minute, about seven times as many.
      [attempts('fires', 'refused', 'expired')]: counter([120, 0.75], [12, 5.5], [60, 0.75]),
      // Many, but not five times as many as usual.
      [attempts('below', 'refused', 'expired')]: counter([120, 1.6], [12, 6.4], [60, 1.6]),
      // Few, though none are usual.
      [attempts('quiet', 'refused', 'expired')]: counter([120, 0], [12, 3.2], [60, 0]),
      // How clients begin that are yet to be told where to get a token.
      [attempts('beginners', 'refused', 'missing')]: counter([120, 0], [12, 50], [60, 0]),
    },
    firing: { '124m': [], '130m': [securityAlert('warning')], '150m': [] },
  },
  {
    alert: 'SidelightForgedTokens',
    series: {
      [attempts('fires', 'refused', 'signature')]: counter([10, 0], [4, 2], [60, 0]),
      [attempts('below', 'refused', 'signature')]: counter([10, 0], [4, 1], [60, 0]),
      [attempts('quiet', 'refused', 'expired')]: counter([74, 10]),
    },
    firing: {
      '11m': [],
      '15m': [securityAlert('critical', ', sidelight_auth_refusal="signature"')],
      '40m': [],
    },
  },
  {
    alert: 'SidelightEveryoneDenied',
    series: {
      [attempts('fires', 'authenticated')]: counter([10, 3], [30, 0], [30, 3]),
      [attempts('fires', 'refused', 'audience')]: counter([10, 0], [30, 3], [30, 0]),
      // One that gets in is enough.
      [attempts('below', 'authenticated')]: counter([70, 0.2]),
      [attempts('below', 'refused', 'audience')]: counter([70, 3]),
      [attempts('quiet', 'authenticated')]: counter([10, 1], [60, 0]),
      [attempts('quiet', 'refused', 'audience')]: counter([10, 0], [60, 1.5]),
    },
    firing: { '20m': [], '30m': [securityAlert('critical')], '60m': [] },
  },
  {
    alert: 'SidelightEveryoneDenied',
    about: 'also by the policy, but not by one in a dry run',
    series: {
      [decisions('fires', 'deny')]: counter([40, 3]),
      [decisions('dry', 'would_deny')]: counter([40, 3]),
      [decisions('dry', 'deny')]: counter([40, 3]),
    },
    firing: { '30m': [securityAlert('critical')] },
  },
  {
    alert: 'SidelightKeysStale',
    series: {
      [age('fires')]: gauge([11, 60], [20, 3000], [20, 60]),
      [age('below')]: gauge([51, 2000]),
      [age('quiet')]: gauge([51, 60]),
    },
    firing: {
      '15m': [],
      '17m': [
        securityAlert('warning', ', instance="a", sidelight_auth_issuer="https://idp.example"'),
      ],
      '40m': [],
    },
  },
  {
    alert: 'SidelightAuthUnavailable',
    series: {
      [attempts('fires', 'unavailable', 'keys_unavailable')]: counter([10, 0], [20, 1.6], [30, 0]),
      [attempts('below', 'unavailable', 'keys_unavailable')]: counter([60, 0.7]),
      [attempts('quiet', 'refused', 'keys_unavailable')]: counter([60, 0]),
    },
    firing: { '12m': [], '20m': [securityAlert('critical')], '45m': [] },
  },
  {
    alert: 'SidelightAuditFailing',
    series: {
      [`sidelight_audit_failing{${at('fires')}}`]: gauge([11, 0], [10, 1], [20, 0]),
      [`sidelight_audit_failing{${at('below')}}`]: gauge([41, 0]),
      [`sidelight_audit_dropped_total{${at('quiet')}}`]: counter([41, 0]),
    },
    firing: { '10m': [], '12m': [auditAlert('fires', 'critical')], '30m': [] },
  },
  {
    alert: 'SidelightAuditFailing',
    about: 'also for a single record that is lost',
    series: { [`sidelight_audit_dropped_total{${at('one')}}`]: counter([10, 0], [1, 1], [30, 0]) },
    firing: { '10m': [], '12m': [auditAlert('one', 'critical')], '30m': [] },
  },
  {
    alert: 'SidelightAuditFilling',
    series: {
      [`sidelight_audit_backlog{${at('fires')}}`]: gauge([11, 0], [20, 8000], [30, 0]),
      [`sidelight_audit_backlog{${at('below')}}`]: gauge([61, 3000]),
      [`sidelight_audit_backlog{${at('quiet')}}`]: gauge([61, 2]),
    },
    firing: { '12m': [], '20m': [auditAlert('fires', 'warning')], '45m': [] },
  },
]
