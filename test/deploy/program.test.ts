/** What manifests say of the program is what the program does. */

import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import path from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { skipWithout } from '../support/monitoring-tools.ts'
import { runSidelight, startSidecarProcess } from '../support/sidecar-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import {
  EXAMPLES,
  ROOT,
  find,
  renderKustomize,
  renderOverlay,
  templateOf,
  type Json,
} from './support/manifests.ts'
import { CROWDED } from './support/workloads.ts'

/** As the kubelet fills them in. */
const FIELDS: Readonly<Record<string, string>> = {
  'metadata.namespace': 'agents',
  'metadata.name': 'research-agent-5d9c7-x2x4v',
  'metadata.uid': '4f0c1b5e-8f3e-4a5b-9d55-0a1b2c3d4e5f',
  'spec.nodeName': 'node-7',
}

/** The environment of a container; `$(NAME)` is a variable that stands before. */
function environmentOf({ env }: Json): Record<string, string> {
  const known: Record<string, string> = {}
  for (const { name, value, valueFrom } of env) {
    known[name] =
      value?.replaceAll(/\$\((\w+)\)/g, (whole: string, other: string) => known[other] ?? whole) ??
      FIELDS[valueFrom.fieldRef.fieldPath]
  }
  return known
}

/** As the kubelet asks: by the pod's address. */
function statusOf(url: string, host = '10.42.0.7:9464'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { Host: host } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

/** The example's container, started with its own arguments and files, at addresses that are free. */
async function startExample(): Promise<{
  readonly container: Json
  readonly sidecar: Awaited<ReturnType<typeof startSidecarProcess>>
}> {
  const rendered = renderKustomize('examples/kubernetes')
  const [container] = templateOf(find(rendered, 'Deployment')).spec.initContainers
  const { data } = find(rendered, 'ConfigMap', 'sidelight')
  const root = await temporaryDirectory()
  const config = String(data['sidelight.yaml'])
    .replaceAll('/var/run/secrets/', `${root}/secrets/`)
    .replaceAll(/url: \S+/g, 'url: http://127.0.0.1:1/mcp')
  for (const [, file = ''] of config.matchAll(/file: (\S+)/g)) {
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, 'token-for-a-test')
  }
  assert.deepEqual(container.args, [
    'run',
    '--config',
    '/etc/sidelight/sidelight.yaml',
    '--admin',
    '0.0.0.0:9464',
  ])
  const file = path.join(root, 'sidelight.yaml')
  await writeFile(file, config)
  const sidecar = await startSidecarProcess({
    args: ['--config', file],
    admin: '0.0.0.0:0',
    env: environmentOf(container),
  })
  return { container, sidecar }
}

