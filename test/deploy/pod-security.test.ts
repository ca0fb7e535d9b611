/** The checks of "restricted" find what the standard forbids; else that they find nothing says nothing. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Json } from './support/manifests.ts'
import { CONTROLS, restrictedProblems } from './support/pod-security.ts'

const GOOD: Json = {
  metadata: { name: 'agent' },
  spec: {
    containers: [
      {
        name: 'agent',
        image: 'agent',
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          runAsNonRoot: true,
          seccompProfile: { type: 'RuntimeDefault' },
        },
      },
    ],
    volumes: [{ name: 'cache', emptyDir: {} }],
  },
}

/** What breaks each control, and nothing else. */
const BAD: Readonly<Record<string, (spec: Json, context: Json) => void>> = {
  'host process': (spec) => {
    spec.securityContext = { windowsOptions: { hostProcess: true } }
  },
  'host namespaces': (spec) => {
    spec.hostPID = true
  },
  'privileged containers': (_, context) => {
    context.privileged = true
  },
  'host ports': (spec) => {
    spec.containers[0].ports = [{ containerPort: 1, hostPort: 1 }]
  },
  'hosts of probes and hooks': (spec) => {
    spec.containers[0].livenessProbe = { httpGet: { host: '10.0.0.1', path: '/', port: 1 } }
  },
  AppArmor: (_, context) => {
    context.appArmorProfile = { type: 'Unconfined' }
  },
  SELinux: (_, context) => {
    context.seLinuxOptions = { type: 'spc_t' }
  },
  '/proc mount type': (_, context) => {
    context.procMount = 'Unmasked'
  },
  sysctls: (spec) => {
    spec.securityContext = { sysctls: [{ name: 'kernel.msgmax', value: '1' }] }
  },
  'volume types': (spec) => {
    spec.volumes.push({ name: 'host', hostPath: { path: '/' } })
  },
  'privilege escalation': (_, context) => {
    delete context.allowPrivilegeEscalation
  },
  'running as non-root': (_, context) => {
    context.runAsNonRoot = false
  },
  'running as non-root user': (_, context) => {
    context.runAsUser = 0
  },
  seccomp: (_, context) => {
    delete context.seccompProfile
  },
  'seccomp values': (spec) => {
    spec.securityContext = { seccompProfile: { type: 'Unconfined' } }
  },
  capabilities: (_, context) => {
    context.capabilities.add = ['NET_ADMIN']
  },
}

describe('the checks of Pod Security "restricted"', () => {
  it('find nothing in a pod that keeps to it', () => {
    assert.deepEqual(restrictedProblems(GOOD), [])
  })

  for (const { name } of CONTROLS) {
    it(`find a breach of: ${name}`, () => {
      const pod = structuredClone(GOOD)
      const breakIt = BAD[name]
      assert.ok(breakIt !== undefined)
      breakIt(pod.spec, pod.spec.containers[0].securityContext)
      const controls = restrictedProblems(pod).map((problem) => problem.split(': ')[0])
      assert.deepEqual(controls, [name])
    })
  }

  it('look into init containers too', () => {
    const pod = structuredClone(GOOD)
    pod.spec.initContainers = [{ name: 'sidelight', image: 'sidelight' }]
    assert.deepEqual(restrictedProblems(pod), [
      'privilege escalation: initContainers[sidelight].securityContext.allowPrivilegeEscalation',
      'running as non-root: initContainers[sidelight].securityContext.runAsNonRoot',
      'seccomp: initContainers[sidelight].securityContext.seccompProfile',
      'capabilities: initContainers[sidelight].securityContext.capabilities',
    ])
  })
})
