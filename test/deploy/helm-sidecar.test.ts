/** What the chart puts into pods, as a template and by admission, is what the component of Kustomize does. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { skipWithout } from '../support/monitoring-tools.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { agent, type Pod } from './agent-chart.ts'
import { admit } from './support/admission.ts'
import { podOf } from './support/manifests.ts'
import { restrictedProblems } from './support/pod-security.ts'
import { schemaProblems, VERSIONS } from './support/schemas.ts'
import { CROWDED } from './support/workloads.ts'
import { only, render, type KubernetesObject } from './chart.ts'

/** Of the program, and so of the image. */
const { version: VERSION }: { readonly version: string } = JSON.parse(
  readFileSync('package.json', 'utf8'),
)

const withInjection: object = parse(readFileSync('test/deploy/values/injection.yaml', 'utf8'))

describe('the templates for charts of agents', { skip: skipWithout('helm') }, () => {
  const templateOf = (component: string): Pod => {
    const workload: KubernetesObject<{ readonly template: Pod }> = parse(
      readFileSync(`deploy/kustomize/${component}/deployment.yaml`, 'utf8'),
    )
    return workload.spec.template
  }

  it('give the pod what the components of Kustomize give it', async () => {
    const { metadata, spec } = templateOf('sidecar')
    const program = templateOf('program').spec
    const given = await agent()
    assert.deepEqual([spec.initContainers.length, program.initContainers.length], [1, 1])
    assert.deepEqual(given.spec.initContainers, [...spec.initContainers, ...program.initContainers])
    assert.deepEqual(given.spec.volumes, [...spec.volumes, ...program.volumes])
    assert.deepEqual(given.metadata.labels, { app: 'agent', ...metadata.labels })
    assert.equal(given.spec.terminationGracePeriodSeconds, spec.terminationGracePeriodSeconds)
    assert.deepEqual(given.spec.containers[0]?.['volumeMounts'], [
      { name: 'sidelight-program', mountPath: '/sidelight', readOnly: true },
    ])
  })

  it('make a pod that every Kubernetes takes, and a sidecar that "restricted" allows', async () => {
    const { metadata, spec } = await agent()
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name: 'agent' }, spec }
    for (const version of VERSIONS) assert.deepEqual(schemaProblems(pod, version), [])
    assert.deepEqual(restrictedProblems({ spec: { ...spec, containers: [] } }), [])
  })

  it('take values', async () => {
    const overrides = { envFrom: [], livenessProbe: { periodSeconds: 20 } }
    const { sidecar }: { readonly sidecar?: object } = withInjection
    const { spec } = await agent({ ...withInjection, sidecar: { ...sidecar, overrides } })
    const [container, install] = spec.initContainers
    assert.equal(install?.['image'], 'registry.example.com/sidelight:9')
    assert.equal(install?.['imagePullPolicy'], 'Always')
    assert.equal(container?.['image'], 'registry.example.com/sidelight:9')
    assert.equal(container?.['imagePullPolicy'], 'Always')
    assert.deepEqual(container?.['envFrom'], [])
    assert.deepEqual(container?.['resources'], {
      requests: { cpu: 0.1, memory: '128Mi' },
      limits: { memory: '1Gi' },
    })
    assert.deepEqual(container?.['livenessProbe'], {
      httpGet: { path: '/livez', port: 'sidelight-admin' },
      periodSeconds: 20,
      timeoutSeconds: 5,
      failureThreshold: 6,
    })
    assert.deepEqual(spec.volumes.slice(0, 4), [
      { name: 'sidelight-config', configMap: { name: 'shared' } },
      { name: 'sidelight-credentials', secret: { secretName: 'mine', optional: true } },
      {
        name: 'sidelight-token',
        projected: {
          sources: [
            {
              serviceAccountToken: {
                audience: 'https://mcp.example.com/mcp',
                expirationSeconds: 3600,
                path: 'token',
              },
            },
          ],
        },
      },
      { name: 'sidelight-data', emptyDir: { sizeLimit: '10Gi' } },
    ])
  })
})

interface Policy {
  readonly variables: readonly { readonly name: string }[]
  readonly policyName?: string
  readonly matchResources?: object
  readonly mutations: readonly { readonly jsonPatch: { readonly expression: string } }[]
}

/** Objects of a file that Kustomize reads. */
const shipped = (file: string): readonly KubernetesObject<Policy>[] =>
  parseAllDocuments(readFileSync(file, 'utf8')).map((document): KubernetesObject<Policy> =>
    document.toJS(),
  )

const expressionOf = ({ spec }: KubernetesObject<Policy>): string =>
  spec.mutations[0]?.jsonPatch.expression ?? ''

/** Lines are broken elsewhere where a value is longer or shorter, and Helm sorts the members of a mapping. */
const comparable = (expression: string): string =>
  expression
    .replaceAll(/\s+/g, ' ')
    .replaceAll('{ ', '{')
    .replaceAll(' }', '}')
    .replace(
      'requests: {"cpu": "50m", "memory": "128Mi"}, limits: {"memory": "512Mi"}',
      'limits: {"memory": "512Mi"}, requests: {"cpu": "50m", "memory": "128Mi"}',
    )