describe('manifests and the program', { skip: skipWithout('kubectl') }, () => {
  it('agree on the command, and on the paths of probes and of metrics', async () => {
    const { container, sidecar } = await startExample()
    const probes = [container.startupProbe, container.readinessProbe, container.livenessProbe]
    assert.deepEqual(
      probes.map(({ httpGet }) => httpGet.path),
      ['/readyz', '/readyz', '/livez'],
    )
    for (const { httpGet } of probes) {
      assert.equal(await statusOf(`${sidecar.adminUrl}${httpGet.path}`), 200)
    }
    const monitor = find(renderKustomize('examples/kubernetes'), 'PodMonitor')
    const [{ path: metrics }] = monitor.spec.podMetricsEndpoints
    assert.equal(await statusOf(`${sidecar.adminUrl}${metrics}`), 200)
    // What a stranger may not do there: be a page of another site, or give orders.
    assert.equal(await statusOf(`${sidecar.adminUrl}/livez`, 'evil.example'), 403)
    assert.equal(await statusOf(`${sidecar.adminUrl}/api/v1/overview`), 403)
    // Its log does not make it look as if only this machine could reach it.
    assert.match(sidecar.stderr, /"sidelight\.listen\.admin":"http:\/\/0\.0\.0\.0:/)
    assert.match(sidecar.stderr, /"sidelight\.listen\.data":"http:\/\/127\.0\.0\.1:/)

    const text = await (await fetch(`${sidecar.adminUrl}${metrics}`)).text()
    const target = text.split('\n').find((line) => line.startsWith('target_info{')) ?? ''
    for (const attribute of [
      'k8s_namespace_name="agents"',
      'k8s_pod_name="research-agent-5d9c7-x2x4v"',
      'k8s_pod_uid="4f0c1b5e-8f3e-4a5b-9d55-0a1b2c3d4e5f"',
      'k8s_node_name="node-7"',
      'k8s_container_name="sidelight"',
      'service_namespace="agents"',
    ]) {
      assert.ok(target.includes(attribute), `${attribute} in ${target}`)
    }
    sidecar.signal('SIGTERM')
    assert.equal((await sidecar.finished(45_000)).code, 0)
  })

  it('agree on ports, and on the time that a shutdown may take', async () => {
    const { code, stdout } = await runSidelight([
      'run',
      '--upstream',
      'http://127.0.0.1:1/mcp',
      '--print-config',
    ])
    assert.equal(code, 0)
    const { listen, shutdown } = parse(stdout)
    assert.equal(listen.data, '127.0.0.1:8420')
    assert.equal(listen.admin, '127.0.0.1:9464')
    assert.deepEqual(shutdown, {
      delay: '0s',
      drainTimeout: '10s',
      linger: '500ms',
      flushTimeout: '3s',
    })
    const [workload] = await renderOverlay([CROWDED], ['sidecar', 'scrape-annotations'])
    const { metadata, spec } = templateOf(workload)
    assert.equal(spec.initContainers[0].ports[0].containerPort, 9464)
    assert.equal(metadata.annotations['prometheus.io/port'], '9464')
    // The agent's own 30 s, what docs/configuration.md says of a shutdown, and two to spare.
    assert.equal(spec.terminationGracePeriodSeconds, 30 + 17 + 2)
  })

  it('agree on the user', async () => {
    const [workload] = await renderOverlay([CROWDED], ['sidecar', 'program'])
    const dockerfile = await readFile(path.join(ROOT, 'deploy/Dockerfile'), 'utf8')
    const [, user, group] = /^USER (\d+):(\d+)$/m.exec(dockerfile) ?? []
    for (const { name, securityContext } of templateOf(workload).spec.initContainers) {
      if (name === 'migrate') continue
      assert.deepEqual([securityContext.runAsUser, securityContext.runAsGroup].map(String), [
        user,
        group,
      ])
    }
  })

  it('agree on how the program is put beside an agent', async () => {
    const rendered = renderKustomize('examples/kubernetes-stdio')
    const { spec } = templateOf(find(rendered, 'Deployment'))
    const [install] = spec.initContainers
    assert.deepEqual(install.args, ['install', '/sidelight'])
    assert.equal((await runSidelight(['install', '--help'])).code, 0)
    const inInit = install.volumeMounts.find(({ mountPath }: Json) => mountPath === '/sidelight')
    const mounted = spec.containers[0].volumeMounts.find(
      ({ mountPath }: Json) => mountPath === '/sidelight',
    )
    assert.equal(mounted.name, inInit.name)
    const configMap = rendered.find(({ kind }) => kind === 'ConfigMap')
    const { mcpServers } = JSON.parse(configMap.data['mcp.json'])
    for (const { command, args } of Object.values<Json>(mcpServers)) {
      assert.equal(command, '/sidelight/sidelight')
      const upTo = args.indexOf('--')
      const { code } = await runSidelight([...args.slice(0, upTo + 1), process.execPath, '-e', ''])
      assert.equal(code, 0, "the flags are those of wrap, and its exit code is the server's")
    }
  })

  it('agree on every sidelight.yaml in a ConfigMap', async () => {
    const configs = EXAMPLES.flatMap((example) => renderKustomize(example))
      .filter(({ kind, data }) => kind === 'ConfigMap' && data['sidelight.yaml'] !== undefined)
      .map(({ data }): string => data['sidelight.yaml'])
    assert.ok(configs.length > 0)
    const directory = await temporaryDirectory()
    for (const [index, text] of configs.entries()) {
      const file = path.join(directory, `${index}.yaml`)
      await writeFile(file, text)
      const { code, stderr } = await runSidelight(['check', file])
      assert.equal(code, 0, stderr)
    }
  })

  it('agree on the addresses that agents call', () => {
    const rendered = renderKustomize('examples/kubernetes')
    const { data } = find(rendered, 'ConfigMap', 'sidelight')
    const { upstreams } = parse(data['sidelight.yaml'])
    const [agent] = templateOf(find(rendered, 'Deployment')).spec.containers
    assert.deepEqual(
      agent.env.map(({ value }: Json) => value),
      Object.keys(upstreams).map((name) => `http://127.0.0.1:8420/${name}/mcp`),
    )
  })

  it('agree on where credentials are', () => {
    const rendered = renderKustomize('examples/kubernetes')
    const { spec } = templateOf(find(rendered, 'Deployment'))
    const { upstreams } = parse(find(rendered, 'ConfigMap', 'sidelight').data['sidelight.yaml'])
    const mounts = spec.initContainers[0].volumeMounts
    const pathOf = (volume: string): string =>
      mounts.find(({ name }: Json) => name === volume).mountPath
    const token = spec.volumes.find(({ name }: Json) => name === 'sidelight-token')
    const { path: file } = token.projected.sources[0].serviceAccountToken
    const { search, tickets } = upstreams
    assert.equal(search.headers.Authorization.file, `${pathOf('sidelight-token')}/${file}`)
    assert.equal(path.dirname(tickets.headers.Authorization.file), pathOf('sidelight-credentials'))
  })
})
