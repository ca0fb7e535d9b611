/** The checks of "restricted" find what the standard forbids; else that they find nothing says nothing. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BREACHES, GOOD_POD, breach } from './support/bad-pods.ts'
import { CONTROLS, restrictedProblems } from './support/pod-security.ts'

describe('the checks of Pod Security "restricted"', () => {
  it('find nothing in a pod that keeps to it', () => {
    assert.deepEqual(restrictedProblems(GOOD_POD), [])
  })

  for (const { name } of CONTROLS) {
    it(`find a breach of: ${name}`, () => {
      assert.ok(BREACHES[name] !== undefined)
      const controls = restrictedProblems(breach(name)).map((problem) => problem.split(': ')[0])
      assert.deepEqual(controls, [name])
    })
  }

  it('look into init containers too', () => {
    const pod = structuredClone(GOOD_POD)
    pod.spec.initContainers = [{ name: 'sidelight', image: 'sidelight' }]
    assert.deepEqual(restrictedProblems(pod), [
      'privilege escalation: initContainers[sidelight].securityContext.allowPrivilegeEscalation',
      'running as non-root: initContainers[sidelight].securityContext.runAsNonRoot',
      'seccomp: initContainers[sidelight].securityContext.seccompProfile',
      'capabilities: initContainers[sidelight].securityContext.capabilities',
    ])
  })
})
