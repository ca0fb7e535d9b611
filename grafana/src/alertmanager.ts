/**
 * Who is told of what: the routes of Alertmanager, in three forms that differ in their receivers alone.
 * Secrets are in files beside the configuration, because Alertmanager reads no environment.
 */

import { stringify } from 'yaml'
import { ALERT_DEFAULTS } from '../../src/core/alert-defaults.ts'
import { GENERATED_NOTE, type GeneratedFile } from './generated-file.ts'

/** Whom routes lead to. */
export const RECEIVERS = ['page', 'ticket', 'security', 'heartbeat', 'team', 'nobody'] as const

export type Receiver = (typeof RECEIVERS)[number]

/** Labels of an alert that says the same of one upstream. */
const SAME_UPSTREAM = ['cluster', 'namespace', 'job', 'sidelight_upstream_name'] as const

/** What fails while an upstream is kept from its callers, because it is. */
const FOLLOWS_FROM_OPEN_BREAKER = [
  ALERT_DEFAULTS.errorRate.name,
  'SidelightErrorRateCritical',
  ALERT_DEFAULTS.latency.name,
  ALERT_DEFAULTS.availability.name,
  'SidelightAvailabilityBudgetBurn',
  'SidelightLatencyBudgetBurn',
  'SidelightToolBreakerOpen',
  'SidelightAgentIgnoresRefusals',
]

const one = (label: string, value: string): string => `${label}="${value}"`

const anyOf = (label: string, values: readonly string[]): string =>
  `${label}=~"${values.join('|')}"`

const ROUTE = {
  receiver: 'ticket',
  group_by: ['alertname', ...SAME_UPSTREAM],
  group_wait: '30s',
  group_interval: '5m',
  repeat_interval: '12h',
  routes: [
    {
      receiver: 'heartbeat',
      matchers: [one('alertname', 'SidelightWatchdog')],
      group_wait: '0s',
      group_interval: '1m',
      repeat_interval: '1m',
    },
    { receiver: 'nobody', matchers: [anyOf('severity', ['info', 'none'])] },
    {
      receiver: 'security',
      matchers: [one('category', 'security')],
      group_wait: '10s',
      repeat_interval: '1h',
      continue: true,
    },
    // A team that owns upstreams hears of these, whoever else does; copy it for the next team.
    {
      receiver: 'team',
      matchers: [anyOf('sidelight_upstream_name', ['payments', 'payments-.+'])],
      continue: true,
    },
    {
      receiver: 'page',
      matchers: [one('severity', 'critical')],
      group_wait: '10s',
      repeat_interval: '1h',
    },
    { receiver: 'ticket', matchers: [one('severity', 'warning')] },
  ],
}

const INHIBIT = [
  {
    source_matchers: [one('alertname', ALERT_DEFAULTS.breakerOpen.name)],
    target_matchers: [anyOf('alertname', FOLLOWS_FROM_OPEN_BREAKER)],
    equal: SAME_UPSTREAM,
  },
  {
    source_matchers: [one('alertname', ALERT_DEFAULTS.upstreamDown.name)],
    target_matchers: [
      anyOf('alertname', ['SidelightUpstreamFlapping', ...FOLLOWS_FROM_OPEN_BREAKER]),
    ],
    equal: SAME_UPSTREAM,
  },
  {
    source_matchers: [one('alertname', 'SidelightErrorRateCritical')],
    target_matchers: [one('alertname', ALERT_DEFAULTS.errorRate.name)],
    equal: SAME_UPSTREAM,
  },
  {
    source_matchers: [one('alertname', 'SidelightForgedTokens')],
    target_matchers: [one('alertname', 'SidelightAuthFailureSpike')],
    equal: ['cluster', 'namespace', 'job'],
  },
  {
    source_matchers: [one('severity', 'critical')],
    target_matchers: [one('severity', 'warning')],
    equal: ['alertname', ...SAME_UPSTREAM],
  },
  {
    source_matchers: [one('alertname', 'SidelightNoTelemetry')],
    target_matchers: [one('alertname', 'SidelightGone')],
    equal: [],
  },
  {
    source_matchers: [one('alertname', 'SidelightCollectorDown')],
    target_matchers: [one('alertname', ALERT_DEFAULTS.telemetryFailing.name)],
    equal: [],
  },
]

const secret = (name: string): string => `/etc/alertmanager/secrets/${name}`

const webhook = (name: Receiver): object => ({
  webhook_configs: [{ url_file: secret(`${name}_url`), send_resolved: name !== 'heartbeat' }],
})

const TITLE = '{{ template "sidelight.title" . }}'

const TEXT = '{{ template "sidelight.text" . }}'

/** Services that people use, as examples; each is complete but for its secret. */
const SERVICES: Readonly<Record<Receiver, object>> = {
  page: {
    pagerduty_configs: [
      {
        routing_key_file: secret('pagerduty_key'),
        description: TITLE,
        severity: '{{ or .CommonLabels.severity "critical" }}',
        links: [
          { href: '{{ .CommonAnnotations.runbook_url }}', text: 'Runbook' },
          { href: '{{ .CommonAnnotations.dashboard_url }}', text: 'Dashboard' },
        ],
      },
    ],
  },
  ticket: {
    slack_configs: [
      {
        api_url_file: secret('slack_url'),
        channel: '#sidelight',
        send_resolved: true,
        title: TITLE,
        title_link: '{{ .CommonAnnotations.dashboard_url }}',
        text: TEXT,
      },
    ],
  },
  security: {
    email_configs: [
      {
        to: 'security@example.com',
        from: 'alertmanager@example.com',
        smarthost: 'smtp.example.com:587',
        auth_username: 'alertmanager@example.com',
        auth_password_file: secret('smtp_password'),
        send_resolved: true,
        headers: { Subject: TITLE },
        text: TEXT,
        html: '',
      },
    ],
  },
  heartbeat: webhook('heartbeat'),
  team: webhook('team'),
  nobody: {},
}

export function alertmanagerFiles(): readonly GeneratedFile[] {
  return [
    file(
      'alertmanager.yml',
      'Alerts are shown and sent to nobody. Take one of the other two files to be told of them.',
      () => ({}),
    ),
    file(
      'alertmanager-webhook.yml',
      'Every receiver is a webhook; its address is in secrets/<receiver>_url.',
      (name) => (name === 'nobody' ? {} : webhook(name)),
    ),
    file(
      'alertmanager-services.yml',
      'PagerDuty, Slack and email, with their keys in files in secrets/.',
      (name) => SERVICES[name],
    ),
  ]
}

/** What Alertmanager reads, with these receivers. */
export function alertmanagerConfig(receiver: (name: Receiver) => object) {
  return {
    global: { resolve_timeout: '5m' },
    templates: ['templates/*.tmpl'],
    route: ROUTE,
    inhibit_rules: INHIBIT,
    receivers: RECEIVERS.map((name) => ({ name, ...receiver(name) })),
  }
}

function file(name: string, about: string, receiver: (name: Receiver) => object): GeneratedFile {
  const text = stringify(alertmanagerConfig(receiver), {
    lineWidth: 0,
    aliasDuplicateObjects: false,
  })
  return { path: `grafana/alertmanager/${name}`, text: `# ${GENERATED_NOTE}\n# ${about}\n${text}` }
}
