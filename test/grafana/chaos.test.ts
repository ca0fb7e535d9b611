/**
 * Faults, and who hears of them: a real sidecar under traffic, scraped by a real Prometheus whose alerts
 * a real Alertmanager sends to a webhook. The rules are those that are shipped, made by the same source
 * with every window and wait divided by 30.
 */

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { alertmanagerConfig } from '../../grafana/src/alertmanager.ts'
import { ruleGroups, rulesYaml } from '../../grafana/src/rules/files.ts'
import { scaleBy } from '../../grafana/src/scale.ts'
import { THRESHOLDS } from '../../grafana/src/thresholds.ts'
import { startAlertmanager } from '../support/alertmanager.ts'
import { startHttpUpstream } from '../support/http-upstream.ts'
import { skipWithout } from '../support/monitoring-tools.ts'
import { startPrometheus, type Prometheus } from '../support/prometheus.ts'
import { closeAfterTest } from '../support/scope.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runSidelight, startSidecarProcess, withFile } from '../support/sidecar-process.ts'
import { startRawUpstream, type RawHandler, type RawUpstream } from '../support/raw-upstream.ts'
import { waitFor } from '../support/wait-for.ts'

const DIVISOR = 30

const SECRET = 'canary-secret-0123456789abcdef012345'

/** `alertname of upstream`, in the order of the alphabet. */
const EXPECTED = {
  killed: ['SidelightBreakerOpen', 'SidelightUpstreamDown'],
  slow: ['SidelightLatencyBudgetBurn', 'SidelightLatencyP95High'],
  failing: ['SidelightErrorRateHigh'],
  throttled: [
    'SidelightAgentIgnoresRefusals',
    'SidelightAvailabilityBudgetBurn',
    'SidelightAvailabilityLow',
    'SidelightErrorRateCritical',
    'SidelightUpstreamThrottled',
  ],
  full: [
    'SidelightAgentIgnoresRefusals',
    'SidelightAvailabilityBudgetBurn',
    'SidelightAvailabilityLow',
    'SidelightErrorRateCritical',
    'SidelightPoolExhausted',
    'SidelightPoolSaturated',
  ],
  well: [],
  '': ['SidelightAuditFailing', 'SidelightForgedTokens', 'SidelightTelemetryFailing'],
} as const

/** May come and need not: mostly silenced by something worse, if that comes soon enough. */
const PASSING = new Set([
  // The time to wait that refusals name is not divided, so it outlives what silences this.
  'SidelightAgentIgnoresRefusals killed',
  'SidelightErrorRateHigh full',
  'SidelightErrorRateHigh throttled',
  'SidelightAuthFailureSpike',
  // Of a machine that has other things to do.
  'SidelightEventLoopSlow',
  'SidelightOverloaded',
])

type Upstream = Exclude<keyof typeof EXPECTED, ''>

describe('faults of a live sidecar', () => {
  it(
    'reach a webhook as exactly the alerts that tell of them, and are resolved afterwards',
    { skip: skipWithout('prometheus', 'prometheus-alertmanager') || skipWithoutPrlimit() },
    async (t) => {
      const upstreams = await startUpstreams()
      const collector = await startCollector()
      const webhook = await startWebhook()
      const directory = await temporaryDirectory()
      await withFile(configuration(upstreams, directory), async (file) => {
        const token = (await runSidelight(['token', '-c', file, '--subject', 'ada'])).stdout.trim()
        const sidecar = await startSidecarProcess({
          args: ['--config', file],
          env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '200' },
        })
        const alertmanager = await startAlertmanager(fast(webhook.url))
        const prometheus = await startPrometheus({
          rules: shortRules(),
          alertmanagerUrl: alertmanager.url,
          targets: { sidelight: sidecar.adminUrl },
        })
        const traffic = startTraffic((name) => sidecar.url(name), token)
        await waitFor(async () => await quiet(prometheus), {
          within: 60_000,
          what: 'traffic to be seen',
        })
        assert.deepEqual(webhook.firing(), [], 'nothing fires while all is well')

        const budgets = await prometheus.query('sidelight:availability_budget_left:ratio30d')
        assert.deepEqual(new Set(budgets.map(({ value }) => value)), new Set([1]))

        const brokenAt = performance.now()
        limitFiles(sidecar.pid, '1:')
        await upstreams.break()
        collector.refuse = true
        traffic.forge = true
        const heard = (): readonly string[] =>
          webhook.everFired().filter((one) => !PASSING.has(one))
        await waitFor(() => expected().every((one) => heard().includes(one)), {
          within: 90_000,
          what: () =>
            `${expected()
              .filter((one) => !heard().includes(one))
              .join(', ')}; there came ${webhook.everFired().join(', ')}`,
        })
        // What comes late is not expected either.
        await sleep(5_000)
        assert.deepEqual(heard(), expected())
        assert.deepEqual(await prometheus.failedRules(), [])

        const mendedAt = performance.now()
        limitFiles(sidecar.pid, 'unlimited:')
        await upstreams.mend()
        collector.refuse = false
        traffic.forge = false
        await waitFor(() => webhook.firing().length === 0, {
          within: 120_000,
          what: () => `the end of ${webhook.firing().join(', ')}`,
        })
        assert.deepEqual(heard(), expected(), 'nothing is heard when all is over')

        traffic.stop()
        const killedAt = performance.now()
        await sidecar.kill()
        await waitFor(() => webhook.firing().includes('SidelightGone'), {
          within: 60_000,
          what: () => `the sidecar to be missed; so far ${webhook.firing().join(', ')}`,
        })
        record(t, webhook.history(), { brokenAt, mendedAt, killedAt })
      })
    },
  )
})

