/**
 * The sidecar for pods whose namespace or own label asks for it, put in by the API server itself.
 *
 * Kubernetes evaluates a MutatingAdmissionPolicy as `v1beta1` in 1.34 and 1.35, where it has to be switched
 * on, and as `v1` from 1.36. Kyverno's MutatingPolicy is the same for clusters that are older.
 */

import type { GeneratedFile } from '../../scripts/generated.ts'
import { addOperation, asCel, enclose, type AddOperation } from './cel.ts'
import { DEFAULTS, DRAIN_SECONDS, sidecarContainer, sidecarVolumes } from './container.ts'
import type { Manifest, Volume } from './kubernetes.ts'
import { ANNOTATION, LABEL, NAME } from './names.ts'
import { manifestFile } from './print.ts'

const POLICY = `${NAME}-injection`

/** Of pods that are made where the label says so. */
interface Matching {
  readonly name: string
  readonly about: string
  readonly namespaceSelector: object
  readonly objectSelector: object
}

const NOT_REFUSED = { key: LABEL.inject, operator: 'NotIn', values: ['false'] }

export const MATCHES: readonly Matching[] = [
  {
    name: 'namespaces',
    namespaceSelector: { matchLabels: { [LABEL.inject]: 'true' } },
    objectSelector: { matchExpressions: [NOT_REFUSED] },
    about: `Pods of namespaces with the label ${LABEL.inject}: "true", except those that say "false"`,
  },
  {
    name: 'pods',
    namespaceSelector: {
      matchExpressions: [{ key: LABEL.inject, operator: 'NotIn', values: ['true'] }],
    },
    objectSelector: { matchLabels: { [LABEL.inject]: 'true' } },
    about: `Pods with the label ${LABEL.inject}: "true" themselves, in any other namespace`,
  },
]

export const POD_RULES = [
  { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] },
]

/**
 * A pod that has it already, from Kustomize or the chart, keeps what it has. In the network of its node the
 * sidecar would listen for everybody there, and lend them its credentials; on Windows it does not run.
 */
export const CONDITIONS = [
  {
    name: 'has-no-sidelight-yet',
    expression: ['containers', 'initContainers']
      .map(
        (list) =>
          `!(has(object.spec.${list}) && object.spec.${list}.exists(c, c.name == "${NAME}"))`,
      )
      .join(' && '),
  },
  {
    name: 'has-its-own-network',
    expression: '!(has(object.spec.hostNetwork) && object.spec.hostNetwork)',
  },
  {
    name: 'is-not-for-windows',
    expression: '!(has(object.spec.os) && object.spec.os.name == "windows")',
  },
]

/** What the expression uses; `configMap` is taken where the pod names no other. */
export const injectionVariables = (
  configMap: string,
): readonly { readonly name: string; readonly expression: string }[] => [
  {
    name: 'config',
    expression: `has(object.metadata.annotations) && "${ANNOTATION.config}" in object.metadata.annotations ? object.metadata.annotations["${ANNOTATION.config}"] : "${configMap}"`,
  },
  {
    name: 'seconds',
    expression: `(has(object.spec.terminationGracePeriodSeconds) ? object.spec.terminationGracePeriodSeconds : 30) + ${String(DRAIN_SECONDS)}`,
  },
  {
    name: 'volumes',
    expression: 'has(object.spec.volumes) ? object.spec.volumes.map(v, v.name) : []',
  },
]

/** `configMap` of the settings of a container that a policy puts in. */
export const CONFIG_VARIABLE = asCel('variables.config')

/**
 * What differs between clusters comes first, for overlays to replace. It stands in the policy, not in a
 * ConfigMap of parameters: after all bindings were gone once, Kubernetes goes on with the values of a ConfigMap
 * that it read before, or finds none, until the API server is started anew (kubernetes/kubernetes#130887).
 */
const VARIABLES = [
  { name: 'image', expression: JSON.stringify(DEFAULTS.image) },
  { name: 'tokenAudience', expression: JSON.stringify(DEFAULTS.tokenAudience) },
  ...injectionVariables(DEFAULTS.configMap),
]

function mutations(): readonly object[] {
  const settings = {
    ...DEFAULTS,
    image: asCel('variables.image'),
    tokenAudience: asCel('variables.tokenAudience'),
    configMap: CONFIG_VARIABLE,
  }
  const expression = injectionExpression(sidecarContainer(settings), sidecarVolumes(settings))
  return [{ patchType: 'JSONPatch', jsonPatch: { expression } }]
}

/**
 * A list of operations, as CEL, that puts the sidecar into the pod `object`: its container and volumes, in
 * which texts may be pieces of CEL (`asCel`).
 */
