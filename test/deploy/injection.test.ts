/** Pods that get the sidecar from the API server: the policies of deploy/kustomize and deploy/kyverno. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { skipWithout } from '../support/monitoring-tools.ts'
import { admit, binds } from './support/admission.ts'
import {
  ROOT,
  find,
  parseManifests,
  podOf,
  renderKustomize,
  renderOverlay,
  type Json,
} from './support/manifests.ts'
import { restrictedProblems } from './support/pod-security.ts'
import { VERSIONS, schemaProblems } from './support/schemas.ts'
import { CROWDED, WORKLOADS } from './support/workloads.ts'

const read = (file: string): readonly Json[] =>
  parseManifests(readFileSync(path.join(ROOT, file), 'utf8'))

const policies = read('deploy/kustomize/injection/policy.yaml')
const policy = find(policies, 'MutatingAdmissionPolicy')
const kyverno = read('deploy/kyverno/injection.yaml')

const inject = (pod: Json): Json => admit(policy, pod)

/** Lists whose order means nothing, in one order. */
function comparable({ metadata, spec }: Json): Json {
  const byName = (a: Json, b: Json): number => a.name.localeCompare(b.name)
  return { metadata, spec: { ...spec, volumes: spec.volumes.toSorted(byName) } }
}

describe('injection', () => {
  it(
    'makes the same of a pod as the component does',
    { skip: skipWithout('kubectl') },
    async () => {
      const workloads = [...WORKLOADS, { ...CROWDED, metadata: { name: 'crowded' } }]
      const rendered = await renderOverlay(workloads, ['sidecar'])
      for (const workload of workloads) {
        const { kind, metadata } = workload
        const expected = podOf(find(rendered, kind, metadata.name))
        assert.deepEqual(comparable(inject(podOf(workload))), comparable(expected))
      }
    },
  )

  it('takes image and audience from an overlay', { skip: skipWithout('kubectl') }, async () => {
    const replace = (index: number, value: string): object => ({
      op: 'replace',
      path: `/spec/variables/${index}/expression`,
      value: JSON.stringify(value),
    })
    const patch = [replace(0, 'registry.example.com/sidelight@sha256:0'), replace(1, 'https://mcp')]
    const rendered = await renderOverlay(policies, [], {
      patches: [{ target: { kind: 'MutatingAdmissionPolicy' }, patch: JSON.stringify(patch) }],
    })
    const { spec } = admit(find(rendered, 'MutatingAdmissionPolicy'), podOf(CROWDED))
    assert.equal(spec.initContainers[0].image, 'registry.example.com/sidelight@sha256:0')
    const token = spec.volumes.find(({ name }: Json) => name === 'sidelight-token')
    assert.equal(token.projected.sources[0].serviceAccountToken.audience, 'https://mcp')
  })

  it('takes another ConfigMap from the annotation of a pod', () => {
    const pod = podOf(CROWDED)
    pod.metadata.annotations['sidelight.dev/config'] = 'research-sidelight'
    const config = inject(pod).spec.volumes.find(({ name }: Json) => name === 'sidelight-config')
    assert.equal(config.configMap.name, 'research-sidelight')
  })

  it('gives the pod as much more time to end as Sidelight needs', () => {
    const pod = podOf(CROWDED)
    pod.spec.terminationGracePeriodSeconds = 120
    assert.equal(inject(pod).spec.terminationGracePeriodSeconds, 139)
  })

  it('leaves a pod alone that has the sidecar, whoever put it there', () => {
    const once = inject(podOf(CROWDED))
    assert.deepEqual(inject(once), once)
    const asContainer = podOf(CROWDED)
    asContainer.spec.containers.push({ name: 'sidelight', image: 'sidelight' })
    assert.deepEqual(inject(asContainer), asContainer)
  })

  it('puts it into pods that have no labels, volumes or init containers', () => {
    const pod = { metadata: { name: 'bare' }, spec: { containers: [{ name: 'a', image: 'a' }] } }
    const { metadata, spec } = inject(pod)
    assert.deepEqual(metadata.labels, { 'sidelight.dev/sidecar': 'true' })
    assert.equal(spec.volumes.length, 4)
    assert.equal(spec.initContainers.length, 1)
  })

  it('keeps a volume of the pod that has the name of one of its own', () => {
    const pod = podOf(CROWDED)
    const claim = {
      name: 'sidelight-data',
      persistentVolumeClaim: { claimName: 'sidelight-data-agent-0' },
    }
    pod.spec.volumes.push(claim)
    const { volumes } = inject(pod).spec
    const names = volumes.map(({ name }: Json) => name).toSorted()
    assert.deepEqual(names, [
      'scratch',
      'sidelight-config',
      'sidelight-credentials',
      'sidelight-data',
      'sidelight-token',
    ])
    assert.deepEqual(
      volumes.find(({ name }: Json) => name === 'sidelight-data'),
      claim,
    )
  })

  it('leaves pods alone that are in the network of their node, or for Windows', () => {
    const withSpec = (more: object): Json => {
      const pod = podOf(CROWDED)
      Object.assign(pod.spec, more)
      return pod
    }
    for (const spec of [{ hostNetwork: true }, { os: { name: 'windows' } }]) {
      assert.deepEqual(inject(withSpec(spec)), withSpec(spec))
    }
    for (const spec of [{ hostNetwork: false }, { os: { name: 'linux' } }]) {
      assert.equal(inject(withSpec(spec)).spec.initContainers[0].name, 'sidelight')
    }
  })

  it('makes pods that are valid, and "restricted" where the agent is', () => {
    const pod = inject(podOf(CROWDED))
    for (const version of VERSIONS) assert.deepEqual(schemaProblems(pod, version), [])
    assert.deepEqual(restrictedProblems(pod), [])
  })

  it('takes each pod by one binding at most, and none that nobody asked for', () => {
    const bindings = policies.filter(({ kind }) => kind === 'MutatingAdmissionPolicyBinding')
    const taken = (namespace?: string, pod?: string): number => {
      const labels = (value?: string): Json =>
        value === undefined ? {} : { 'sidelight.dev/inject': value }
      return bindings.filter((binding) =>
        binds(binding, { namespace: labels(namespace), pod: labels(pod) }),
      ).length
    }
    assert.equal(bindings.length, 2)
    assert.deepEqual([taken(), taken('false'), taken(undefined, 'false')], [0, 0, 0])
    assert.deepEqual([taken('true'), taken(undefined, 'true'), taken('true', 'true')], [1, 1, 1])
    assert.equal(taken('false', 'true'), 1)
    assert.equal(taken('true', 'false'), 0)
  })

  it('is valid as v1beta1 from 1.34, and as v1 from 1.36', { skip: skipWithout('kubectl') }, () => {
    const valid = (directory: string): readonly string[] => {
      const rendered = renderKustomize(directory)
      assert.equal(rendered.length, 3)
      return VERSIONS.filter((version) =>
        rendered.every((manifest) => schemaProblems(manifest, version).length === 0),
      )
    }
    assert.deepEqual(valid('deploy/kustomize/injection'), ['1.36', '1.37'])
    assert.deepEqual(valid('deploy/kustomize/injection-v1beta1'), ['1.34', '1.35', '1.36', '1.37'])
  })

  it('is the same for Kyverno', () => {
    assert.equal(kyverno.length, 2)
    for (const manifest of kyverno) {
      assert.equal(manifest.apiVersion, 'policies.kyverno.io/v1')
      assert.equal(manifest.kind, 'MutatingPolicy')
      assert.deepEqual(admit(manifest, podOf(CROWDED)), inject(podOf(CROWDED)))
    }
  })

  it('uses in Kyverno nothing that Kubernetes itself does not have', () => {
    // Kyverno's MutatingPolicy is a superset of Kubernetes' own, with one name for each of the fields here.
    for (const { metadata, spec: all } of kyverno) {
      const { autogen, ...spec } = all
      assert.deepEqual(
        autogen,
        { podControllers: { controllers: [] } },
        'pods, and not Deployments',
      )
      const same = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingAdmissionPolicy',
        metadata,
        spec,
      }
      assert.deepEqual(schemaProblems(same, '1.37'), [])
    }
  })
})