const expected = (): readonly string[] =>
  Object.entries(EXPECTED)
    .flatMap(([upstream, alerts]) => alerts.map((alert) => `${alert} ${upstream}`.trim()))
    .toSorted()

/** No file of the process may grow: what it sees of a disk that is full. */
function limitFiles(pid: number, size: string): void {
  execFileSync('prlimit', [`--pid=${pid}`, `--fsize=${size}`])
}

function skipWithoutPrlimit(): string | false {
  return spawnSync('prlimit', ['--version']).status === 0
    ? false
    : 'NOT TESTED: there is no prlimit (util-linux) to fill the disk of the audit log with'
}

/** Seconds from the fault to the webhook, and from its end to the news of that. */
function record(
  t: { diagnostic(text: string): void },
  history: readonly Seen[],
  { brokenAt, mendedAt, killedAt }: Readonly<Record<'brokenAt' | 'mendedAt' | 'killedAt', number>>,
): void {
  const seconds = (ms: number): number => Math.round(ms / 1000)
  const alerts = history.map(({ alert, firedAt, resolvedAt }) =>
    resolvedAt === undefined
      ? { alert, firedAfter: seconds(firedAt - killedAt) }
      : {
          alert,
          firedAfter: seconds(firedAt - brokenAt),
          resolvedAfter: seconds(resolvedAt - mendedAt),
        },
  )
  for (const one of alerts) t.diagnostic(JSON.stringify(one))
  const file = process.env['SIDELIGHT_RECORD_CHAOS']
  if (file === undefined) return
  writeFileSync(file, `${JSON.stringify({ divisor: DIVISOR, alerts }, null, 2)}\n`)
}

function shortRules(): Record<string, string> {
  const { recording, alerts } = ruleGroups({ scale: scaleBy(DIVISOR), thresholds: THRESHOLDS })
  return { 'recording.yaml': rulesYaml(recording), 'alerts.yaml': rulesYaml(alerts) }
}

/** The routes that are shipped, with nothing to wait for. */
function fast(url: string): object {
  const hurry = (route: object): object => ({
    ...route,
    group_wait: '0s',
    group_interval: '1s',
    repeat_interval: '1h',
  })
  const config = alertmanagerConfig((name) =>
    name === 'nobody' ? {} : { webhook_configs: [{ url: `${url}/${name}`, send_resolved: true }] },
  )
  const { routes, ...route } = config.route
  return { ...config, route: { ...hurry(route), routes: routes.map(hurry) } }
}

/** Recorded rates of every upstream are there, and none of them fails. */
async function quiet(prometheus: Prometheus): Promise<boolean> {
  const rates = await prometheus.query('sidelight:calls:rate5m > 0')
  const pending = await prometheus.query('ALERTS{alertname!="SidelightWatchdog"}')
  const budgets = await prometheus.query('sidelight:availability_budget_left:ratio30d')
  const upstreams = Object.keys(EXPECTED).length - 1
  return rates.length === upstreams && budgets.length === upstreams && pending.length === 0
}

interface Upstreams {
  readonly urls: ReadonlyMap<Upstream, string>
  break(): Promise<void>
  mend(): Promise<void>
}

const callOf = (body: string): { id?: unknown; method?: string } => JSON.parse(body)

async function startUpstreams(): Promise<Upstreams> {
  let broken = false
  let failing = 0
  const answer =
    (name: Upstream): RawHandler =>
    (request, reply) => {
      const { method, id } = callOf(request.body.toString())
      if (id === undefined) return reply.send({ status: '202 Accepted', headers: [] })
      if (method !== 'tools/call') return reply.result({})
      const done = (isError = false): void =>
        reply.result({ content: [{ type: 'text', text: 'done' }], isError })
      if (!broken) return done()
      if (name === 'slow') return void setTimeout(done, 5_600).unref()
      if (name === 'full') return void setTimeout(done, 700).unref()
      if (name === 'failing') return done((failing += 1) % 6 === 0)
      if (name === 'throttled') {
        return reply.send({
          status: '429 Too Many Requests',
          headers: ['Retry-After: 1'],
          body: '{}',
        })
      }
      return done()
    }
  const names: readonly Upstream[] = ['killed', 'slow', 'failing', 'throttled', 'full', 'well']
  const servers = new Map<Upstream, RawUpstream>()
  for (const name of names) servers.set(name, await startRawUpstream(answer(name)))
  const port = servers.get('killed')?.port ?? 0
  return {
    urls: new Map([...servers].map(([name, { url }]) => [name, url])),
    break: async () => {
      broken = true
      await servers.get('killed')?.close()
    },
    mend: async () => {
      broken = false
      await startRawUpstream(answer('killed'), { port })
    },
  }
}