const injected = (...args: readonly string[]): readonly KubernetesObject<Policy>[] =>
  render<Policy>('--set=injection.enabled=true', ...args).filter(({ kind }) =>
    kind.startsWith('Mutating'),
  )

/** Kustomize cannot write into an expression, so its policies have a variable for each value of a cluster. */
const VALUES_OF_CLUSTER = ['image', 'tokenAudience']

const withoutValues = (spec: Policy): Policy => ({
  ...spec,
  variables: spec.variables.filter(({ name }) => !VALUES_OF_CLUSTER.includes(name)),
})

const withValues = (expression: string): string =>
  expression
    .replace('variables.image', `"sidelight:${VERSION}"`)
    .replace('variables.tokenAudience', '"mcp"')

describe('injection by the chart', { skip: skipWithout('helm') }, () => {
  for (const api of ['v1', 'v1beta1']) {
    it(`is that of Kustomize for ${api}, with values in place of the variables for them`, () => {
      const directory = api === 'v1' ? 'injection' : 'injection-v1beta1'
      const wanted = shipped(`deploy/kustomize/${directory}/policy.yaml`)
      const made = injected(`--set=injection.api=${api}`)
      assert.deepEqual(
        made.map(({ apiVersion, kind, metadata }) => [apiVersion, kind, metadata.name]),
        wanted.map(({ apiVersion, kind, metadata }) => [
          apiVersion,
          kind,
          `fleet-${metadata.name}`,
        ]),
      )
      const policy = only(made, 'MutatingAdmissionPolicy')
      const example = only(wanted, 'MutatingAdmissionPolicy')
      const { mutations, ...rest } = withoutValues(example.spec)
      const { mutations: ours, ...same } = policy.spec
      assert.deepEqual([ours.length, mutations.length], [1, 1])
      assert.deepEqual(same, rest)
      assert.equal(comparable(expressionOf(policy)), withValues(comparable(expressionOf(example))))
      const bindings = (objects: readonly KubernetesObject<Policy>[]): readonly object[] =>
        objects
          .filter(({ kind }) => kind === 'MutatingAdmissionPolicyBinding')
          .map(({ spec: { matchResources } }) => matchResources ?? {})
      assert.equal(bindings(made).length, 2)
      assert.deepEqual(
        made.map(({ spec }) => spec.policyName),
        [undefined, 'fleet-sidelight-injection', 'fleet-sidelight-injection'],
      )
      assert.deepEqual(bindings(made), bindings(wanted))
    })
  }

  it('is that for Kyverno, where that is the one to do it', () => {
    const wanted = shipped('deploy/kyverno/injection.yaml')
    const made = injected('--set=injection.api=kyverno')
    const parts = ({ apiVersion, kind, metadata, spec }: KubernetesObject<Policy>): unknown => {
      const { mutations, ...rest } = withoutValues(spec)
      const name = metadata.name.replace(/^fleet-/, '')
      const { annotations } = metadata
      return { apiVersion, kind, name, annotations, rest, mutations: mutations.length }
    }
    assert.equal(made.length, 2)
    assert.deepEqual(made.map(parts), wanted.map(parts))
    assert.deepEqual(
      made.map((policy) => comparable(expressionOf(policy))),
      wanted.map((policy) => withValues(comparable(expressionOf(policy)))),
    )
  })

  it('takes values into the expression', () => {
    const [policy] = injected('-f', 'test/deploy/values/injection.yaml')
    assert.ok(policy !== undefined)
    const expression = comparable(expressionOf(policy))
    for (const part of [
      'image: "registry.example.com/sidelight:9", imagePullPolicy: "Always"',
      'Object.spec.volumes.secret{secretName: "mine", optional: true}',
      'audience: "https://mcp.example.com/mcp"',
      'configMapRef{name: "otel", optional: true}',
      'emptyDir{sizeLimit: "10Gi"}',
      'resources{limits: {"memory": "1Gi"}, requests: {"cpu": "0.1", "memory": "128Mi"}}',
    ]) {
      assert.ok(expression.includes(part), `${part} is not in ${expression}`)
    }
    assert.ok(JSON.stringify(policy.spec).includes(': \\"shared\\"'), 'the name of the ConfigMap')
    assert.ok(!JSON.stringify(policy.spec).includes('SIDELIGHT_'))
  })

  it('makes of a pod what the templates make of it, with values too', async () => {
    for (const values of [{}, withInjection]) {
      const file = path.join(await temporaryDirectory(), 'values.yaml')
      writeFileSync(file, stringify(values))
      const policy = only(injected('-f', file), 'MutatingAdmissionPolicy')
      const pod = admit(policy, podOf(CROWDED))
      const wanted = (await agent(values)).spec
      const [container] = wanted.initContainers
      // Amounts are texts to an admission policy; 0.1 and "0.1" are one amount.
      const asTexts = JSON.parse(JSON.stringify(container).replace('"cpu":0.1', '"cpu":"0.1"'))
      assert.deepEqual(pod.spec.initContainers[0], asTexts)
      const mounted = wanted.volumes.filter(({ name }) => name !== 'sidelight-program')
      assert.deepEqual(pod.spec.volumes.slice(-mounted.length), mounted)
      assert.equal(pod.metadata.labels['sidelight.dev/sidecar'], 'true')
      for (const version of VERSIONS) assert.deepEqual(schemaProblems(pod, version), [])
    }
  })
})
