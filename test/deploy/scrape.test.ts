/**
 * Prometheus finds a native sidecar by what the PodMonitor says: a real one asks an API server of ours for pods.
 * Its configuration is what the operator makes of a PodMonitor, as its documentation says.
 */

import assert from 'node:assert/strict'
import { mkdtemp, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import { stringify } from 'yaml'
import { startServer } from '../support/alertmanager.ts'
import { startHttpServer } from '../support/http-server.ts'
import { skipWithout } from '../support/monitoring-tools.ts'
import { waitFor } from '../support/wait-for.ts'
import { agent } from './agent-chart.ts'
import { only, render } from './chart.ts'

interface PodMonitor {
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
  readonly jobLabel: string
  readonly podMetricsEndpoints: readonly {
    readonly port: string
    readonly path: string
    readonly interval: string
    readonly scrapeTimeout: string
  }[]
}

/** As Prometheus names the label of a pod. */
const metaLabel = (label: string): string =>
  `__meta_kubernetes_pod_label_${label.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`

/** What the operator makes of it. */
function scrapeConfig({ selector, jobLabel, podMetricsEndpoints }: PodMonitor): object {
  const [endpoint] = podMetricsEndpoints
  if (endpoint === undefined) throw new Error('the PodMonitor has no endpoint')
  const kept = Object.entries(selector.matchLabels).map(([label, value]) => ({
    action: 'keep',
    source_labels: [metaLabel(label)],
    regex: value,
  }))
  return {
    job_name: 'podMonitor/sidelight/fleet-sidelight/0',
    scrape_interval: endpoint.interval,
    scrape_timeout: endpoint.scrapeTimeout,
    metrics_path: endpoint.path,
    relabel_configs: [
      {
        action: 'drop',
        source_labels: ['__meta_kubernetes_pod_phase'],
        regex: '(Failed|Succeeded)',
      },
      ...kept,
      {
        action: 'keep',
        source_labels: ['__meta_kubernetes_pod_container_port_name'],
        regex: endpoint.port,
      },
      { source_labels: ['__meta_kubernetes_namespace'], target_label: 'namespace' },
      { source_labels: ['__meta_kubernetes_pod_name'], target_label: 'pod' },
      { source_labels: [metaLabel(jobLabel)], target_label: 'job', regex: '(.+)' },
    ],
  }
}

interface Target {
  readonly scrapeUrl: string
  readonly labels: Readonly<Record<string, string>>
}

const RESOURCE_VERSION = '1'

/** Ends the pods that a watch begins with. */
const INITIAL_END = {
  type: 'BOOKMARK',
  object: {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      resourceVersion: RESOURCE_VERSION,
      annotations: { 'k8s.io/initial-events-end': 'true' },
    },
  },
}

/** An API server with these pods, to which nothing happens: it is asked for a list, or for a watch that begins with one. */
function podServer(pods: readonly object[]) {
  return ({ url = '' }: IncomingMessage, response: ServerResponse): void => {
    const { pathname, searchParams } = new URL(url, 'http://localhost')
    if (pathname !== '/api/v1/pods') {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    if (searchParams.has('watch')) {
      response.flushHeaders()
      if (!searchParams.has('sendInitialEvents')) return
      const added = pods.map((object) => ({ type: 'ADDED', object }))
      for (const event of [...added, INITIAL_END]) response.write(`${JSON.stringify(event)}\n`)
      return
    }
    const metadata = { resourceVersion: RESOURCE_VERSION }
    response.end(JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata, items: pods }))
  }
}

describe('a PodMonitor of the chart', { skip: skipWithout('helm', 'prometheus') }, () => {
  it('finds the sidecar of each agent, under the name of the agent, and nothing else', async () => {
    const { metadata, spec } = await agent()
    const pod = (name: string, labels: object, phase = 'Running'): object => ({
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: {
        name,
        namespace: 'research',
        uid: name,
        labels,
        resourceVersion: RESOURCE_VERSION,
      },
      spec: {
        ...spec,
        containers: [{ name: 'agent', image: 'agent:1', ports: [{ containerPort: 3000 }] }],
      },
      status: { phase, podIP: '127.0.0.1' },
    })
    const named = { ...metadata.labels, 'app.kubernetes.io/name': 'researcher' }
    const { origin } = await startHttpServer(
      podServer([
        pod('researcher-1', named),
        pod('researcher-old', named, 'Succeeded'),
        pod('other', { 'app.kubernetes.io/name': 'other' }),
      ]),
    )
    const directory = await mkdtemp(path.join(tmpdir(), 'sidelight-prometheus-'))
    const monitor = scrapeConfig(only(render<PodMonitor>(), 'PodMonitor').spec)
    const config = {
      scrape_configs: [
        { ...monitor, kubernetes_sd_configs: [{ role: 'pod', api_server: origin }] },
      ],
    }
    await writeFile(path.join(directory, 'prometheus.yml'), stringify(config))
    const url = await startServer(
      'prometheus',
      directory,
      (address) => [
        '--config.file=prometheus.yml',
        '--storage.tsdb.path=data',
        `--web.listen-address=${address}`,
      ],
      '/-/ready',
    )
    const targets = await waitFor(
      async () => {
        const reply = await fetch(`${url}/api/v1/targets?state=active`)
        const { data }: { readonly data: { readonly activeTargets: readonly Target[] } } =
          JSON.parse(await reply.text())
        return data.activeTargets.length > 0 && data.activeTargets
      },
      { within: 60_000, what: 'a target' },
    )
    assert.deepEqual(
      targets.map(({ scrapeUrl, labels }) => ({ scrapeUrl, labels })),
      [
        {
          scrapeUrl: 'http://127.0.0.1:9464/metrics',
          labels: {
            instance: '127.0.0.1:9464',
            job: 'researcher',
            namespace: 'research',
            pod: 'researcher-1',
          },
        },
      ],
    )
  })
})