/** Waits of the breaker and of health checks are short for the same reason as those of the rules. */
function configuration({ urls }: Upstreams, directory: string): string {
  const breaker = {
    openTime: '200ms',
    recoveryTimeout: '1s',
    slowStart: '0s',
    slowCall: '60s',
    toolBreakers: false,
  }
  return stringify({
    auth: { mode: 'dev-hs256', dev: { secret: SECRET } },
    audit: { dir: directory },
    upstreams: Object.fromEntries(
      [...urls].map(([name, url]) => [
        name,
        {
          url,
          breaker,
          health: { interval: '500ms', timeout: '2s' },
          ...(name === 'full' ? { concurrency: 1, queue: 4, queueTimeout: '30s' } : {}),
        },
      ]),
    ),
  })
}

interface Traffic {
  forge: boolean
  stop(): void
}

/** Four calls a second to each upstream, whether or not the ones before have ended. */
function startTraffic(urlOf: (upstream: string) => string, token: string): Traffic {
  const traffic = { forge: false, stop: () => clearInterval(timer) }
  let id = 0
  const call = (upstream: string, bearer: string): void => {
    id += 1
    const params = { name: 'work', arguments: { id } }
    void fetch(urlOf(upstream), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${bearer}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }),
    })
      .then((reply) => reply.text())
      .catch(() => {})
  }
  const [head = '', body = ''] = token.split('.')
  const forged = `${head}.${body}.${Buffer.alloc(32, 7).toString('base64url')}`
  const timer = setInterval(() => {
    for (const name of Object.keys(EXPECTED)) if (name !== '') call(name, token)
    // So that enough of these fail for it to be no chance.
    call('failing', token)
    if (traffic.forge) call('well', forged)
  }, 250)
  closeAfterTest(async () => traffic.stop())
  return traffic
}

interface Collector {
  readonly url: string
  refuse: boolean
}

/** Takes everything, or refuses everything for good. */
async function startCollector(): Promise<Collector> {
  const collector = { url: '', refuse: false }
  const { url } = await startHttpUpstream((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(collector.refuse ? 400 : 200, { 'content-type': 'application/x-protobuf' })
      response.end()
    })
  })
  return Object.assign(collector, { url })
}

interface Seen {
  readonly alert: string
  readonly firedAt: number
  /** When the last of its instances had ended; undefined while one fires. */
  resolvedAt: number | undefined
}

interface Webhook {
  readonly url: string
  /** Alerts that were said to fire and not to have ended. */
  firing(): readonly string[]
  everFired(): readonly string[]
  history(): readonly Seen[]
}

interface Notification {
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved'
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
  }[]
}

async function startWebhook(): Promise<Webhook> {
  const seen = new Map<string, Seen>()
  const firing = new Map<string, Set<string>>()
  const take = ({ alerts }: Notification): void => {
    for (const { status, labels, annotations } of alerts) {
      const { alertname = '', sidelight_upstream_name: upstream = '' } = labels
      if (alertname === 'SidelightWatchdog') continue
      assert.match(annotations['runbook_url'] ?? '', new RegExp(`/${alertname}\\.md$`))
      assert.doesNotMatch(JSON.stringify(annotations), /<error|<no value|%!/, alertname)
      const alert = `${alertname} ${upstream}`.trim()
      const one = JSON.stringify(labels)
      const same = firing.get(alert) ?? new Set()
      firing.set(alert, same)
      if (status === 'firing') same.add(one)
      else same.delete(one)
      if (!seen.has(alert))
        seen.set(alert, { alert, firedAt: performance.now(), resolvedAt: undefined })
      const about = seen.get(alert)
      if (about !== undefined) {
        about.resolvedAt = same.size === 0 ? performance.now() : undefined
      }
    }
  }
  const { url } = await startHttpUpstream((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      take(JSON.parse(text))
      response.end()
    })
  })
  return {
    url,
    firing: () => [...firing].flatMap(([alert, all]) => (all.size > 0 ? [alert] : [])).toSorted(),
    everFired: () => [...seen.keys()].toSorted(),
    history: () => [...seen.values()].toSorted((a, b) => a.firedAt - b.firedAt),
  }
}
