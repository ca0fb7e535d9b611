/**
 * What a MutatingAdmissionPolicy makes of a pod. Kubernetes' CEL has object types, which the CEL of this
 * project's policies has not: they are read as maps here. All else is evaluated as it stands.
 */

import assert from 'node:assert/strict'
import { Environment } from '@marcbachmann/cel-js'
import type { Json } from './manifests.ts'

const environment = new Environment({
  unlistedVariablesAreDyn: true,
  homogeneousAggregateLiterals: false,
})

/** The pod as it is admitted, or the pod itself when a condition of the policy does not hold. */
export function admit(policy: Json, pod: Json): Json {
  const object = withIntegers(pod)
  const { matchConditions = [], variables = [], mutations } = policy.spec
  const context: Json = { object, variables: {} }
  if (!matchConditions.every(({ expression }: Json) => evaluate(expression, context))) return pod
  for (const { name, expression } of variables) {
    context.variables[name] = evaluate(expression, context)
  }
  const result = structuredClone(object)
  for (const { patchType, jsonPatch } of mutations) {
    assert.equal(patchType, 'JSONPatch')
    for (const operation of evaluate(jsonPatch.expression, context)) add(result, operation)
  }
  return withNumbers(result)
}

/** Whether a binding takes a pod of a namespace with these labels. */
export function binds(binding: Json, labels: { namespace: Json; pod: Json }): boolean {
  const { namespaceSelector, objectSelector } = binding.spec.matchResources
  return selects(namespaceSelector, labels.namespace) && selects(objectSelector, labels.pod)
}

function selects({ matchLabels = {}, matchExpressions = [] }: Json, labels: Json): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }: Json) => {
      assert.equal(operator, 'NotIn')
      return !values.includes(labels[key])
    })
  )
}

/** Throws what the parser or the evaluation says. */
function evaluate(expression: string, context: Json): Json {
  return environment.evaluate(withMaps(expression), context)
}

/** `Object.spec.volumes{name: "a"}` as `{"name": "a"}`; what is within quotes stays. */
export function withMaps(expression: string): string {
  return expression
    .split(/("(?:[^"\\]|\\.)*")/)
    .map((part, at) =>
      at % 2 === 1
        ? part
        : part
            .replaceAll(/\b(?:JSONPatch|Object(?:\.\w+)*)\{/g, '{')
            .replaceAll(/([{,]\s*)([A-Za-z_]\w*)(\s*:)/g, '$1"$2"$3'),
    )
    .join('')
}

/** The operation `add` of JSON Patch (RFC 6902), which refuses what the document has no place for. */
function add(document: Json, { op, path, value }: Json): void {
  assert.equal(op, 'add')
  const keys = String(path)
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = keys.pop() ?? ''
  let parent = document
  for (const key of keys) {
    parent = parent[key]
    assert.ok(typeof parent === 'object', `there is no ${path}`)
  }
  if (!Array.isArray(parent)) parent[last] = value
  else parent.splice(last === '-' ? parent.length : Number(last), 0, value)
}

/** Numbers of JSON are integers to CEL where they are whole. */
const withIntegers = (value: Json): Json =>
  mapValues(value, (leaf) => (Number.isInteger(leaf) ? BigInt(leaf) : leaf))

const withNumbers = (value: Json): Json =>
  mapValues(value, (leaf) => (typeof leaf === 'bigint' ? Number(leaf) : leaf))

function mapValues(value: Json, change: (leaf: Json) => Json): Json {
  if (Array.isArray(value)) return value.map((item) => mapValues(item, change))
  if (typeof value !== 'object' || value === null) return change(value)
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, mapValues(member, change)]),
  )
}