export function injectionExpression(container: object, volumes: readonly Volume[]): string {
  return [
    whenMissing('metadata.labels', '/metadata/labels', {}),
    operations([{ path: `/metadata/labels/${pointer(LABEL.sidecar)}`, value: 'true' }]),
    operations([
      { path: '/spec/terminationGracePeriodSeconds', value: asCel('variables.seconds') },
    ]),
    whenMissing('spec.volumes', '/spec/volumes', []),
    ...volumes.map(unlessOwn),
    whenMissing('spec.initContainers', '/spec/initContainers', []),
    // Before all others, so that they too may call servers.
    operations([{ path: '/spec/initContainers/0', value: container }]),
  ].join(' +\n')
}

function operations(added: readonly AddOperation[]): string {
  return enclose(
    ['[', ']'],
    added.map((operation) => addOperation(operation, '  ')),
    '',
  )
}

/** A pod that brings a volume of that name, such as a claim for the audit log, keeps its own. */
function unlessOwn(volume: Volume): string {
  const operation = addOperation({ path: '/spec/volumes/-', value: volume }, '  ')
  return `(${JSON.stringify(volume.name)} in variables.volumes ? [] : [\n  ${operation}\n])`
}

function whenMissing(field: string, path: string, value: unknown): string {
  return `(has(object.${field}) ? [] : [${addOperation({ path, value })}])`
}

/** A key as part of a JSON Pointer (RFC 6901). */
const pointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

/** The same for Kubernetes' policy and for Kyverno's. */
const SPEC = {
  matchConditions: CONDITIONS,
  variables: VARIABLES,
  failurePolicy: 'Fail',
  mutations: mutations(),
}

/** Kubernetes' own policy, with its bindings. */
export function admissionPolicy(version: 'v1' | 'v1beta1'): readonly Manifest[] {
  const apiVersion = `admissionregistration.k8s.io/${version}`
  return [
    {
      apiVersion,
      kind: 'MutatingAdmissionPolicy',
      metadata: { name: POLICY },
      spec: {
        ...SPEC,
        matchConstraints: { resourceRules: POD_RULES },
        reinvocationPolicy: 'IfNeeded',
      },
    },
    ...MATCHES.map(({ name, namespaceSelector, objectSelector }) => ({
      apiVersion,
      kind: 'MutatingAdmissionPolicyBinding',
      metadata: { name: `${POLICY}-${name}` },
      spec: { policyName: POLICY, matchResources: { namespaceSelector, objectSelector } },
    })),
  ]
}

/**
 * Kyverno has no bindings, so there is a policy for each. Without the empty list it would evaluate them on
 * Deployments and their like as well, where nothing is at its place.
 */
export function kyvernoPolicies(): readonly Manifest[] {
  return MATCHES.map(({ name, namespaceSelector, objectSelector, about }) => ({
    apiVersion: 'policies.kyverno.io/v1',
    kind: 'MutatingPolicy',
    metadata: {
      name: `${POLICY}-${name}`,
      annotations: { 'policies.kyverno.io/description': about },
    },
    spec: {
      ...SPEC,
      autogen: { podControllers: { controllers: [] } },
      matchConstraints: { namespaceSelector, objectSelector, resourceRules: POD_RULES },
    },
  }))
}

const ABOUT = [
  `Puts Sidelight into pods whose namespace, or who themselves, have the label ${LABEL.inject}: "true".`,
  'docs/kubernetes.md says how to use it. Its first variables are what differs between clusters.',
]

export function injectionFiles(): readonly GeneratedFile[] {
  return [
    ...injectionDirectory('injection', 'v1', 'For Kubernetes 1.36 and later.'),
    ...injectionDirectory(
      'injection-v1beta1',
      'v1beta1',
      'For Kubernetes 1.34 and 1.35, with --feature-gates=MutatingAdmissionPolicy=true and --runtime-config=admissionregistration.k8s.io/v1beta1=true.',
    ),
    manifestFile(
      'deploy/kyverno/injection.yaml',
      [...ABOUT, 'For clusters without MutatingAdmissionPolicy: Kyverno 1.17 and later.'],
      kyvernoPolicies(),
    ),
  ]
}

function injectionDirectory(
  name: string,
  version: 'v1' | 'v1beta1',
  where: string,
): readonly GeneratedFile[] {
  const directory = `deploy/kustomize/${name}`
  const kustomization: Manifest = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: ['policy.yaml'],
  }
  return [
    manifestFile(`${directory}/kustomization.yaml`, [...ABOUT, where], [kustomization]),
    manifestFile(`${directory}/policy.yaml`, [], admissionPolicy(version)),
  ]
}
