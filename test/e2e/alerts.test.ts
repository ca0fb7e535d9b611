/** Alerts of a sidecar on their way to a real Alertmanager, and to a webhook. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startAlertmanager } from '../support/alertmanager.ts'
import { skipWithout } from '../support/monitoring-tools.ts'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type RawUpstream } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { waitFor } from '../support/wait-for.ts'

/** Alerts are judged every 5 seconds, and Alertmanager takes its time. */
const EVENTUALLY = 60_000

interface Notification {
  readonly notification_reason?: string
  readonly status: string
  readonly alerts: readonly {
    readonly status: string
    readonly fingerprint: string
    readonly labels: Readonly<Record<string, string>>
    readonly startsAt: string
    readonly endsAt: string
  }[]
}

/** An MCP server whose tool `break` always fails. */
async function startUpstream(): Promise<RawUpstream> {
  return startRawUpstream((request, reply) => {
    const fails = request.body.includes('"name":"break"')
    reply.result({ content: [{ type: 'text', text: 'done' }], isError: fails })
  })
}

async function call(sidecar: TestSidecar, tool: string, times: number): Promise<void> {
  for (let id = 0; id < times; id += 1) {
    const params = { name: tool, arguments: {} }
    const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await requestOnce(sidecar.url('main'), { body })
  }
}

const notificationsTo = (hook: RawUpstream): readonly Notification[] =>
  hook.requests.map((request): Notification => JSON.parse(request.body.toString()))

async function notified(hook: RawUpstream, status: string): Promise<Notification> {
  return waitFor(() => notificationsTo(hook).findLast((one) => one.status === status), {
    within: EVENTUALLY,
    what: () => `a notification that is ${status} among ${hook.requests.length}`,
  })
}

/** Alertmanager, as Go does, leaves out the noughts at the end of a fraction of a second. */
const moment = (time = 'missing'): string => new Date(time).toISOString()

/** The members of an object and of those in it, without their values. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf)
  if (typeof value !== 'object' || value === null) return typeof value
  const members = Object.entries(value).map(([key, one]) => [key, shapeOf(one)] as const)
  return Object.fromEntries(members.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

test(
  'an alert reaches people by Alertmanager and by a webhook, which say the same of it',
  { skip: skipWithout('prometheus-alertmanager') },
  async () => {
    const upstream = await startUpstream()
    const byManager = await startRawUpstream((_request, reply) => reply.send({}))
    let refusals = 0
    const direct = await startRawUpstream((_request, reply) => {
      refusals += 1
      reply.send(refusals <= 1 ? { status: '503 Service Unavailable' } : {})
    })
    const manager = await startAlertmanager({
      route: { receiver: 'hook', group_by: ['alertname'], group_wait: '0s', group_interval: '1s' },
      receivers: [{ name: 'hook', webhook_configs: [{ url: byManager.url, send_resolved: true }] }],
    })
    const sidecar = await startTestSidecar({
      upstreams: { main: upstream.url },
      config: {
        alerts: {
          labels: { instance: 'test', cluster: 'here' },
          rules: { errorRate: { for: '0s', keepFiringFor: '0s' } },
          receivers: {
            manager: { url: manager.url },
            hook: {
              type: 'webhook',
              url: direct.url,
              headers: { authorization: 'Bearer canary-1' },
            },
          },
          externalUrl: 'http://status.example/',
        },
      },
    })
    await call(sidecar, 'break', 6)

    const fromManager = await notified(byManager, 'firing')
    const fromSidecar = await notified(direct, 'firing')
    // Alertmanager 0.33 adds why it notifies; its form, version 4, is the same otherwise.
    const { notification_reason: _reason, ...theirs } = fromManager
    assert.deepEqual(shapeOf(fromSidecar), shapeOf(theirs))
    const [alert] = fromSidecar.alerts
    assert.deepEqual(alert?.labels, {
      alertname: 'SidelightErrorRateHigh',
      severity: 'warning',
      category: 'calls',
      sidelight_upstream_name: 'main',
      instance: 'test',
      cluster: 'here',
    })
    assert.deepEqual(fromManager.alerts[0]?.labels, alert.labels)
    assert.equal(fromManager.alerts[0]?.fingerprint, alert.fingerprint)
    assert.equal(moment(fromManager.alerts[0]?.startsAt), moment(alert.startsAt))
    assert.equal(direct.requests[0]?.values('authorization')[0], 'Bearer canary-1')
    const [known] = await manager.alerts()
    assert.equal(known?.status.state, 'active')

    // 6 failures among 156 calls are less than 5 %.
    await call(sidecar, 'work', 150)
    const resolved = await notified(direct, 'resolved')
    assert.equal(resolved.alerts[0]?.fingerprint, alert.fingerprint)
    const resolvedByManager = await notified(byManager, 'resolved')
    assert.equal(moment(resolvedByManager.alerts[0]?.endsAt), moment(resolved.alerts[0]?.endsAt))

    const changes = sidecar.logs
      .filter(({ event }) => event === 'sidelight.alert.changed')
      .map(({ level, fields }) => `${level} ${String(fields['sidelight.alert.state'])}`)
    assert.deepEqual(changes, ['warn firing', 'info resolved'])
    const deliveries = sidecar.logs
      .filter(({ event }) => event.startsWith('sidelight.alert.delivery'))
      .map(({ event, fields }) => [event, fields['sidelight.alert.receiver'], fields['error.type']])
    assert.deepEqual(deliveries, [
      ['sidelight.alert.delivery_failed', 'hook', '503'],
      ['sidelight.alert.delivery_recovered', 'hook', undefined],
    ])
    const metrics = await sidecar.metrics()
    const failed = { sidelight_alert_receiver: 'hook', sidelight_alert_delivery: 'failure' }
    assert.equal(metrics.sum('sidelight_alert_deliveries_total', failed), 1)
    assert.equal(
      JSON.stringify(sidecar.logs).includes('canary-1'),
      false,
      'credentials are not logged',
    )
  },
)
