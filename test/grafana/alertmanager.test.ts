/** Who is told of what, according to Alertmanager itself. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { alertmanagerConfig } from '../../grafana/src/alertmanager.ts'
import { alertRules } from '../../grafana/src/rules/files.ts'
import { startAlertmanager } from '../support/alertmanager.ts'
import { runTool, skipWithout } from '../support/monitoring-tools.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const FILES = ['alertmanager.yml', 'alertmanager-webhook.yml', 'alertmanager-services.yml'].map(
  (name) => `grafana/alertmanager/${name}`,
)

const ROUTES: readonly (readonly [labels: readonly string[], receivers: string])[] = [
  [['alertname=SidelightWatchdog', 'severity=none', 'category=meta'], 'heartbeat'],
  [['alertname=SidelightBreakerOpen', 'severity=critical', 'category=upstream'], 'page'],
  [['alertname=SidelightErrorRateHigh', 'severity=warning', 'category=calls'], 'ticket'],
  [['alertname=SidelightForgedTokens', 'severity=critical', 'category=security'], 'security,page'],
  [['alertname=SidelightToolDrift', 'severity=warning', 'category=security'], 'security,ticket'],
  [
    [
      'alertname=SidelightErrorRateHigh',
      'severity=warning',
      'category=calls',
      'sidelight_upstream_name=payments-eu',
    ],
    'team,ticket',
  ],
  [['alertname=Anything', 'severity=info'], 'nobody'],
  [['alertname=SomebodyElses'], 'ticket'],
]

const upstream = (name: string, alertname: string, severity: string): Record<string, string> => ({
  alertname,
  severity,
  job: 'sidelight',
  sidelight_upstream_name: name,
})

describe('Alertmanager', () => {
  it('accepts each form of the configuration', { skip: skipWithout('amtool') }, () => {
    for (const file of FILES) {
      const { ok, text } = runTool('amtool', ['check-config', file])
      assert.ok(ok, text)
    }
  })

  it('sends each alert to whom it concerns', { skip: skipWithout('amtool') }, () => {
    for (const file of FILES) {
      for (const [labels, receivers] of ROUTES) {
        const { ok, text } = runTool('amtool', [
          'config',
          'routes',
          'test',
          `--config.file=${file}`,
          `--verify.receivers=${receivers}`,
          ...labels,
        ])
        assert.ok(ok, `${file} ${labels.join(' ')}: ${text}`)
      }
    }
  })

  it('names alerts that there are', () => {
    const names = new Set(alertRules().map(({ alert }) => alert))
    const named = JSON.stringify(
      parse(readFileSync('grafana/alertmanager/alertmanager.yml', 'utf8')),
    )
    const unknown = [...named.matchAll(/Sidelight[A-Z]\w+/g)].filter(([name]) => !names.has(name))
    assert.deepEqual(unknown, [])
  })

  it(
    'stays silent about what follows from another alert, for the same upstream alone',
    { skip: skipWithout('prometheus-alertmanager') },
    async () => {
      const alertmanager = await startAlertmanager(alertmanagerConfig(() => ({})))
      await alertmanager.fire([
        upstream('weather', 'SidelightBreakerOpen', 'critical'),
        upstream('weather', 'SidelightErrorRateHigh', 'warning'),
        upstream('weather', 'SidelightAvailabilityLow', 'critical'),
        upstream('weather', 'SidelightLatencyP95High', 'warning'),
        upstream('weather', 'SidelightPoolSaturated', 'warning'),
        upstream('files', 'SidelightErrorRateHigh', 'warning'),
        upstream('maps', 'SidelightAvailabilityBudgetBurn', 'critical'),
        upstream('maps', 'SidelightAvailabilityBudgetBurn', 'warning'),
        { alertname: 'SidelightNoTelemetry', severity: 'critical' },
        { alertname: 'SidelightGone', severity: 'critical', job: 'sidelight', instance: 'a' },
      ])
      const heard = await waitFor(
        async () => {
          const alerts = await alertmanager.alerts()
          const active = alerts.filter(({ status }) => status.state === 'active')
          return alerts.length === 10 &&
            alerts.every(({ status }) => status.state !== 'unprocessed')
            ? active
            : undefined
        },
        { within: SOON, what: 'Alertmanager to have looked at all alerts' },
      )
      assert.deepEqual(
        heard
          .map(
            ({ labels }) =>
              `${labels['alertname']} ${labels['sidelight_upstream_name'] ?? ''} ${labels['severity']}`,
          )
          .toSorted(),
        [
          'SidelightAvailabilityBudgetBurn maps critical',
          'SidelightBreakerOpen weather critical',
          'SidelightErrorRateHigh files warning',
          'SidelightNoTelemetry  critical',
          'SidelightPoolSaturated weather warning',
        ],
      )
    },
  )
})
