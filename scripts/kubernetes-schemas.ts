/**
 * Writes test/deploy/schemas/kubernetes.json: the schemas of Kubernetes' API, for the kinds that are used
 * here, in every minor version from 1.29 on. They come from the Python package `kubernetes-validate`, which
 * carries Kubernetes' published OpenAPI documents as JSON Schema:
 *
 *   pip download --no-deps kubernetes-validate==1.37.0 && unzip kubernetes_validate-*.whl -d DIR
 *   node scripts/kubernetes-schemas.ts DIR
 *
 * Descriptions are left out. A definition that several versions share is written once.
 */

import { globSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const OUTPUT = 'test/deploy/schemas/kubernetes.json'

/** `group/version/kind`; the core group is empty. */
const KINDS = [
  '/v1/ConfigMap',
  '/v1/Namespace',
  '/v1/PersistentVolumeClaim',
  '/v1/Pod',
  '/v1/Secret',
  '/v1/Service',
  '/v1/ServiceAccount',
  'admissionregistration.k8s.io/v1/MutatingAdmissionPolicy',
  'admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding',
  'admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicy',
  'admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicyBinding',
  'apps/v1/DaemonSet',
  'apps/v1/Deployment',
  'apps/v1/StatefulSet',
  'batch/v1/CronJob',
  'batch/v1/Job',
  'networking.k8s.io/v1/NetworkPolicy',
  'policy/v1/PodDisruptionBudget',
  'rbac.authorization.k8s.io/v1/ClusterRole',
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding',
  'rbac.authorization.k8s.io/v1/Role',
  'rbac.authorization.k8s.io/v1/RoleBinding',
]

interface GroupVersionKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

type Schema = Readonly<Record<string, unknown>>

interface Entry {
  readonly name: string
  readonly versions: string[]
  readonly schema: Schema
}

/** Kinds that a version has, and all definitions that they need. */
function read(file: string): {
  readonly kinds: ReadonlyMap<string, string>
  readonly definitions: ReadonlyMap<string, Schema>
} {
  const { $defs }: { readonly $defs: Readonly<Record<string, Schema>> } = JSON.parse(
    readFileSync(file, 'utf8'),
  )
  const kinds = new Map<string, string>()
  for (const [name, schema] of Object.entries($defs)) {
    for (const { group, version, kind } of groupVersionKinds(schema)) {
      const id = `${group}/${version}/${kind}`
      if (KINDS.includes(id)) kinds.set(id, name)
    }
  }
  const definitions = new Map<string, Schema>()
  const open = [...kinds.values()]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const schema = $defs[name]
    if (schema === undefined || definitions.has(name)) continue
    const text = JSON.stringify(schema, withoutTexts)
    definitions.set(name, JSON.parse(text))
    open.push(...[...text.matchAll(/"#\/\$defs\/([^"]+)"/g)].map(([, other = '']) => other))
  }
  return { kinds, definitions }
}

/** An object that has many kinds is one of all groups, such as options of a deletion. */
function groupVersionKinds(schema: Schema): readonly GroupVersionKind[] {
  const list = schema['x-kubernetes-group-version-kind']
  return Array.isArray(list) && list.length === 1 ? list : []
}

/** Of properties that are themselves called so the value is an object. */
const withoutTexts = (key: string, value: unknown): unknown =>
  (key === 'description' && typeof value === 'string') || key.startsWith('x-kubernetes-')
    ? undefined
    : value

function collect(directory: string): { kinds: Record<string, string>; definitions: Entry[] } {
  const entries = new Map<string, Entry>()
  const kinds = new Map<string, string>()
  for (const file of globSync(`${directory}/**/v1.*-local-strict/_definitions.json`).toSorted()) {
    const version = /v(1\.\d+)\./.exec(path.dirname(file))?.[1] ?? ''
    if (Number(version.slice(2)) < 29) continue
    const found = read(file)
    for (const [id, name] of found.kinds) kinds.set(id, name)
    for (const [name, schema] of found.definitions) {
      const key = `${name} ${JSON.stringify(schema)}`
      const entry = entries.get(key)
      if (entry === undefined) entries.set(key, { name, versions: [version], schema })
      else entry.versions.push(version)
    }
  }
  return {
    kinds: Object.fromEntries([...kinds].toSorted(([a], [b]) => a.localeCompare(b))),
    definitions: [...entries.values()].toSorted((a, b) => a.name.localeCompare(b.name)),
  }
}

const { kinds, definitions } = collect(process.argv[2] ?? '.')
if (definitions.length === 0) throw new Error('name the directory with the unpacked package')
const lines = definitions.map((entry) => JSON.stringify(entry))
writeFileSync(
  OUTPUT,
  `{"kinds":${JSON.stringify(kinds)},\n"definitions":[\n${lines.join(',\n')}\n]}\n`,
)
