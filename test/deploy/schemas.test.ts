/** The schemas of Kubernetes find faults; else that they find none says nothing. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Json } from './support/manifests.ts'
import { VERSIONS, schemaProblems } from './support/schemas.ts'
import { CROWDED } from './support/workloads.ts'

const broken = (change: (spec: Json) => void): Json => {
  const workload = structuredClone(CROWDED)
  change(workload.spec.template.spec)
  return workload
}

describe('the schemas of Kubernetes', () => {
  it('are those of the minor versions from 1.29 to 1.37', () => {
    assert.deepEqual(VERSIONS, [
      '1.29',
      '1.30',
      '1.31',
      '1.32',
      '1.33',
      '1.34',
      '1.35',
      '1.36',
      '1.37',
    ])
  })

  for (const version of VERSIONS) {
    it(`find faults in ${version}, and none in what is right`, () => {
      assert.deepEqual(schemaProblems(CROWDED, version), [])
      const unknown = broken((spec) => {
        spec.containers[0].restartPolicies = 'Always'
      })
      assert.match(String(schemaProblems(unknown, version)), /restartPolicies/)
      const wrongType = broken((spec) => {
        spec.terminationGracePeriodSeconds = '45'
      })
      assert.match(String(schemaProblems(wrongType, version)), /terminationGracePeriodSeconds/)
      const missing = broken((spec) => {
        delete spec.containers[0].name
      })
      assert.match(String(schemaProblems(missing, version)), /"missingProperty":"name"/)
    })
  }

  it('know which version has which kind', () => {
    const policy = (version: string): Json => ({
      apiVersion: `admissionregistration.k8s.io/${version}`,
      kind: 'MutatingAdmissionPolicy',
      metadata: { name: 'any' },
      spec: {},
    })
    const having = (version: string): readonly string[] =>
      VERSIONS.filter((minor) => schemaProblems(policy(version), minor).length === 0)
    assert.deepEqual(having('v1beta1'), ['1.34', '1.35', '1.36', '1.37'])
    assert.deepEqual(having('v1'), ['1.36', '1.37'])
  })
})
