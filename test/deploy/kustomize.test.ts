/** The components of deploy/kustomize, as kubectl renders them. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { skipWithout } from '../support/monitoring-tools.ts'
import {
  EXAMPLES,
  find,
  podOf,
  renderKustomize,
  renderOverlay,
  templateOf,
  type Json,
} from './support/manifests.ts'
import { isOperators, operatorProblems } from './operator-schema.ts'
import { restrictedProblems } from './support/pod-security.ts'
import { VERSIONS, schemaProblems } from './support/schemas.ts'
import { CROWDED, WORKLOADS } from './support/workloads.ts'

/** In alphabetical order. */
const names = (list: Json): readonly string[] =>
  list.map(({ name }: Json): string => name).toSorted((a: string, b: string) => a.localeCompare(b))

describe('deploy/kustomize', { skip: skipWithout('kubectl') }, () => {
  it('makes the sidecar the first init container of every kind of workload', async () => {
    const rendered = await renderOverlay(WORKLOADS, ['sidecar'])
    assert.equal(rendered.length, 5)
    for (const workload of rendered) {
      const { metadata, spec } = templateOf(workload)
      assert.equal(spec.initContainers[0].name, 'sidelight')
      assert.equal(spec.initContainers[0].restartPolicy, 'Always')
      assert.equal(spec.terminationGracePeriodSeconds, 49)
      assert.deepEqual(metadata.labels, { app: 'agent', 'sidelight.dev/sidecar': 'true' })
    }
  })

  it('leaves what an agent has as it was', async () => {
    const before = templateOf(CROWDED)
    const after = templateOf(find(await renderOverlay([CROWDED], ['sidecar']), 'Deployment'))
    assert.deepEqual(after.spec.containers, before.spec.containers)
    assert.deepEqual(after.spec.initContainers.slice(1), before.spec.initContainers)
    assert.deepEqual(names(after.spec.volumes), [
      'scratch',
      'sidelight-config',
      'sidelight-credentials',
      'sidelight-data',
      'sidelight-token',
    ])
    assert.deepEqual(after.metadata.annotations, before.metadata.annotations)
    assert.equal(after.spec.serviceAccountName, 'research')
  })

  it('leaves workloads alone that refuse it by label', async () => {
    const refusing = structuredClone(CROWDED)
    refusing.metadata.labels = { 'sidelight.dev/inject': 'false' }
    const rendered = await renderOverlay([refusing], ['sidecar', 'program', 'scrape-annotations'])
    assert.deepEqual(find(rendered, 'Deployment'), refusing)
  })

  it('takes the image and the names of configurations from the overlay', async () => {
    const rendered = await renderOverlay([CROWDED], ['sidecar'], {
      images: [{ name: 'sidelight', newName: 'registry.example.com/sidelight', newTag: '9.9.9' }],
      configMapGenerator: [
        { name: 'sidelight', literals: ['sidelight.yaml=upstreams: {}'] },
        { name: 'sidelight-otel', literals: ['OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318'] },
      ],
    })
    const { spec } = templateOf(find(rendered, 'Deployment'))
    const [sidecar] = spec.initContainers
    assert.equal(sidecar.image, 'registry.example.com/sidelight:9.9.9')
    const config = spec.volumes.find(({ name }: Json) => name === 'sidelight-config')
    assert.match(config.configMap.name, /^sidelight-[a-z0-9]{10}$/)
    assert.match(sidecar.envFrom[0].configMapRef.name, /^sidelight-otel-[a-z0-9]{10}$/)
    find(rendered, 'ConfigMap', config.configMap.name)
    find(rendered, 'ConfigMap', sidecar.envFrom[0].configMapRef.name)
  })

  it('lets an overlay give the pod more time to end', async () => {
    const patch = [
      { op: 'replace', path: '/spec/template/spec/terminationGracePeriodSeconds', value: 139 },
    ]
    const rendered = await renderOverlay([CROWDED], ['sidecar'], {
      patches: [{ target: { kind: 'Deployment' }, patch: JSON.stringify(patch) }],
    })
    assert.equal(templateOf(find(rendered, 'Deployment')).spec.terminationGracePeriodSeconds, 139)
  })

  it('is valid in every version of Kubernetes that has native sidecars', async () => {
    const rendered = [
      ...(await renderOverlay(
        [...WORKLOADS, { ...CROWDED, metadata: { name: 'crowded' } }],
        ['sidecar', 'program', 'scrape-annotations', 'monitoring', 'network-policy'],
      )),
      ...EXAMPLES.flatMap((directory) => renderKustomize(directory)),
    ]
    assert.ok(rendered.length > 10)
    assert.deepEqual(await operatorProblems(rendered.filter(isOperators)), [])
    assert.deepEqual(VERSIONS.slice(0, 2), ['1.29', '1.30'])
    for (const version of VERSIONS) {
      const problems = rendered
        .filter((manifest) => !isOperators(manifest))
        .flatMap((manifest) => schemaProblems(manifest, version))
      assert.deepEqual(problems, [])
    }
  })

  it('keeps to Pod Security "restricted" where the agent does', async () => {
    const rendered = await renderOverlay(
      [...WORKLOADS, { ...CROWDED, metadata: { name: 'crowded' } }],
      ['sidecar', 'program', 'scrape-annotations'],
    )
    assert.equal(rendered.length, 6)
    for (const workload of rendered) assert.deepEqual(restrictedProblems(podOf(workload)), [])
  })

  it('mounts whole volumes, so that what changes in them is seen in running pods', async () => {
    const [workload] = await renderOverlay([CROWDED], ['sidecar'])
    for (const mount of templateOf(workload).spec.initContainers[0].volumeMounts) {
      assert.equal(mount.subPath, undefined)
    }
  })

  it('names no volume, port or mount twice', async () => {
    const [workload] = await renderOverlay([CROWDED], ['sidecar', 'program'])
    const { spec } = templateOf(workload)
    const all = [...spec.initContainers, ...spec.containers]
    assertUnique(names(spec.volumes))
    assertUnique(names(all))
    assertUnique(all.flatMap(({ ports = [] }: Json) => names(ports)))
    for (const { volumeMounts = [] } of all) {
      assertUnique(volumeMounts.map(({ mountPath }: Json) => mountPath))
      const known = names(spec.volumes)
      assert.ok(volumeMounts.every(({ name }: Json) => known.includes(name)))
    }
  })

  it('has monitors and policies that find the pods and the port by name', async () => {
    const rendered = await renderOverlay([CROWDED], ['sidecar', 'monitoring', 'network-policy'])
    const { metadata, spec } = templateOf(find(rendered, 'Deployment'))
    const [port] = spec.initContainers[0].ports
    const monitor = find(rendered, 'PodMonitor')
    const policy = find(rendered, 'NetworkPolicy')
    for (const selector of [monitor.spec.selector, policy.spec.podSelector]) {
      for (const [label, value] of Object.entries(selector.matchLabels)) {
        assert.equal(metadata.labels[label], value)
      }
    }
    const [endpoint] = monitor.spec.podMetricsEndpoints
    assert.equal(endpoint.port, port.name)
    assert.ok(port.name.length <= 15, 'names of ports have at most 15 characters')
    assert.equal(policy.spec.ingress[0].ports[0].port, port.containerPort)
  })
})

function assertUnique(values: readonly string[]): void {
  assert.equal(new Set(values).size, values.length, values.join(', '))
}
